//! What backups ask of the database itself, and the rows of `backup_state` and `backup_restores`.

use super::manifest::{Facts, OrganizationHead};
use crate::audit::chain::{GENESIS, hex};
use crate::audit::{Entry, record_all};
use crate::error::Error;
use crate::per_backend;
use crate::storage::schema::{backup_restores, backup_state, half_sessions, organizations, sessions};
use crate::storage::{Conn, migrations_applied};
use diesel::prelude::*;
use diesel::sql_types::Text;
use scm_protocol::ids::UnixMillis;

/// The one row of `backup_state`.
const ROW: i64 = 1;

#[derive(Debug, QueryableByName)]
struct OneText {
    #[diesel(sql_type = Text)]
    value: String,
}

fn one_text(conn: &mut Conn, query: &str) -> Result<String, Error> {
    let row: OneText = diesel::sql_query(query).get_result(conn)?;
    Ok(row.value)
}

/// Copies a SQLite database as it is now into a new file. It reads only: in WAL mode the writer goes on meanwhile.
pub(super) fn copy_into(conn: &mut Conn, to: &str) -> Result<(), Error> {
    diesel::sql_query("VACUUM INTO $1")
        .bind::<Text, _>(to)
        .execute(conn)?;
    Ok(())
}

/// A name by which `pg_dump` sees what this transaction sees.
pub(super) fn export_snapshot(conn: &mut Conn) -> Result<String, Error> {
    one_text(conn, "SELECT pg_export_snapshot() AS value")
}

/// What goes into the manifest.
pub(super) fn facts(conn: &mut Conn) -> Result<Facts, Error> {
    let schema_version = migrations_applied(conn)?.pop().unwrap_or_default();
    let rows: Vec<(String, i64, i64, Vec<u8>)> = organizations::table
        .order(organizations::id)
        .select((
            organizations::name,
            organizations::id,
            organizations::audit_head,
            organizations::audit_head_hash,
        ))
        .load(conn)?;
    let organizations = rows.into_iter().map(|(name, id, audit_head, hash)| {
        let hash = if audit_head == 0 { GENESIS.to_vec() } else { hash };
        OrganizationHead {
            name,
            id,
            audit_head,
            audit_head_hash: hex(&hash),
        }
    });
    Ok(Facts {
        schema_version,
        organizations: organizations.collect(),
    })
}

/// What SQLite finds wrong in its file; `ok` when nothing is.
pub(super) fn integrity(conn: &mut Conn) -> Result<String, Error> {
    one_text(
        conn,
        "SELECT integrity_check AS value FROM pragma_integrity_check LIMIT 1",
    )
}

/// Whether there is anything in this database that a restore would replace.
pub(super) fn has_data(conn: &mut Conn) -> bool {
    let rows: Result<i64, _> = organizations::table.count().get_result(conn);
    rows.is_ok_and(|rows| rows > 0)
}

/// Puts everything of a SQLite database into its one file. Works only where no other program has it open.
pub(super) fn close_up(conn: &mut Conn) -> Result<(), Error> {
    #[derive(Debug, QueryableByName)]
    struct Mode {
        #[diesel(sql_type = Text)]
        journal_mode: String,
    }
    let mode: Mode = diesel::sql_query("PRAGMA journal_mode = DELETE").get_result(conn)?;
    if mode.journal_mode == "delete" {
        return Ok(());
    }
    Err(Error::Unavailable("database is locked".to_owned()))
}

/// A restore that the next start is to record.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = backup_restores)]
pub(super) struct Restore {
    pub at_ms: i64,
    pub backup_created: String,
    pub sha256: String,
}

/// Notes a restore in what is restored, and ends every session in it: one that ended after the backup would live again.
pub(super) fn note_restore(conn: &mut Conn, restore: &Restore) -> Result<(), Error> {
    diesel::delete(sessions::table).execute(conn)?;
    diesel::delete(half_sessions::table).execute(conn)?;
    // A replica that made a backup when this one was taken makes none now.
    diesel::delete(backup_state::table).execute(conn)?;
    per_backend!(conn, c => diesel::insert_into(backup_restores::table).values(restore).execute(c))?;
    Ok(())
}

