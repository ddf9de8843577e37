//! Rows of `api_tokens`.

use crate::auth::SecretHash;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{api_tokens, users};
use diesel::prelude::*;
use scm_protocol::ids::{ApiTokenId, UnixMillis, UserId};

/// A token with its user.
#[derive(Clone, Debug, Queryable)]
pub(super) struct TokenRow {
    pub id: i64,
    pub name: String,
    pub user_id: i64,
    pub username: String,
    pub organization_id: i64,
    pub role: String,
    pub user_role: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub last_used_ms: Option<i64>,
}

/// A token to add.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = api_tokens)]
pub(super) struct NewToken {
    pub user_id: i64,
    pub name: String,
    pub token_hash: Vec<u8>,
    pub role: String,
    pub created_ms: i64,
    pub expires_ms: i64,
}

/// Which tokens a caller sees or revokes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub organization_id: i64,
    /// None: everybody's.
    pub user_id: Option<UserId>,
}

/// The columns of [`TokenRow`].
macro_rules! columns {
    () => {
        (
            api_tokens::id,
            api_tokens::name,
            users::id,
            users::username,
            users::organization_id,
            api_tokens::role,
            users::role,
            api_tokens::created_ms,
            api_tokens::expires_ms,
            api_tokens::last_used_ms,
        )
    };
}

pub(super) fn by_hash(conn: &mut Conn, hash: &SecretHash) -> Result<Option<TokenRow>, Error> {
    Ok(api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::token_hash.eq(hash.as_bytes()))
        .select(columns!())
        .first(conn)
        .optional()?)
}

pub(super) fn find(conn: &mut Conn, scope: Scope, id: ApiTokenId) -> Result<Option<TokenRow>, Error> {
    Ok(api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::id.eq(id.0))
        .filter(users::organization_id.eq(scope.organization_id))
        .filter(users::id.ge(scope.user_id.map_or(0, |user| user.0)))
        .filter(users::id.le(scope.user_id.map_or(i64::MAX, |user| user.0)))
        .select(columns!())
        .first(conn)
        .optional()?)
}

/// Tokens before `before` (exclusive), newest first.
pub(super) fn page(
    conn: &mut Conn,
    scope: Scope,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<TokenRow>, Error> {
    Ok(api_tokens::table
        .inner_join(users::table)
        .filter(api_tokens::id.lt(before.unwrap_or(i64::MAX)))
        .filter(users::organization_id.eq(scope.organization_id))
        .filter(users::id.ge(scope.user_id.map_or(0, |user| user.0)))
        .filter(users::id.le(scope.user_id.map_or(i64::MAX, |user| user.0)))
        .order(api_tokens::id.desc())
        .limit(limit)
        .select(columns!())
        .load(conn)?)
}

/// How many tokens a user has, ended ones included.
pub(super) fn count(conn: &mut Conn, user: UserId) -> Result<i64, Error> {
    Ok(api_tokens::table
        .filter(api_tokens::user_id.eq(user.0))
        .count()
        .get_result(conn)?)
}

/// Adds a token; none when its user has one of that name.
pub(super) fn add(conn: &mut Conn, new: &NewToken) -> Result<Option<i64>, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(api_tokens::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning(api_tokens::id)
        .get_result(c)
        .optional())?)
}

pub(super) fn touch(conn: &mut Conn, id: ApiTokenId, now: UnixMillis) -> Result<(), Error> {
    diesel::update(api_tokens::table.find(id.0))
        .set(api_tokens::last_used_ms.eq(now.0))
        .execute(conn)?;
    Ok(())
}

pub(super) fn delete(conn: &mut Conn, id: ApiTokenId) -> Result<(), Error> {
    diesel::delete(api_tokens::table.find(id.0)).execute(conn)?;
    Ok(())
}
