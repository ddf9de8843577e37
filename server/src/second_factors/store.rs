//! Rows of `second_factors` and `recovery_codes`.

use crate::auth::SecretHash;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{recovery_codes, second_factors};
use diesel::prelude::*;
use scm_protocol::ids::{UnixMillis, UserId};

/// A user's second factor.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = second_factors)]
pub(super) struct FactorRow {
    pub sealed_seed: Vec<u8>,
    pub confirmed_ms: Option<i64>,
    pub last_step: i64,
}

pub(super) fn find(conn: &mut Conn, user: UserId) -> Result<Option<FactorRow>, Error> {
    Ok(second_factors::table
        .find(user.0)
        .select(FactorRow::as_select())
        .first(conn)
        .optional()?)
}

/// Puts an unconfirmed seed in place of what there is.
pub(super) fn enroll(conn: &mut Conn, user: UserId, sealed: &[u8], now: UnixMillis) -> Result<(), Error> {
    remove(conn, user)?;
    let row = (
        second_factors::user_id.eq(user.0),
        second_factors::sealed_seed.eq(sealed),
        second_factors::created_ms.eq(now.0),
    );
    diesel::insert_into(second_factors::table)
        .values(row)
        .execute(conn)?;
    Ok(())
}

pub(super) fn confirm(conn: &mut Conn, user: UserId, now: UnixMillis) -> Result<(), Error> {
    diesel::update(second_factors::table.find(user.0))
        .set(second_factors::confirmed_ms.eq(now.0))
        .execute(conn)?;
    Ok(())
}

/// Takes a step; false when it or a later one was taken meanwhile.
pub(super) fn take_step(conn: &mut Conn, user: UserId, step: i64) -> Result<bool, Error> {
    let earlier = second_factors::table
        .filter(second_factors::user_id.eq(user.0))
        .filter(second_factors::last_step.lt(step));
    let taken = diesel::update(earlier)
        .set(second_factors::last_step.eq(step))
        .execute(conn)?;
    Ok(taken == 1)
}

pub(super) fn add_code(conn: &mut Conn, user: UserId, hash: &SecretHash) -> Result<(), Error> {
    let row = (
        recovery_codes::user_id.eq(user.0),
        recovery_codes::code_hash.eq(hash.as_bytes()),
    );
    diesel::insert_into(recovery_codes::table)
        .values(row)
        .execute(conn)?;
    Ok(())
}

/// Uses a recovery code up; false when it is none.
pub(super) fn use_code(conn: &mut Conn, user: UserId, hash: &SecretHash) -> Result<bool, Error> {
    Ok(diesel::delete(recovery_codes::table.find((user.0, hash.as_bytes()))).execute(conn)? == 1)
}

/// Removes it with its recovery codes; false when there was none.
pub(super) fn remove(conn: &mut Conn, user: UserId) -> Result<bool, Error> {
    diesel::delete(recovery_codes::table.filter(recovery_codes::user_id.eq(user.0))).execute(conn)?;
    Ok(diesel::delete(second_factors::table.find(user.0)).execute(conn)? == 1)
}
