//! The hot path: verified check-ins wait in a bounded queue, one task takes what is waiting, decides it in one transaction
//! and answers after the commit. An acknowledged check-in is durable; a full queue is a refusal, never a growing one.

use super::checkin_store::{self, BatchSystem, Written};
use super::conflict::Conflict;
use super::conflict_service;
use super::conflict_store;
use super::decide::{Accepted, Arrived, Intervals, Known, Outcome, decide};
use super::grouping;
use super::heartbeats;
use super::mirror::{self, Mirror};
use crate::clock::Clock;
use crate::commands;
use crate::error::Error;
use crate::events::Events;
use crate::gathered::Gathered;
use crate::organization_settings::SettingsCache;
use crate::rules::RulesCache;
use crate::signing::Organizations;
use crate::storage::{Conn, Writer};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;

/// Most check-ins in one transaction.
const MAX_BATCH: usize = 512;
/// Where verified check-ins are put.
#[derive(Clone, Debug)]
pub struct CheckinQueue {
    gathered: Gathered<Arrived, Outcome>,
}

/// What deciding a batch needs.
#[derive(Clone, Debug)]
pub struct BatchContext {
    /// Writes.
    pub writer: Writer,
    /// Gives the keys that are delivered on approval.
    pub organizations: Organizations,
    /// Says how often a heartbeat is audited.
    pub organization_settings: Arc<SettingsCache>,
    /// Told to agents.
    pub intervals: Intervals,
    /// The time of a batch.
    pub clock: Arc<dyn Clock>,
    /// Told which systems were updated.
    pub events: Events,
    /// Decide on the automatic groups of each system that checks in.
    pub rules: RulesCache,
    /// Told what was stored.
    pub mirror: Mirror,
}

impl CheckinQueue {
    /// Starts the task that serves the queue, in `home`; it ends when the last handle is dropped and the queue is empty.
    pub fn start(home: &Handle, capacity: usize, context: BatchContext) -> Self {
        let context = Arc::new(context);
        let together = move |arrived| run(arrived, Arc::clone(&context));
        CheckinQueue {
            gathered: Gathered::start(home, capacity, MAX_BATCH, together),
        }
    }

    /// Has a check-in decided and stored.
    ///
    /// # Errors
    /// [`Error::Busy`] when the queue is full, [`Error::Unavailable`] when the database does not take it.
    pub async fn submit(&self, arrived: Arrived) -> Result<Outcome, Error> {
        self.gathered.submit(arrived).await
    }
}

async fn run(arrived: Vec<Arrived>, context: Arc<BatchContext>) -> Result<Vec<Outcome>, Error> {
    let now = context.clock.now();
    let (organizations, intervals) = (context.organizations.clone(), context.intervals);
    let settings = Arc::clone(&context.organization_settings);
    let rules = context.rules.clone();
    let Decided {
        outcomes,
        touched,
        listed,
        moved,
    } = context
        .writer
        .run(move |conn| {
            decide_all(
                conn,
                &arrived,
                (&organizations, &settings, &rules),
                intervals,
                now,
            )
        })
        .await?;
    for (organization_id, systems) in touched {
        context
            .mirror
            .heard(organization_id, mirror::said(&outcomes, &systems));
        context.events.updated(organization_id, &systems);
    }
    for (organization_id, system) in listed {
        context.events.listed(organization_id, system);
    }
    for organization_id in moved {
        context.events.groups(organization_id);
    }
    Ok(outcomes)
}

/// What a batch came to.
struct Decided {
    /// In the order of arrival.
    outcomes: Vec<Outcome>,
    /// Which systems of which organization were updated.
    touched: HashMap<i64, Vec<SystemId>>,
    /// Where a second machine came to light.
    listed: Vec<(i64, SystemId)>,
    /// Organizations where a system joined or left a group.
    moved: Vec<i64>,
}

