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
            ip: Some(&live.address),
            claimed_ips: &self.claimed_ips,
            status: self.status,
            presence: Some(presence(last_seen, live.interval_secs, started, now)),
            os: Some(&self.fixed.os),
            os_family: Some(&self.fixed.os_family),
            arch: Some(&self.fixed.arch),
            kernel: self.fixed.kernel.as_deref(),
            version: Some(&self.fixed.agent_version),
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
        facts_store::locked(conn, organization_id, after, CHUNK)?
    } else {
        facts_store::rows(conn, organization_id, &Which::After(after, CHUNK))?
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
    let rows = facts_store::rows(conn, organization_id, &Which::These(ids))?;
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
        claimed_ips: parsed(needs.claimed_ips.then_some(&fixed.claimed_addresses)).unwrap_or_default(),
        containers: parsed(live.containers.as_ref().filter(|_| needs.containers)),
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
