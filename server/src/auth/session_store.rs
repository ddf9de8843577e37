//! Rows of sessions, of halves of them, and of challenges that were answered.

use super::secret::SecretHash;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{half_sessions, sessions, used_challenges, users};
use diesel::prelude::*;
use scm_protocol::ids::{SessionId, UnixMillis, UserId};

/// A session with its user, as a request needs it.
#[derive(Clone, Debug, Queryable)]
pub(super) struct SessionRow {
    pub id: i64,
    pub user_id: i64,
    pub username: String,
    pub role: String,
    pub organization_id: i64,
    pub last_used_ms: i64,
    pub expires_ms: i64,
}

/// A session with its user, as the list shows it.
#[derive(Clone, Debug, Queryable)]
pub(super) struct ListedRow {
    pub id: i64,
    pub user_id: i64,
    pub username: String,
    pub created_ms: i64,
    pub last_used_ms: i64,
    pub expires_ms: i64,
    pub address: String,
    pub method: String,
    pub second_factor: i64,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct NewSession {
    pub token_hash: Vec<u8>,
    pub user_id: i64,
    pub address: String,
    pub method: String,
    pub second_factor: i64,
    pub created_ms: i64,
    pub last_used_ms: i64,
    pub expires_ms: i64,
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = half_sessions)]
pub(super) struct NewHalf {
    pub token_hash: Vec<u8>,
    pub user_id: i64,
    pub method: String,
    pub expires_ms: i64,
}

/// Which sessions a caller sees or ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub organization_id: i64,
    /// None: everybody's.
    pub user_id: Option<UserId>,
}

pub(super) fn add(conn: &mut Conn, new: &NewSession) -> Result<(), Error> {
    diesel::insert_into(sessions::table).values(new).execute(conn)?;
    Ok(())
}

pub(super) fn by_hash(conn: &mut Conn, hash: &SecretHash) -> Result<Option<SessionRow>, Error> {
    let columns = (
        sessions::id,
        users::id,
        users::username,
        users::role,
        users::organization_id,
        sessions::last_used_ms,
        sessions::expires_ms,
    );
    let row = sessions::table
        .inner_join(users::table)
        .filter(sessions::token_hash.eq(hash.as_bytes()));
    Ok(row.select(columns).first(conn).optional()?)
}

pub(super) fn touch(conn: &mut Conn, id: SessionId, now: UnixMillis) -> Result<(), Error> {
    diesel::update(sessions::table.find(id.0))
        .set(sessions::last_used_ms.eq(now.0))
        .execute(conn)?;
    Ok(())
}

/// Sessions that did not end, before `before` (exclusive), newest first.
pub(super) fn page(
    conn: &mut Conn,
    scope: Scope,
    live: Live,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<ListedRow>, Error> {
    let columns = (
        sessions::id,
        users::id,
        users::username,
        sessions::created_ms,
        sessions::last_used_ms,
        sessions::expires_ms,
        sessions::address,
        sessions::method,
        sessions::second_factor,
    );
    Ok(sessions::table
        .inner_join(users::table)
        .filter(users::organization_id.eq(scope.organization_id))
        .filter(users::id.ge(scope.user_id.map_or(0, |user| user.0)))
        .filter(users::id.le(scope.user_id.map_or(i64::MAX, |user| user.0)))
        .filter(sessions::expires_ms.gt(live.now.0))
        .filter(sessions::last_used_ms.gt(live.used_after.0))
        .filter(sessions::id.lt(before.unwrap_or(i64::MAX)))
        .order(sessions::id.desc())
        .limit(limit)
        .select(columns)
        .load(conn)?)
}

/// Which sessions did not end by themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Live {
    pub now: UnixMillis,
    pub used_after: UnixMillis,
}

/// Whose session it is, within the scope.
pub(super) fn owner(conn: &mut Conn, scope: Scope, id: SessionId) -> Result<Option<String>, Error> {
    Ok(sessions::table
        .inner_join(users::table)
        .filter(sessions::id.eq(id.0))
        .filter(users::organization_id.eq(scope.organization_id))
        .filter(users::id.ge(scope.user_id.map_or(0, |user| user.0)))
        .filter(users::id.le(scope.user_id.map_or(i64::MAX, |user| user.0)))
        .select(users::username)
        .first(conn)
        .optional()?)
}

pub(super) fn end(conn: &mut Conn, id: SessionId) -> Result<(), Error> {
    diesel::delete(sessions::table.find(id.0)).execute(conn)?;
    Ok(())
}

/// Ends every session of a user but one, and every half of one; returns how many sessions that were.
pub(super) fn end_all(conn: &mut Conn, user: UserId, but: Option<SessionId>) -> Result<usize, Error> {
    diesel::delete(half_sessions::table.filter(half_sessions::user_id.eq(user.0))).execute(conn)?;
    let others = sessions::table
        .filter(sessions::user_id.eq(user.0))
        .filter(sessions::id.ne(but.map_or(0, |id| id.0)));
    Ok(diesel::delete(others).execute(conn)?)
}

pub(super) fn add_half(conn: &mut Conn, new: &NewHalf) -> Result<(), Error> {
    diesel::insert_into(half_sessions::table)
        .values(new)
        .execute(conn)?;
    Ok(())
}

/// User and login method of a half that is not over.
pub(super) fn half(
    conn: &mut Conn,
    hash: &SecretHash,
    now: UnixMillis,
) -> Result<Option<(i64, String)>, Error> {
    Ok(half_sessions::table
        .find(hash.as_bytes())
        .filter(half_sessions::expires_ms.gt(now.0))
        .select((half_sessions::user_id, half_sessions::method))
        .first(conn)
        .optional()?)
}

/// Takes a half away; false when somebody else took it.
pub(super) fn use_half(conn: &mut Conn, hash: &SecretHash) -> Result<bool, Error> {
    Ok(diesel::delete(half_sessions::table.find(hash.as_bytes())).execute(conn)? == 1)
}

/// Uses a challenge up; false when it was used before.
pub(super) fn use_challenge(
    conn: &mut Conn,
    digest: &SecretHash,
    expires: UnixMillis,
    now: UnixMillis,
) -> Result<bool, Error> {
    diesel::delete(used_challenges::table.filter(used_challenges::expires_ms.lt(now.0))).execute(conn)?;
    let row = (
        used_challenges::digest.eq(digest.as_bytes()),
        used_challenges::expires_ms.eq(expires.0),
    );
    let added = per_backend!(conn, c => diesel::insert_into(used_challenges::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Forgets what is over.
pub(super) fn sweep(conn: &mut Conn, now: UnixMillis) -> Result<(), Error> {
    diesel::delete(sessions::table.filter(sessions::expires_ms.lt(now.0))).execute(conn)?;
    diesel::delete(half_sessions::table.filter(half_sessions::expires_ms.lt(now.0))).execute(conn)?;
    Ok(())
}
