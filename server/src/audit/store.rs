//! Rows of `audit_entries`.

use super::Entry;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{audit_entries, organizations};
use diesel::prelude::*;
use scm_protocol::audit::AuditEntry;
use scm_protocol::ids::UnixMillis;

#[derive(Debug, Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_entries)]
struct Row {
    organization_id: i64,
    id: i64,
    at_ms: i64,
    actor: String,
    address: String,
    action: String,
    target: String,
    outcome: String,
    detail: String,
}

/// Adds an entry with the next id; the organization's row is locked until the commit, which keeps ids without gaps.
///
/// # Errors
/// When the database fails.
pub(super) fn record(conn: &mut Conn, entry: &Entry<'_>) -> Result<(), Error> {
    let organization = organizations::table.find(entry.organization_id);
    diesel::update(organization)
        .set(organizations::audit_head.eq(organizations::audit_head + 1))
        .execute(conn)?;
    let id = organization.select(organizations::audit_head).first(conn)?;
    let row = Row {
        organization_id: entry.organization_id,
        id,
        at_ms: entry.at.0,
        actor: entry.actor.name.clone(),
        address: entry.actor.address.clone(),
        action: entry.action.to_owned(),
        target: entry.target.to_owned(),
        outcome: entry.outcome.as_str().to_owned(),
        detail: entry.detail.to_string(),
    };
    diesel::insert_into(audit_entries::table)
        .values(&row)
        .execute(conn)?;
    Ok(())
}

/// The newest entries before `before` (exclusive), newest first.
///
/// # Errors
/// When the database fails.
pub(super) fn newest(
    conn: &mut Conn,
    organization_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<AuditEntry>, Error> {
    let rows: Vec<Row> = audit_entries::table
        .filter(audit_entries::organization_id.eq(organization_id))
        .filter(audit_entries::id.lt(before.unwrap_or(i64::MAX)))
        .order(audit_entries::id.desc())
        .limit(limit)
        .select(Row::as_select())
        .load(conn)?;
    Ok(rows.into_iter().map(entry).collect())
}

fn entry(row: Row) -> AuditEntry {
    AuditEntry {
        id: row.id,
        at_ms: UnixMillis(row.at_ms),
        actor: row.actor,
        address: row.address,
        action: row.action,
        target: row.target,
        outcome: row.outcome,
        detail: serde_json::from_str(&row.detail).unwrap_or_default(),
    }
}