/// Restores that are not recorded yet; nobody else gets them.
pub(super) fn take_restores(conn: &mut Conn) -> Result<Vec<Restore>, Error> {
    let found: Vec<Restore> = backup_restores::table
        .order(backup_restores::at_ms)
        .select(Restore::as_select())
        .load(conn)?;
    let mut taken = Vec::new();
    for restore in found {
        // Of replicas that start together one deletes it.
        let row = backup_restores::table.find(restore.at_ms);
        if diesel::delete(row).execute(conn)? == 1 {
            taken.push(restore);
        }
    }
    Ok(taken)
}

/// Adds entries to the audits.
pub(super) fn record(conn: &mut Conn, entries: &[Entry<'_>]) -> Result<(), Error> {
    record_all(conn, entries)
}

fn ensure_row(conn: &mut Conn, now: UnixMillis) -> Result<(), Error> {
    let row = (
        backup_state::id.eq(ROW),
        backup_state::last_ms.eq(now.0),
        backup_state::leased_by.eq(""),
        backup_state::leased_until_ms.eq(0),
    );
    per_backend!(conn, c => diesel::insert_into(backup_state::table)
        .values(&row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Whether a scheduled backup is due; the first comes one interval after the first start.
pub(super) fn is_due(conn: &mut Conn, now: UnixMillis, every_ms: i64) -> Result<bool, Error> {
    ensure_row(conn, now)?;
    let last: i64 = backup_state::table
        .find(ROW)
        .select(backup_state::last_ms)
        .first(conn)?;
    // A clock that was set back must not end the backups.
    Ok(last <= now.0 - every_ms || last > now.0)
}

/// Takes, or keeps, the right to make a backup until `until`; false while another replica has it.
pub(super) fn lease(
    conn: &mut Conn,
    replica: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<bool, Error> {
    ensure_row(conn, now)?;
    let free = backup_state::leased_by
        .eq(replica)
        .or(backup_state::leased_until_ms.le(now.0));
    let taken = diesel::update(backup_state::table.find(ROW).filter(free))
        .set((
            backup_state::leased_by.eq(replica),
            backup_state::leased_until_ms.eq(until.0),
        ))
        .execute(conn)?;
    Ok(taken == 1)
}

/// Gives the right to make one back.
pub(super) fn release(conn: &mut Conn, replica: &str) -> Result<(), Error> {
    let row = backup_state::table
        .find(ROW)
        .filter(backup_state::leased_by.eq(replica));
    diesel::update(row)
        .set(backup_state::leased_until_ms.eq(0))
        .execute(conn)?;
    Ok(())
}

/// Notes when the last backup was begun; former failures are forgotten.
pub(super) fn note_made(conn: &mut Conn, begun: UnixMillis) -> Result<(), Error> {
    diesel::update(backup_state::table.find(ROW))
        .set((
            backup_state::last_ms.eq(begun.0),
            backup_state::failed_ms.eq(None::<i64>),
            backup_state::failure.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that none was made.
pub(super) fn note_failed(conn: &mut Conn, at: UnixMillis, reason: &str) -> Result<(), Error> {
    diesel::update(backup_state::table.find(ROW))
        .set((backup_state::failed_ms.eq(at.0), backup_state::failure.eq(reason)))
        .execute(conn)?;
    Ok(())
}

/// What is known of the past.
#[derive(Debug, Default, Queryable)]
pub(super) struct Past {
    /// When the last backup was begun, or the server first thought of making one.
    pub last_ms: i64,
    pub failed_ms: Option<i64>,
    pub failure: Option<String>,
}

/// What is known of the past; none before the server first thought of making one.
pub(super) fn past(conn: &mut Conn) -> Result<Option<Past>, Error> {
    let row = backup_state::table.find(ROW).select((
        backup_state::last_ms,
        backup_state::failed_ms,
        backup_state::failure,
    ));
    Ok(row.first(conn).optional()?)
}
