//! Rows of `signing_key_transitions`, and the replacement of an organization's key.

use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{organizations, signing_key_transitions as transitions};
use diesel::dsl::max;
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;

/// A key that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = transitions)]
pub(super) struct TransitionRow {
    pub organization_id: i64,
    pub old_public_key: Vec<u8>,
    pub sealed_old_key: Option<Vec<u8>>,
    pub retire_ms: i64,
    pub created_ms: i64,
    pub statement: String,
}

/// An organization's, oldest first.
pub(super) fn of(conn: &mut Conn, organization_id: i64) -> Result<Vec<TransitionRow>, Error> {
    Ok(transitions::table
        .filter(transitions::organization_id.eq(organization_id))
        .order(transitions::created_ms)
        .select(TransitionRow::as_select())
        .load(conn)?)
}

/// The sealed key and the public key of an organization, its row locked until the commit.
pub(super) fn hold(conn: &mut Conn, organization_id: i64) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let row = organizations::table.find(organization_id);
    let columns = (organizations::sealed_signing_key, organizations::public_key);
    Ok(match conn {
        Conn::Sqlite(c) => row.select(columns).first(c)?,
        Conn::Postgres(c) => row.select(columns).for_update().first(c)?,
    })
}

/// When the next replacement is said to have been: after the ones before, whatever the clock did, because their order is
/// that in which the statements are followed.
pub(super) fn next_place(conn: &mut Conn, organization_id: i64, now: UnixMillis) -> Result<i64, Error> {
    let last: Option<i64> = transitions::table
        .filter(transitions::organization_id.eq(organization_id))
        .select(max(transitions::created_ms))
        .first(conn)?;
    Ok(last.map_or(now.0, |last| now.0.max(last.saturating_add(1))))
}

/// Keeps the old key with its statement, and the new one in its place.
pub(super) fn replace(
    conn: &mut Conn,
    row: &TransitionRow,
    (sealed, public): (&[u8], &[u8]),
) -> Result<(), Error> {
    diesel::insert_into(transitions::table)
        .values(row)
        .execute(conn)?;
    diesel::update(organizations::table.find(row.organization_id))
        .set((
            organizations::sealed_signing_key.eq(sealed),
            organizations::public_key.eq(public),
        ))
        .execute(conn)?;
    Ok(())
}

/// Old keys whose time is over and that are still there.
pub(super) fn retired(conn: &mut Conn, now: UnixMillis) -> Result<Vec<TransitionRow>, Error> {
    Ok(transitions::table
        .filter(transitions::sealed_old_key.is_not_null())
        .filter(transitions::retire_ms.le(now.0))
        .select(TransitionRow::as_select())
        .load(conn)?)
}

/// Destroys an old key; false when another server was first.
pub(super) fn destroy(conn: &mut Conn, row: &TransitionRow) -> Result<bool, Error> {
    let held = transitions::table
        .find((row.organization_id, row.old_public_key.as_slice()))
        .filter(transitions::sealed_old_key.is_not_null());
    let destroyed = diesel::update(held)
        .set(transitions::sealed_old_key.eq(None::<Vec<u8>>))
        .execute(conn)?;
    Ok(destroyed == 1)
}

/// What tells whether an organization's keys changed: its present public key, how many it had, and how many of those are
/// still there.
pub(super) type Version = (Vec<u8>, i64, i64);

/// The version of each organization.
pub(super) fn versions(conn: &mut Conn) -> Result<Vec<(i64, Version)>, Error> {
    let keys: Vec<(i64, Vec<u8>)> = organizations::table
        .select((organizations::id, organizations::public_key))
        .load(conn)?;
    let held: Vec<(i64, bool)> = transitions::table
        .select((
            transitions::organization_id,
            transitions::sealed_old_key.is_not_null(),
        ))
        .load(conn)?;
    let count = |id: i64, only_held: bool| {
        let ours = held
            .iter()
            .filter(|(owner, is_held)| *owner == id && (*is_held || !only_held));
        i64::try_from(ours.count()).unwrap_or(i64::MAX)
    };
    let versions = keys
        .into_iter()
        .map(|(id, key)| (id, (key, count(id, false), count(id, true))));
    Ok(versions.collect())
}
