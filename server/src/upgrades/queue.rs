//! Queuing upgrades: for one system, for those of a bulk job, for those of a rollout's stage.

use super::store::{self, NewUpgrade};
use crate::commands::{self, NewUpgradeCommand};
use crate::error::Error;
use crate::packages;
use crate::storage::Conn;
use crate::systems::{self, Machine};
use scm_protocol::ids::{JobId, RolloutId, SystemId, UnixMillis, UpgradeId};
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::offer::{NotOffered, offer};
use scm_protocol::upgrades::package::Package;
use scm_protocol::upgrades::upgrade::UpgradeState;
use std::collections::HashMap;

/// What is to be queued, and by whom.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// Whose systems.
    pub organization_id: i64,
    /// To which version; the one that is offered where none is named.
    pub version: Option<&'a str>,
    /// How long it waits for its system, in seconds.
    pub wait_secs: u32,
    /// The rollout that it belongs to.
    pub rollout: Option<RolloutId>,
    /// The bulk job that it belongs to.
    pub job: Option<JobId>,
    /// Who, as the audit names them.
    pub by: &'a str,
    /// When.
    pub now: UnixMillis,
}

/// What came of one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is queued.
    Queued {
        /// The upgrade.
        id: UpgradeId,
        /// To which version.
        version: String,
    },
    /// It has an open upgrade, to this version; nothing was changed.
    UnderWay(String),
    /// Only active systems are upgraded.
    WrongStatus(SystemStatus),
    /// Nothing is offered to it.
    NotOffered(NotOffered),
    /// There is no such system.
    Gone,
}

/// Decides on one system.
pub(super) fn decide<'a>(
    machine: Option<&Machine>,
    open: Option<&String>,
    packages: &'a [Package],
    version: Option<&str>,
) -> Result<&'a Package, Outcome> {
    let machine = machine.ok_or(Outcome::Gone)?;
    if machine.status != SystemStatus::Active {
        return Err(Outcome::WrongStatus(machine.status));
    }
    if let Some(version) = open {
        return Err(Outcome::UnderWay(version.clone()));
    }
    let platform = machine.platform.as_ref();
    offer(packages, platform, &machine.agent_version, version).map_err(Outcome::NotOffered)
}

/// Queues upgrades; what came of each system, in their order. Those that were queued are to be recorded by the caller, in the
/// same transaction.
///
/// # Errors
/// When the database fails.
pub fn queue(conn: &mut Conn, order: &Order<'_>, systems: &[SystemId]) -> Result<Vec<Outcome>, Error> {
    let machines = systems::machines(conn, order.organization_id, systems, true)?;
    let ids: Vec<i64> = systems.iter().map(|id| id.0).collect();
    let open: HashMap<i64, String> = store::open_of(conn, &ids)?.into_iter().collect();
    let packages = packages::all(conn)?;
    let mut outcomes = Vec::with_capacity(systems.len());
    for system in systems {
        let machine = machines.get(system);
        let outcome = match (
            decide(machine, open.get(&system.0), &packages, order.version),
            machine,
        ) {
            (Ok(package), Some(machine)) => add(conn, order, *system, machine, package)?,
            (Ok(_), None) => Outcome::Gone,
            (Err(outcome), _) => outcome,
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn add(
    conn: &mut Conn,
    order: &Order<'_>,
    system: SystemId,
    machine: &Machine,
    package: &Package,
) -> Result<Outcome, Error> {
    let (platform, version) = (package.platform.as_str(), package.version.as_str());
    let new = NewUpgrade {
        organization_id: order.organization_id,
        system_id: system.0,
        rollout_id: order.rollout.map(|rollout| rollout.0),
        platform,
        version,
        from_version: &machine.agent_version,
        total_bytes: package.size_bytes,
        state: UpgradeState::Queued.as_str(),
        created_ms: order.now.0,
        created_by: order.by,
        changed_ms: order.now.0,
        heard_ms: order.now.0,
    };
    // Another server may queue one at this moment: the index says so.
    let Some(id) = store::create(conn, &new)? else {
        return Ok(Outcome::UnderWay(version.to_owned()));
    };
    let command = NewUpgradeCommand {
        organization_id: order.organization_id,
        system,
        job: order.job,
        platform,
        version,
        by: order.by,
        wait_secs: order.wait_secs,
        now: order.now,
    };
    let command = commands::create_upgrade(conn, &command)?;
    store::set_command(conn, id, command)?;
    Ok(Outcome::Queued {
        id,
        version: version.to_owned(),
    })
}

impl Outcome {
    /// Why nothing was queued, for a person; none where something was.
    pub fn reason(&self) -> Option<String> {
        match self {
            Outcome::Queued { .. } => None,
            Outcome::UnderWay(version) => {
                Some(format!("an upgrade to {version} is queued or under way already"))
            }
            Outcome::WrongStatus(status) => Some(format!(
                "it is {}: only an active system is upgraded",
                status.as_str()
            )),
            Outcome::NotOffered(why) => Some(why.to_string()),
            Outcome::Gone => Some("there is no such system".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_active_systems_without_an_open_upgrade_are_decided_on() {
        let machine = |status| Machine {
            hostname: "web-1".to_owned(),
            status,
            platform: None,
            agent_version: "0.1.0".to_owned(),
        };
        let open = "1.0.0".to_owned();
        let decided = |machine: Option<&Machine>, open| decide(machine, open, &[], None).unwrap_err();
        assert_eq!(decided(None, None), Outcome::Gone);
        for status in SystemStatus::ALL {
            let machine = machine(status);
            let outcome = decided(Some(&machine), Some(&open));
            if status == SystemStatus::Active {
                assert_eq!(outcome, Outcome::UnderWay(open.clone()));
                assert_eq!(
                    decided(Some(&machine), None),
                    Outcome::NotOffered(NotOffered::UnknownPlatform)
                );
            } else {
                assert_eq!(outcome, Outcome::WrongStatus(status));
            }
            assert!(outcome.reason().is_some());
        }
    }
}
