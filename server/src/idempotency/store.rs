//! Rows of `idempotency_keys`.

use super::Key;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::idempotency_keys;
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;

/// Forgets keys whose time is over.
pub(super) fn forget(conn: &mut Conn, now: UnixMillis) -> Result<(), Error> {
    diesel::delete(idempotency_keys::table.filter(idempotency_keys::expires_ms.lt(now.0))).execute(conn)?;
    Ok(())
}

/// Adds a key; false when it is there already. Waits for another replica that is adding it.
pub(super) fn claim(conn: &mut Conn, key: &Key, expires: UnixMillis) -> Result<bool, Error> {
    let row = (
        idempotency_keys::organization_id.eq(key.organization_id),
        idempotency_keys::principal.eq(&key.principal),
        idempotency_keys::route.eq(key.route),
        idempotency_keys::key_hash.eq(key.hash.as_bytes()),
        idempotency_keys::result_id.eq(0),
        idempotency_keys::expires_ms.eq(expires.0),
    );
    let added = per_backend!(conn, c => diesel::insert_into(idempotency_keys::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Notes what a key created.
pub(super) fn set_result(conn: &mut Conn, key: &Key, id: i64) -> Result<(), Error> {
    let row = idempotency_keys::table.find((
        key.organization_id,
        &key.principal,
        key.route,
        key.hash.as_bytes(),
    ));
    diesel::update(row)
        .set(idempotency_keys::result_id.eq(id))
        .execute(conn)?;
    Ok(())
}

/// What a key created.
pub(super) fn result(conn: &mut Conn, key: &Key) -> Result<i64, Error> {
    let row = idempotency_keys::table.find((
        key.organization_id,
        &key.principal,
        key.route,
        key.hash.as_bytes(),
    ));
    Ok(row.select(idempotency_keys::result_id).first(conn)?)
}
