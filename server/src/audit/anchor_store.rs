//! Rows of `audit_anchors`.

use super::anchor::{Anchor, Kind};
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::audit_anchors;
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;

#[derive(Debug, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_anchors)]
struct Row {
    organization_id: i64,
    entry_id: i64,
    kind: String,
    hash: Vec<u8>,
    at_ms: i64,
    public_key: Vec<u8>,
    signature: Vec<u8>,
}

/// Adds an anchor unless another replica did.
pub(super) fn add(conn: &mut Conn, anchor: &Anchor) -> Result<(), Error> {
    let row = Row {
        organization_id: anchor.organization_id,
        entry_id: anchor.entry_id,
        kind: anchor.kind.as_str().to_owned(),
        hash: anchor.hash.to_vec(),
        at_ms: anchor.at.0,
        public_key: anchor.public_key.to_vec(),
        signature: anchor.signature.to_vec(),
    };
    per_backend!(conn, c => diesel::insert_into(audit_anchors::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Entry and time of the anchor at the newest entry.
pub(super) fn newest(conn: &mut Conn, organization_id: i64) -> Result<Option<(i64, UnixMillis)>, Error> {
    let row: Option<(i64, i64)> = audit_anchors::table
        .filter(audit_anchors::organization_id.eq(organization_id))
        .order(audit_anchors::entry_id.desc())
        .select((audit_anchors::entry_id, audit_anchors::at_ms))
        .first(conn)
        .optional()?;
    Ok(row.map(|(entry_id, at_ms)| (entry_id, UnixMillis(at_ms))))
}

/// An anchor as stored, and whether its row has the shape of one: a damaged row is not left out in silence.
#[derive(Debug)]
pub(super) struct Stored {
    pub entry_id: i64,
    pub anchor: Option<Anchor>,
}

/// Anchors behind `after` (exclusive) up to `to` (inclusive), in the order of their entries.
pub(super) fn between(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    to: i64,
) -> Result<Vec<Stored>, Error> {
    let rows: Vec<Row> = audit_anchors::table
        .filter(audit_anchors::organization_id.eq(organization_id))
        .filter(audit_anchors::entry_id.gt(after))
        .filter(audit_anchors::entry_id.le(to))
        .order((audit_anchors::entry_id.asc(), audit_anchors::kind.asc()))
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(stored).collect())
}

/// The anchors of cuts, newest first.
pub(super) fn cuts(conn: &mut Conn, organization_id: i64) -> Result<Vec<Stored>, Error> {
    let rows: Vec<Row> = audit_anchors::table
        .filter(audit_anchors::organization_id.eq(organization_id))
        .filter(audit_anchors::kind.eq(Kind::Cut.as_str()))
        .order(audit_anchors::entry_id.desc())
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(stored).collect())
}

/// The newest anchor.
pub(super) fn newest_stored(conn: &mut Conn, organization_id: i64) -> Result<Option<Anchor>, Error> {
    let row: Option<Row> = audit_anchors::table
        .filter(audit_anchors::organization_id.eq(organization_id))
        .order(audit_anchors::entry_id.desc())
        .select(Row::as_select())
        .first(conn)
        .optional()?;
    Ok(row.and_then(|row| stored(row).anchor))
}

fn stored(row: Row) -> Stored {
    let entry_id = row.entry_id;
    let anchor = (|| {
        Some(Anchor {
            organization_id: row.organization_id,
            entry_id,
            kind: Kind::parse(&row.kind)?,
            hash: row.hash.try_into().ok()?,
            at: UnixMillis(row.at_ms),
            public_key: row.public_key.try_into().ok()?,
            signature: row.signature.try_into().ok()?,
        })
    })();
    Stored { entry_id, anchor }
}

/// Deletes the anchors of entries that a cut before `entry_id` deleted, earlier cuts included.
pub(super) fn delete_before(conn: &mut Conn, organization_id: i64, entry_id: i64) -> Result<(), Error> {
    let old = audit_anchors::table
        .filter(audit_anchors::organization_id.eq(organization_id))
        .filter(audit_anchors::entry_id.lt(entry_id));
    diesel::delete(old).execute(conn)?;
    Ok(())
}
