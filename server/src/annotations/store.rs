//! Rows of `system_tags` and `system_notes`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{system_notes as notes, system_tags as tags, systems};
use diesel::prelude::*;
use scm_protocol::ids::{SystemId, UnixMillis};
use std::collections::HashMap;

/// Rows of one statement.
const AT_ONCE: usize = 2000;

/// Tags by system, sorted, of systems with ids from the first to the last.
pub(super) fn tags_between(
    conn: &mut Conn,
    (first, last): (i64, i64),
) -> Result<HashMap<i64, Vec<String>>, Error> {
    let rows: Vec<(i64, String)> = tags::table
        .filter(tags::system_id.between(first, last))
        .order((tags::system_id, tags::tag))
        .select((tags::system_id, tags::tag))
        .load(conn)?;
    Ok(by_system(rows))
}

/// Tags by system, sorted, of these systems.
pub(super) fn tags_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, Vec<String>>, Error> {
    let rows: Vec<(i64, String)> = tags::table
        .filter(tags::system_id.eq_any(systems))
        .order((tags::system_id, tags::tag))
        .select((tags::system_id, tags::tag))
        .load(conn)?;
    Ok(by_system(rows))
}

fn by_system(rows: Vec<(i64, String)>) -> HashMap<i64, Vec<String>> {
    let mut all: HashMap<i64, Vec<String>> = HashMap::new();
    for (system, tag) in rows {
        all.entry(system).or_default().push(tag);
    }
    all
}

/// Notes by system, of systems with ids from the first to the last.
pub(super) fn notes_between(
    conn: &mut Conn,
    (first, last): (i64, i64),
) -> Result<HashMap<i64, String>, Error> {
    let rows: Vec<(i64, String)> = notes::table
        .filter(notes::system_id.between(first, last))
        .select((notes::system_id, notes::note))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Notes by system, of these systems.
pub(super) fn notes_of(conn: &mut Conn, systems: &[i64]) -> Result<HashMap<i64, String>, Error> {
    let rows: Vec<(i64, String)> = notes::table
        .filter(notes::system_id.eq_any(systems))
        .select((notes::system_id, notes::note))
        .load(conn)?;
    Ok(rows.into_iter().collect())
}

/// Every tag of an organization with how many systems have it.
pub(super) fn counts(conn: &mut Conn, organization_id: i64) -> Result<Vec<(String, i64)>, Error> {
    Ok(per_backend!(conn, c => tags::table
        .inner_join(systems::table)
        .filter(systems::organization_id.eq(organization_id))
        .group_by(tags::tag)
        .order(tags::tag)
        .select((tags::tag, diesel::dsl::count_star()))
        .load(c)?))
}

/// Puts tags on a system.
pub(super) fn add(conn: &mut Conn, system: SystemId, names: &[String]) -> Result<(), Error> {
    let rows: Vec<_> = names
        .iter()
        .map(|tag| (tags::system_id.eq(system.0), tags::tag.eq(tag)))
        .collect();
    per_backend!(conn, c => diesel::insert_into(tags::table)
        .values(&rows)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(())
}

/// Takes tags off a system.
pub(super) fn remove(conn: &mut Conn, system: SystemId, names: &[String]) -> Result<(), Error> {
    let rows = tags::table
        .filter(tags::system_id.eq(system.0))
        .filter(tags::tag.eq_any(names));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

/// Puts a tag on systems that have it not, or takes it off systems that have it.
pub(super) fn tag(conn: &mut Conn, systems: &[SystemId], tag: &str, on: bool) -> Result<(), Error> {
    for part in systems.chunks(AT_ONCE) {
        if on {
            let rows: Vec<_> = part
                .iter()
                .map(|system| (tags::system_id.eq(system.0), tags::tag.eq(tag)))
                .collect();
            per_backend!(conn, c => diesel::insert_into(tags::table)
                .values(&rows)
                .on_conflict_do_nothing()
                .execute(c))?;
        } else {
            let ids = part.iter().map(|system| system.0);
            let rows = tags::table
                .filter(tags::system_id.eq_any(ids))
                .filter(tags::tag.eq(tag));
            diesel::delete(rows).execute(conn)?;
        }
    }
    Ok(())
}

/// Whether any system of an organization has a tag.
pub(super) fn is_used(conn: &mut Conn, organization_id: i64, tag: &str) -> Result<bool, Error> {
    let one: Option<i64> = per_backend!(conn, c => tags::table
        .inner_join(systems::table)
        .filter(systems::organization_id.eq(organization_id))
        .filter(tags::tag.eq(tag))
        .select(tags::system_id)
        .first(c)
        .optional()?);
    Ok(one.is_some())
}

/// Writes a note, or removes it when it is empty.
pub(super) fn set_note(
    conn: &mut Conn,
    system: SystemId,
    note: &str,
    by: &str,
    now: UnixMillis,
) -> Result<(), Error> {
    diesel::delete(notes::table.find(system.0)).execute(conn)?;
    if !note.is_empty() {
        let row = (
            notes::system_id.eq(system.0),
            notes::note.eq(note),
            notes::changed_ms.eq(now.0),
            notes::changed_by.eq(by),
        );
        diesel::insert_into(notes::table).values(row).execute(conn)?;
    }
    Ok(())
}
