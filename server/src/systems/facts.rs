//! A system as conditions see it: read in chunks over a whole fleet, or for a few.
//!
//! Rules, filters and bulk selections all ask this; what costs something to read (tags, containers, …) is read only when
//! one of them needs it.

use super::facts_store::{self, Live, Static, Which};
use super::presence::presence;
use super::view::{Instants, NEW_MS, REBOOT_NEWS_MS};
use crate::error::Error;
use crate::storage::Conn;
use crate::{annotations, groups};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use scm_protocol::telemetry::Container;
use scm_rules::{CompiledFilter, Facts, Needs};
use std::collections::HashMap;

/// Systems that are read at once.
pub const CHUNK: i64 = 1000;

/// Everything that a condition can ask about one system.
#[derive(Clone, Debug)]
pub struct SystemFacts {
    fixed: Static,
    live: Live,
    status: Option<SystemStatus>,
    claimed_ips: Vec<String>,
    containers: Option<Vec<Container>>,
    tags: Vec<String>,
    groups: Vec<String>,
    note: Option<String>,
}

impl SystemFacts {
    /// Its id.
    pub fn id(&self) -> SystemId {
        SystemId(self.fixed.id)
    }

    /// Its host name.
    pub fn hostname(&self) -> &str {
        &self.fixed.hostname
    }

    /// Its status.
    ///
    /// # Errors
    /// When the row is damaged.
    pub fn status(&self) -> Result<SystemStatus, Error> {
        let damaged = || Error::internal(format!("the row of system {} is damaged", self.fixed.id));
        self.status.ok_or_else(damaged)
    }

    /// Whether it waits for approval: those come first in lists.
    pub fn is_pending(&self) -> bool {
        self.status == Some(SystemStatus::Pending)
    }

    /// What conditions see, at an instant.
    pub fn at(&self, Instants { started, now }: Instants) -> Facts<'_> {
        let live = &self.live;
        let last_seen = live.last_seen_ms.map(UnixMillis);
        let first_seen = UnixMillis(self.fixed.first_seen_ms);
        let recently = |at: i64, within: i64| now.since(UnixMillis(at)) < within;
        Facts {
            id: Some(self.fixed.id),
            hostname: Some(&self.fixed.hostname),
            ip: live.address.as_deref(),
            claimed_ips: &self.claimed_ips,
            status: self.status,
            presence: Some(presence(last_seen, live.interval_secs, started, now)),
            os: self.fixed.os.as_deref(),
            os_family: self.fixed.os_family.as_deref(),
            arch: self.fixed.arch.as_deref(),
            kernel: self.fixed.kernel.as_deref(),
            version: self.fixed.agent_version.as_deref(),
            cpu_percent: live.cpu_percent,
            mem_used_bytes: live.mem_used_bytes,
            mem_total_bytes: live.mem_total_bytes,
            disk_used_bytes: live.disk_used_bytes,
            disk_total_bytes: live.disk_total_bytes,
            uptime_secs: live.uptime_secs,
            containers: self.containers.as_deref(),
            reported: last_seen.is_some(),
            tags: &self.tags,
            groups: &self.groups,
            note: self.note.as_deref(),
            new: Some(recently(self.fixed.first_seen_ms, NEW_MS)),
            rebooted: Some(live.rebooted_ms.is_some_and(|at| recently(at, REBOOT_NEWS_MS))),
            last_seen_secs: last_seen.map(|at| now.since(at) / 1000),
            first_seen_secs: Some(now.since(first_seen) / 1000),
        }
    }
}

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
    complete(conn, rows, needs)
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
    let rows = facts_store::rows(conn, organization_id, &Which::These(ids), needs)?;
    complete(conn, rows, needs)
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
    let mut after = 0;
    loop {
        let systems = chunk(conn, organization_id, after, needs, false)?;
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
fn complete(conn: &mut Conn, rows: Vec<(Static, Live)>, needs: Needs) -> Result<Vec<SystemFacts>, Error> {
    let range = match (rows.first(), rows.last()) {
        (Some((first, _)), Some((last, _))) => (first.id, last.id),
        _ => return Ok(Vec::new()),
    };
    let mut tags = if needs.tags {
        annotations::tags_between(conn, range)?
    } else {
        HashMap::new()
    };
    let mut notes = if needs.note {
        annotations::notes_between(conn, range)?
    } else {
        HashMap::new()
    };
    let mut names = if needs.groups {
        groups::names_between(conn, range)?
    } else {
        HashMap::new()
    };
    let systems = rows.into_iter().map(|(fixed, live)| SystemFacts {
        status: SystemStatus::parse(&fixed.status),
        claimed_ips: parsed(fixed.claimed_addresses.as_ref()).unwrap_or_default(),
        containers: parsed(live.containers.as_ref()),
        tags: tags.remove(&fixed.id).unwrap_or_default(),
        note: notes.remove(&fixed.id),
        groups: names.remove(&fixed.id).unwrap_or_default(),
        fixed,
        live,
    });
    Ok(systems.collect())
}

fn parsed<T: serde::de::DeserializeOwned>(json: Option<&String>) -> Option<T> {
    json.and_then(|json| serde_json::from_str(json).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;
    use scm_protocol::rules::Field;

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
