//! The automatic groups of the systems that just checked in, decided in the batch's own transaction.

use super::checkin_store::{BatchSystem, Host};
use super::decide::Accepted;
use crate::annotations;
use crate::error::Error;
use crate::rules::{self, Observed, RulesCache};
use crate::storage::Conn;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_rules::Facts;
use std::collections::HashMap;

impl BatchSystem {
    /// Takes over what a check-in said that rules may ask for.
    pub(super) fn heard(&mut self, accepted: &Accepted, address: &str) {
        address.clone_into(&mut self.address);
        if let Some(facts) = &accepted.facts {
            self.host = Host {
                hostname: facts.hostname.clone(),
                os: facts.os.clone(),
                os_family: facts.os_family.clone(),
                arch: facts.arch.clone(),
            };
        }
    }

    /// What rules see of it.
    fn facts<'a>(&'a self, tags: &'a [String]) -> Facts<'a> {
        let telemetry = &self.known.telemetry;
        Facts {
            id: Some(self.known.id.0),
            hostname: Some(&self.host.hostname),
            ip: Some(&self.address),
            status: Some(self.known.status),
            os: Some(&self.host.os),
            os_family: Some(&self.host.os_family),
            arch: Some(&self.host.arch),
            version: Some(&self.known.agent_version),
            mem_total_bytes: telemetry.mem_total_bytes,
            disk_total_bytes: telemetry.disk_total_bytes,
            uptime_secs: telemetry.uptime_secs,
            containers: telemetry.containers.as_deref(),
            reported: true,
            tags,
            ..Facts::default()
        }
    }
}

/// Lets the systems of a batch that checked in join and leave automatic groups; the organizations where one did.
pub(super) fn regroup(
    conn: &mut Conn,
    cache: &RulesCache,
    systems: &HashMap<SystemId, BatchSystem>,
    touched: &HashMap<i64, Vec<SystemId>>,
    now: UnixMillis,
) -> Result<Vec<i64>, Error> {
    let mut moved = Vec::new();
    for (organization_id, ids) in touched {
        let rules = cache.current(conn, *organization_id)?;
        if rules.rules.is_empty() {
            continue;
        }
        let mut ids = ids.clone();
        ids.sort_unstable();
        ids.dedup();
        let numbers: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let tags = if rules.needs.tags {
            annotations::tags_of(conn, &numbers)?
        } else {
            HashMap::new()
        };
        let observed: Vec<Observed<'_>> = ids
            .iter()
            .filter_map(|id| systems.get(id))
            .map(|system| Observed {
                system: system.known.id,
                facts: system.facts(tags.get(&system.known.id.0).map_or(&[], Vec::as_slice)),
            })
            .collect();
        if rules::reconcile(conn, *organization_id, &rules, &observed, now)? {
            moved.push(*organization_id);
        }
    }
    Ok(moved)
}