fn decide_all(
    conn: &mut Conn,
    arrived: &[Arrived],
    (organizations, settings, rules): (&Organizations, &SettingsCache, &RulesCache),
    intervals: Intervals,
    now: UnixMillis,
) -> Result<Decided, Error> {
    let mut ids: Vec<i64> = arrived.iter().map(|a| a.id.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut systems = checkin_store::load(conn, &ids)?;
    let mut outcomes = Vec::with_capacity(arrived.len());
    let mut touched: HashMap<i64, Vec<SystemId>> = HashMap::new();
    for one in arrived {
        let system = systems.get_mut(&one.id);
        let server_key = system
            .as_ref()
            .and_then(|system| organizations.key_of(system.organization_id));
        let outcome = decide_one(system, one, server_key, intervals, now)?;
        if let (Outcome::Accepted(accepted), Some(system)) = (&outcome, systems.get_mut(&one.id)) {
            system.heard(accepted, &one.address);
            touched.entry(system.organization_id).or_default().push(one.id);
        }
        outcomes.push(outcome);
    }
    note_commands(conn, &mut outcomes)?;
    save(conn, (arrived, &outcomes), &mut systems, settings, now)?;
    let listed = note_conflicts(conn, &outcomes, arrived, &systems, now)?;
    let moved = grouping::regroup(conn, rules, &systems, &touched, now)?;
    Ok(Decided {
        outcomes,
        touched,
        listed,
        moved,
    })
}

/// Writes what was accepted, and the heartbeats among it that are to be audited.
fn save(
    conn: &mut Conn,
    (arrived, outcomes): (&[Arrived], &[Outcome]),
    systems: &mut HashMap<SystemId, BatchSystem>,
    settings: &SettingsCache,
    now: UnixMillis,
) -> Result<(), Error> {
    let (mut accepted, mut heard) = (Vec::new(), Vec::new());
    for (outcome, one) in outcomes.iter().zip(arrived) {
        let (Outcome::Accepted(outcome), Some(system)) = (outcome, systems.get_mut(&one.id)) else {
            continue;
        };
        let every = settings.of(system.organization_id).audit_heartbeat_minutes();
        if heartbeats::is_due(system.heartbeat_audited, every, now) {
            system.heartbeat_audited = Some(now);
            heard.push(heartbeats::Heartbeat {
                organization_id: system.organization_id,
                id: one.id,
                status: outcome.after.status,
                address: &one.address,
            });
        }
        accepted.push(Written {
            accepted: outcome,
            address: &one.address,
            heartbeat_audited: system.heartbeat_audited,
        });
    }
    if !accepted.is_empty() {
        checkin_store::save(conn, &accepted, now)?;
    }
    heartbeats::record(conn, &heard, now)
}

/// Notes to which systems commands may be handed out: one statement, over an index of what is open.
fn note_commands(conn: &mut Conn, outcomes: &mut [Outcome]) -> Result<(), Error> {
    let mut active: Vec<&mut Accepted> = outcomes
        .iter_mut()
        .filter_map(|outcome| match outcome {
            Outcome::Accepted(accepted) if accepted.after.status == SystemStatus::Active => {
                Some(&mut **accepted)
            }
            _ => None,
        })
        .collect();
    let ids: Vec<i64> = active.iter().map(|accepted| accepted.after.id.0).collect();
    let waiting = commands::waiting(conn, &ids)?;
    for accepted in &mut active {
        accepted.commands = waiting.contains(&accepted.after.id);
    }
    Ok(())
}

/// Notes what came to light about machines with one identity: rare, so row by row.
fn note_conflicts(
    conn: &mut Conn,
    outcomes: &[Outcome],
    arrived: &[Arrived],
    systems: &HashMap<SystemId, BatchSystem>,
    now: UnixMillis,
) -> Result<Vec<(i64, SystemId)>, Error> {
    let mut listed = Vec::new();
    for (outcome, one) in outcomes.iter().zip(arrived) {
        let (conflict, changed): (&Conflict, bool) = match outcome {
            Outcome::Quarantined(quarantine) => (&quarantine.conflict, quarantine.boots.is_some()),
            Outcome::Accepted(accepted) => match &accepted.conflict {
                Some(conflict) => (conflict, false),
                None => continue,
            },
            Outcome::Refused(_) => continue,
        };
        let Some(system) = systems.get(&one.id) else {
            continue;
        };
        if changed {
            conflict_store::set_boots(conn, one.id, &system.known.boots)?;
        }
        if conflict_service::note(conn, (system.organization_id, one.id), conflict, now)? {
            listed.push((system.organization_id, one.id));
        }
    }
    Ok(listed)
}

/// Decides one check-in and lets the next one of the same system see what it changed.
fn decide_one(
    system: Option<&mut BatchSystem>,
    one: &Arrived,
    server_key: Option<PublicKey>,
    intervals: Intervals,
    now: UnixMillis,
) -> Result<Outcome, Error> {
    let known: Option<&Known> = system.as_ref().map(|system| &system.known);
    // A system whose organization this replica has not read yet is not unknown: it is asked to come again.
    let key = match (known, server_key) {
        (Some(_), None) => return Err(Error::internal("a system of an organization that is not loaded")),
        (_, key) => key.unwrap_or(one.verified_with),
    };
    let outcome = decide(known, one, &key, intervals, now);
    match (&outcome, system) {
        (Outcome::Accepted(accepted), Some(system)) => system.known = accepted.after.clone(),
        (Outcome::Quarantined(quarantine), Some(system)) => {
            if let Some(boots) = &quarantine.boots {
                system.known.boots.clone_from(boots);
            }
        }
        _ => {}
    }
    Ok(outcome)
}
