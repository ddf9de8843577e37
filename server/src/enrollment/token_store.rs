//! Rows of `enrollment_tokens`.

use crate::auth::SecretHash;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
pub(super) use crate::storage::hold_organization;
use crate::storage::schema::enrollment_tokens as tokens;
use diesel::prelude::*;
use scm_protocol::enrollment::{CreateToken, TokenLimits};
use scm_protocol::ids::{TokenId, UnixMillis};

/// A token without its hash.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = tokens)]
pub(super) struct TokenRow {
    pub id: i64,
    pub name: String,
    pub created_ms: i64,
    pub created_by: String,
    pub expires_ms: Option<i64>,
    pub max_uses: Option<i64>,
    pub uses: i64,
    pub last_used_ms: Option<i64>,
    pub disabled_ms: Option<i64>,
}

impl TokenRow {
    /// What its status follows from.
    pub(super) fn limits(&self) -> TokenLimits {
        TokenLimits {
            disabled: self.disabled_ms.is_some(),
            expires: self.expires_ms.map(UnixMillis),
            max_uses: self.max_uses,
            uses: self.uses,
        }
    }
}

/// A token to add.
#[derive(Debug)]
pub(super) struct NewToken<'a> {
    pub organization_id: i64,
    pub create: &'a CreateToken,
    pub hash: &'a SecretHash,
    pub by: &'a str,
    pub now: UnixMillis,
}

/// Adds a token and reads it back; none when the organization has one of that name.
pub(super) fn add(conn: &mut Conn, new: &NewToken<'_>) -> Result<Option<TokenRow>, Error> {
    let row = (
        tokens::organization_id.eq(new.organization_id),
        tokens::name.eq(&new.create.name),
        tokens::token_hash.eq(new.hash.as_bytes()),
        tokens::created_ms.eq(new.now.0),
        tokens::created_by.eq(new.by),
        tokens::expires_ms.eq(new.create.expires_ms.map(|expires| expires.0)),
        tokens::max_uses.eq(new.create.max_uses),
    );
    let added = per_backend!(conn, c => diesel::insert_into(tokens::table)
        .values(&row)
        .on_conflict_do_nothing()
        .returning(TokenRow::as_returning())
        .get_result(c)
        .optional())?;
    Ok(added)
}

/// One token.
pub(super) fn find(conn: &mut Conn, organization_id: i64, id: TokenId) -> Result<Option<TokenRow>, Error> {
    Ok(tokens::table
        .filter(tokens::organization_id.eq(organization_id))
        .filter(tokens::id.eq(id.0))
        .select(TokenRow::as_select())
        .first(conn)
        .optional()?)
}

/// The token with that secret, locked until the commit (on SQLite the writer holds the only lock already).
pub(super) fn held_by_hash(
    conn: &mut Conn,
    organization_id: i64,
    hash: &SecretHash,
) -> Result<Option<TokenRow>, Error> {
    let token = tokens::table
        .filter(tokens::organization_id.eq(organization_id))
        .filter(tokens::token_hash.eq(hash.as_bytes()));
    let row = match conn {
        Conn::Sqlite(c) => token.select(TokenRow::as_select()).first(c),
        Conn::Postgres(c) => token.select(TokenRow::as_select()).for_no_key_update().first(c),
    };
    Ok(row.optional()?)
}

/// Tokens before `before` (exclusive), newest first.
pub(super) fn page(
    conn: &mut Conn,
    organization_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<TokenRow>, Error> {
    Ok(tokens::table
        .filter(tokens::organization_id.eq(organization_id))
        .filter(tokens::id.lt(before.unwrap_or(i64::MAX)))
        .order(tokens::id.desc())
        .limit(limit)
        .select(TokenRow::as_select())
        .load(conn)?)
}

/// Counts uses; false when the token may not be used so often.
pub(super) fn count_uses(conn: &mut Conn, id: i64, uses: i64, now: UnixMillis) -> Result<bool, Error> {
    let in_time = tokens::expires_ms.is_null().or(tokens::expires_ms.gt(now.0));
    let has_uses = tokens::max_uses
        .is_null()
        .or(tokens::max_uses.ge((tokens::uses + uses).nullable()));
    let usable = tokens::table
        .filter(tokens::id.eq(id))
        .filter(tokens::disabled_ms.is_null())
        .filter(in_time)
        .filter(has_uses);
    let counted = diesel::update(usable)
        .set((
            tokens::uses.eq(tokens::uses + uses),
            tokens::last_used_ms.eq(now.0),
        ))
        .execute(conn)?;
    Ok(counted == 1)
}

/// Disables a token at an instant, or enables it with none.
pub(super) fn set_disabled(conn: &mut Conn, id: TokenId, at: Option<UnixMillis>) -> Result<(), Error> {
    diesel::update(tokens::table.find(id.0))
        .set(tokens::disabled_ms.eq(at.map(|at| at.0)))
        .execute(conn)?;
    Ok(())
}

/// Deletes a token.
pub(super) fn delete(conn: &mut Conn, id: TokenId) -> Result<(), Error> {
    diesel::delete(tokens::table.find(id.0)).execute(conn)?;
    Ok(())
}
