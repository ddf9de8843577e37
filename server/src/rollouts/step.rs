//! One transaction of a running rollout.

use super::decide::{Next, next};
use super::store::{self, Change, RolloutRow};
use super::target_store;
use super::view;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::commands;
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades;
use scm_protocol::commands::MAX_WAIT_SECS;
use scm_protocol::ids::{RolloutId, SystemId, UnixMillis};
use scm_protocol::upgrades::rollout::RolloutState;
use serde_json::{Value, json};

/// How long a server keeps a rollout after each transaction, in milliseconds: after that it is taken for dead.
const LEASE_MS: i64 = 10_000;

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stepped {
    pub organization_id: i64,
    /// Systems for which something was queued.
    pub queued: Vec<SystemId>,
}

/// Takes the next step of a rollout; none when there is none, it does not run, or another server has it.
///
/// # Errors
/// When the database fails; nothing of it was done then.
pub(super) fn step(
    conn: &mut Conn,
    id: RolloutId,
    owner: &str,
    now: UnixMillis,
) -> Result<Option<Stepped>, Error> {
    let Some(row) = store::claim(conn, id, owner, now, now.plus(LEASE_MS))? else {
        return Ok(None);
    };
    let (counts, standing) = view::standing(conn, &row)?;
    let to = |state| Change::to(&row, state, now);
    let mut queued = Vec::new();
    match next(standing) {
        Next::Nothing => return Ok(None),
        Next::Queue(most) => queued = queue(conn, &row, most, now)?,
        Next::Halt(failed) => {
            let reason = format!(
                "{failed} failed, were rolled back or refused, and at most {} may",
                row.failure_budget
            );
            halt(conn, &row, (&Actor::server(), &reason), now)?;
        }
        Next::Ask => {
            store::change(conn, id, &to(RolloutState::Waiting))?;
            record(
                conn,
                &row,
                ("rollouts.stage_done", &Actor::server()),
                json!({ "counts": counts }),
                now,
            )?;
        }
        Next::Advance => advance(conn, &row, &Actor::server(), now)?,
        Next::Finish => {
            store::change(conn, id, &to(RolloutState::Done))?;
            record(
                conn,
                &row,
                ("rollouts.finish", &Actor::server()),
                json!({ "counts": counts }),
                now,
            )?;
        }
    }
    Ok(Some(Stepped {
        organization_id: row.organization_id,
        queued,
    }))
}

/// Begins the next stage.
pub(super) fn advance(
    conn: &mut Conn,
    row: &RolloutRow,
    actor: &Actor,
    now: UnixMillis,
) -> Result<(), Error> {
    let change = Change {
        stage: row.stage + 1,
        ..Change::to(row, RolloutState::Running, now)
    };
    store::change(conn, RolloutId(row.id), &change)?;
    record(
        conn,
        row,
        ("rollouts.advance", actor),
        json!({ "stage": row.stage + 1 }),
        now,
    )
}

/// Halts it: what no system has fetched is taken back, and is queued again when it is resumed.
pub(super) fn halt(
    conn: &mut Conn,
    row: &RolloutRow,
    (actor, reason): (&Actor, &str),
    now: UnixMillis,
) -> Result<(), Error> {
    let change = Change {
        reason: Some(reason.to_owned()),
        ..Change::to(row, RolloutState::Halted, now)
    };
    store::change(conn, RolloutId(row.id), &change)?;
    let taken = take_back(conn, row, (actor, "its rollout was halted"), now)?;
    record(
        conn,
        row,
        ("rollouts.halt", actor),
        json!({ "reason": reason, "taken_back": taken }),
        now,
    )
}

/// Takes back what no system has fetched; how many.
pub(super) fn take_back(
    conn: &mut Conn,
    row: &RolloutRow,
    why: (&Actor, &str),
    now: UnixMillis,
) -> Result<usize, Error> {
    let id = RolloutId(row.id);
    let queued = upgrades::queued_of_rollout(conn, id)?;
    let ids: Vec<_> = queued.iter().map(|(command, _)| *command).collect();
    let taken = commands::take_back(conn, &ids, why, now)?;
    let systems: Vec<SystemId> = queued
        .iter()
        .filter(|(command, _)| taken.contains(command))
        .map(|(_, system)| *system)
        .collect();
    target_store::set_waiting(conn, id, &systems)?;
    Ok(systems.len())
}

/// Queues the next systems of its stage.
fn queue(conn: &mut Conn, row: &RolloutRow, most: i64, now: UnixMillis) -> Result<Vec<SystemId>, Error> {
    let id = RolloutId(row.id);
    let mut systems = target_store::waiting(conn, id, view::below(row)?, most)?;
    // In the order in which others lock them.
    systems.sort_unstable();
    let order = upgrades::Order {
        organization_id: row.organization_id,
        version: Some(&row.version),
        wait_secs: MAX_WAIT_SECS,
        rollout: Some(id),
        job: None,
        by: &row.created_by,
        now,
    };
    let outcomes = upgrades::queue(conn, &order, &systems)?;
    let (mut queued, mut entries) = (Vec::new(), Vec::new());
    let actor = Actor {
        name: row.created_by.clone(),
        address: row.created_from.clone(),
    };
    let targets: Vec<String> = systems.iter().map(|system| format!("system:{system}")).collect();
    for ((system, outcome), target) in systems.iter().zip(&outcomes).zip(&targets) {
        match outcome {
            upgrades::Outcome::Queued { id: upgrade, version } => {
                queued.push(*system);
                entries.push(Entry {
                    organization_id: row.organization_id,
                    at: now,
                    actor: &actor,
                    action: "upgrades.create",
                    target,
                    outcome: Outcome::Done,
                    detail: json!({ "upgrade": upgrade, "version": version, "rollout": id }),
                });
            }
            other => target_store::skip(conn, id, *system, &other.reason().unwrap_or_default())?,
        }
    }
    target_store::set_queued(conn, id, &queued)?;
    if !entries.is_empty() {
        audit::record_all(conn, &entries)?;
    }
    Ok(queued)
}

/// Records what became of a rollout.
pub(super) fn record(
    conn: &mut Conn,
    row: &RolloutRow,
    (action, actor): (&str, &Actor),
    mut detail: Value,
    now: UnixMillis,
) -> Result<(), Error> {
    detail["version"] = json!(row.version);
    Entry {
        organization_id: row.organization_id,
        at: now,
        actor,
        action,
        target: &format!("rollout:{}", row.id),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)
}
