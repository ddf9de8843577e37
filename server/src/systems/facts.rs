//! Systems as conditions see them: read in chunks over a whole fleet, or for a few.
//!
//! Rules, filters and bulk selections all ask this; what costs something to read (tags, containers, …) is read only when
//! one of them needs it.

use super::facts_store::{self, Live, Static, Which};
use super::observed::SystemFacts;
use super::shared::Shared;
use super::view::Instants;
use crate::error::Error;
use crate::storage::Conn;
use crate::{annotations, groups};
use scm_protocol::ids::SystemId;
use scm_rules::{CompiledFilter, Needs};
use std::collections::HashMap;

/// Systems that are read at once.
pub const CHUNK: i64 = 1000;

/// Reads the systems of an organization with ids above `after`, by id, at most [`CHUNK`]; `locked`: nobody changes them
/// before the commit.
///
/// # Errors
/// When the database fails.
pub fn chunk(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    needs: Needs,
    locked: bool,
) -> Result<Vec<SystemFacts>, Error> {
    let rows = if locked {
        facts_store::locked(conn, organization_id, (after, CHUNK), needs)?
    } else {
        facts_store::rows(conn, organization_id, &Which::After(after, CHUNK), needs)?
    };
    complete(conn, rows, needs, &mut Shared::default())
}

/// As [`chunk`], of systems that may change meanwhile, and with what they share.
///
/// # Errors
/// When the database fails.
pub(super) fn shared_chunk(
    conn: &mut Conn,
    organization_id: i64,
    after: i64,
    needs: Needs,
    shared: &mut Shared,
) -> Result<Vec<SystemFacts>, Error> {
    let rows = facts_store::rows(conn, organization_id, &Which::After(after, CHUNK), needs)?;
    complete(conn, rows, needs, shared)
}

/// Reads these systems of an organization, by id; those that are gone are left out.
///
/// # Errors
/// When the database fails.
pub fn facts_of(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
    needs: Needs,
) -> Result<Vec<SystemFacts>, Error> {
    shared_facts_of(conn, organization_id, ids, needs, &mut Shared::default())
}

/// As [`facts_of`], with what they share.
///
/// # Errors
/// When the database fails.
pub(super) fn shared_facts_of(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
    needs: Needs,
    shared: &mut Shared,
) -> Result<Vec<SystemFacts>, Error> {
    let rows = facts_store::rows(conn, organization_id, &Which::These(ids), needs)?;
    complete(conn, rows, needs, shared)
}

/// Gives every system of an organization to `each`, by id, until it says that it has enough.
///
/// # Errors
/// When the database fails, and what `each` returns.
pub fn scan(
    conn: &mut Conn,
    organization_id: i64,
    needs: Needs,
    mut each: impl FnMut(&SystemFacts) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut after, mut shared) = (0, Shared::default());
    loop {
        let systems = shared_chunk(conn, organization_id, after, needs, &mut shared)?;
        for system in &systems {
            each(system)?;
        }
        match systems.last() {
            Some(last) => after = last.id().0,
            None => return Ok(()),
        }
    }
}

/// The systems that match a filter, by id.
///
/// # Errors
/// When the database fails.
pub fn matching(
    conn: &mut Conn,
    organization_id: i64,
    filter: &CompiledFilter,
    instants: Instants,
) -> Result<Vec<SystemId>, Error> {
    let mut found = Vec::new();
    scan(conn, organization_id, filter.needs(), |system| {
        if filter.matches(&system.at(instants)) {
            found.push(system.id());
        }
        Ok(())
    })?;
    Ok(found)
}

