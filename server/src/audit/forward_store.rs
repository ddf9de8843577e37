//! Rows of `audit_forward_cursors`: how far each target is, and which replica sends to it now.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::audit_forward_cursors as cursors;
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;

/// How far a target is in an organization's audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = cursors)]
#[diesel(treat_none_as_default_value = false)]
pub(super) struct Cursor {
    pub target: String,
    pub organization_id: i64,
    /// Everything up to this entry has arrived.
    pub last_id: i64,
    /// Every anchor up to this entry has arrived.
    pub last_anchor_id: i64,
    pub last_sent_ms: Option<i64>,
    pub last_error: Option<String>,
    pub last_error_ms: Option<i64>,
    pub leased_by: String,
    pub leased_until_ms: i64,
}

/// A target and whose audit it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub target: String,
    pub organization_id: i64,
}

/// The cursor; from the beginning when nothing was ever sent.
pub(super) fn cursor(conn: &mut Conn, place: &Place) -> Result<Cursor, Error> {
    let found = cursors::table
        .find((&place.target, place.organization_id))
        .select(Cursor::as_select())
        .first(conn)
        .optional()?;
    Ok(found.unwrap_or_else(|| Cursor {
        target: place.target.clone(),
        organization_id: place.organization_id,
        ..Cursor::default()
    }))
}

/// Takes the right to send until `until`; none while another replica has it.
pub(super) fn lease(
    conn: &mut Conn,
    place: &Place,
    replica: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<Cursor>, Error> {
    let new = Cursor {
        target: place.target.clone(),
        organization_id: place.organization_id,
        ..Cursor::default()
    };
    per_backend!(conn, c => diesel::insert_into(cursors::table)
        .values(&new)
        .on_conflict_do_nothing()
        .execute(c))?;
    let free = cursors::leased_by
        .eq(replica)
        .or(cursors::leased_until_ms.le(now.0));
    let row = cursors::table.find((&place.target, place.organization_id));
    let taken = diesel::update(row.filter(free))
        .set((
            cursors::leased_by.eq(replica),
            cursors::leased_until_ms.eq(until.0),
        ))
        .execute(conn)?;
    if taken == 0 {
        return Ok(None);
    }
    cursor(conn, place).map(Some)
}

/// What arrived: the cursor moves on and the error is forgotten, unless another replica has taken over.
pub(super) fn advance(
    conn: &mut Conn,
    place: &Place,
    replica: &str,
    (last_id, last_anchor_id): (i64, i64),
    now: UnixMillis,
) -> Result<(), Error> {
    let row = cursors::table.find((&place.target, place.organization_id));
    diesel::update(row.filter(cursors::leased_by.eq(replica)))
        .set((
            cursors::last_id.eq(last_id),
            cursors::last_anchor_id.eq(last_anchor_id),
            cursors::last_sent_ms.eq(Some(now.0)),
            cursors::last_error.eq(None::<String>),
            cursors::last_error_ms.eq(None::<i64>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Why it did not work.
pub(super) fn fail(
    conn: &mut Conn,
    place: &Place,
    replica: &str,
    error: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    let row = cursors::table.find((&place.target, place.organization_id));
    diesel::update(row.filter(cursors::leased_by.eq(replica)))
        .set((
            cursors::last_error.eq(Some(error)),
            cursors::last_error_ms.eq(Some(now.0)),
        ))
        .execute(conn)?;
    Ok(())
}

/// Gives the right to send back, so that another replica need not wait for its end.
pub(super) fn release(conn: &mut Conn, place: &Place, replica: &str) -> Result<(), Error> {
    let row = cursors::table.find((&place.target, place.organization_id));
    diesel::update(row.filter(cursors::leased_by.eq(replica)))
        .set(cursors::leased_until_ms.eq(0))
        .execute(conn)?;
    Ok(())
}