/// Adds what is in other tables.
fn complete(
    conn: &mut Conn,
    rows: Vec<(Static, Live)>,
    needs: Needs,
    shared: &mut Shared,
) -> Result<Vec<SystemFacts>, Error> {
    let range = match (rows.first(), rows.last()) {
        (Some((first, _)), Some((last, _))) => (first.id, last.id),
        _ => return Ok(Vec::new()),
    };
    // Others lie between them: what those have is not read for a few.
    let few = range.1 - range.0 > 4 * i64::try_from(rows.len()).unwrap_or(i64::MAX / 4);
    let ids = || rows.iter().map(|(fixed, _)| fixed.id).collect::<Vec<_>>();
    let mut tags = match (needs.tags, few) {
        (true, true) => annotations::tags_of(conn, &ids())?,
        (true, false) => annotations::tags_between(conn, range)?,
        (false, _) => HashMap::new(),
    };
    let mut notes = match (needs.note, few) {
        (true, true) => annotations::notes_of(conn, &ids())?,
        (true, false) => annotations::notes_between(conn, range)?,
        (false, _) => HashMap::new(),
    };
    let mut names = match (needs.groups, few) {
        (true, true) => groups::names_of(conn, &ids())?,
        (true, false) => groups::names_between(conn, range)?,
        (false, _) => HashMap::new(),
    };
    let systems = rows.into_iter().map(|(fixed, live)| {
        let id = fixed.id;
        let mut system = SystemFacts::of_rows(fixed, live, shared);
        system.annotate(tags.remove(&id).unwrap_or_default(), notes.remove(&id), shared);
        system.regrouped(names.remove(&id).unwrap_or_default(), shared);
        system
    });
    Ok(systems.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;
    use scm_protocol::ids::UnixMillis;
    use scm_protocol::rules::Field;

    /// Nothing tells SQLite how the rows are spread on a server that was just set up: reading an organization by index, for each
    /// thousand systems anew, would cost by the square of the fleet.
    #[tokio::test]
    async fn a_chunk_is_read_by_its_ids() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let plan = storage.readers.run(|conn| Ok(facts_store::plan_of_chunk(conn)));
        let plan = plan.await.unwrap();
        assert!(
            plan.contains("systems USING INTEGER PRIMARY KEY (rowid>?)"),
            "{plan}"
        );
        assert!(!plan.contains("TEMP B-TREE"), "{plan}");
    }

    /// What is left out of a query must never be what a condition asks for: it would count as missing.
    #[tokio::test]
    async fn whatever_is_asked_for_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let rows = "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'default', x'00', x'00', 0);\
            INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, hostname, \
            claimed_addresses, os, os_family, arch, kernel, agent_version, first_seen_ms) \
            VALUES (1, 1, x'01', 'active', 1, 't', 'web-1', '[\"192.0.2.9\"]', 'Debian', 'linux', 'x86_64', '6.1', '1.2.3', 1000);\
            INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, address, interval_secs, last_seen_ms, \
            rebooted_ms, cpu_percent, mem_used_bytes, mem_total_bytes, disk_used_bytes, disk_total_bytes, uptime_secs, containers) \
            VALUES (1, 0, 0, '', '192.0.2.1', 60, 5000, 4000, 12.5, 1073741824, 2147483648, 1073741824, 4294967296, 77, \
            '[{\"runtime\":\"docker\",\"name\":\"app\",\"image\":\"nginx:1\"}]');\
            INSERT INTO system_tags (system_id, tag) VALUES (1, 'eu');\
            INSERT INTO system_notes (system_id, note, changed_ms, changed_by) VALUES (1, 'old', 1, 't');";
        let read = |needs: Needs| {
            storage.readers.run(move |conn| {
                let system = facts_of(conn, 1, &[1], needs)?.remove(0);
                let instants = Instants {
                    started: UnixMillis(0),
                    now: UnixMillis(6000),
                };
                let facts = system.at(instants);
                let seen = Field::all().map(|info| (info.field, facts.observed(info.field)));
                Ok(seen.collect::<HashMap<Field, Option<String>>>())
            })
        };
        storage
            .writer
            .run(move |conn| Ok(conn.batch_execute(rows)?))
            .await
            .unwrap();
        let all = read(Needs::ALL).await.unwrap();
        for (field, value) in &all {
            assert!(
                value.is_some() || *field == Field::Group,
                "the sample has no {field}"
            );
            let alone = read(Needs::of([*field])).await.unwrap();
            assert_eq!(alone[field], *value, "{field}");
        }
        let nothing = read(Needs::default()).await.unwrap();
        assert_eq!(nothing[&Field::Os], None);
    }
}
