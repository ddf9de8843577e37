//! Commands of bulk jobs: begun by the job's turn, a few at a time, and looked at again when they are over.
//!
//! Invariants: a job gives a system one command at most (a unique index); what a command of a job may be is checked as that
//! of a single one is; the caller locks the job's row first, so that nothing is begun behind a cancellation.

use super::service::{self, Wanted};
use super::store::{self, Change, CommandRow};
use super::transition::Transition;
use super::view;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use crate::systems;
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::{CommandState, OfferedBy};
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};
use scm_protocol::jobs::RunOnMany;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Systems of one statement.
const AT_ONCE: usize = 2000;

/// What a job has its systems run, for whom.
pub struct RunOrder<'a> {
    /// Of which organization.
    pub organization_id: i64,
    /// For which job.
    pub job: JobId,
    /// Who created the job.
    pub actor: &'a Actor,
    /// What is run.
    pub run: &'a RunOnMany,
    /// When.
    pub now: UnixMillis,
}

/// Why a system was given no command.
pub enum NotRun {
    /// There is no such system.
    Gone,
    /// It does not offer this, or not with these values, or is not active.
    Refused(String),
}

/// Where the command of a system stands.
pub struct OfJob {
    /// The command.
    pub id: CommandId,
    /// Its state.
    pub state: CommandState,
    /// Why it ended as it did.
    pub reason: Option<String>,
}

/// Gives each of these systems a command.
///
/// # Errors
/// When the database fails; nothing was created then.
pub fn begin_all(
    conn: &mut Conn,
    order: &RunOrder<'_>,
    systems: &[SystemId],
) -> Result<Vec<Result<CommandId, NotRun>>, Error> {
    let mut outcomes = Vec::with_capacity(systems.len());
    let mut notes: Vec<(String, Value)> = Vec::new();
    for system in systems {
        let begun = begin(conn, order, *system)?;
        if let Ok(id) = begun {
            let detail = json!({
                "system": system, "action": order.run.action, "parameters": order.run.parameters, "job": order.job,
            });
            notes.push((format!("command:{id}"), detail));
        }
        outcomes.push(begun);
    }
    let of = (order.organization_id, "commands.create");
    record(conn, of, (order.actor, order.now), &notes)?;
    Ok(outcomes)
}

fn begin(
    conn: &mut Conn,
    order: &RunOrder<'_>,
    system: SystemId,
) -> Result<Result<CommandId, NotRun>, Error> {
    systems::lock_row(conn, system)?;
    let wanted = Wanted {
        organization_id: order.organization_id,
        job: Some(order.job),
        created_by: &order.actor.name,
        action: &order.run.action,
        parameters: &order.run.parameters,
        confirmed: order.run.confirmed,
        wait_secs: order.run.wait_secs,
        now: order.now,
    };
    Ok(match service::insert(conn, system, &wanted) {
        Ok(id) => Ok(id),
        Err(Error::NotFound(_)) => Err(NotRun::Gone),
        Err(Error::Conflict { detail, .. }) => Err(NotRun::Refused(detail)),
        Err(Error::Invalid { field, reason }) => Err(NotRun::Refused(format!("`{field}` {reason}"))),
        Err(other) => return Err(other),
    })
}

/// One entry for each. After every change of the transaction: the audit's lock comes last.
fn record(
    conn: &mut Conn,
    (organization_id, action): (i64, &'static str),
    (actor, now): (&Actor, UnixMillis),
    notes: &[(String, Value)],
) -> Result<(), Error> {
    let entries: Vec<Entry<'_>> = notes
        .iter()
        .map(|(target, detail)| Entry {
            organization_id,
            at: now,
            actor,
            action,
            target,
            outcome: Outcome::Done,
            detail: detail.clone(),
        })
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    audit::record_all(conn, &entries)
}

/// The system with the highest id that a job has given a command.
///
/// # Errors
/// When the database fails.
pub fn last_of(conn: &mut Conn, job: JobId) -> Result<Option<SystemId>, Error> {
    Ok(store::last_of_job(conn, job)?.map(SystemId))
}

/// The commands that a job has given these systems.
///
/// # Errors
/// When the database fails.
pub fn of_job(conn: &mut Conn, job: JobId, systems: &[SystemId]) -> Result<HashMap<SystemId, OfJob>, Error> {
    let mut found = HashMap::with_capacity(systems.len());
    for part in systems.chunks(AT_ONCE) {
        let part: Vec<i64> = part.iter().map(|id| id.0).collect();
        for row in store::of_job(conn, job, &part)? {
            let state = view::state(&row)?;
            let of = OfJob {
                id: CommandId(row.id),
                state,
                reason: row.reason,
            };
            found.insert(SystemId(row.system_id), of);
        }
    }
    Ok(found)
}

/// Stops all commands of a job that are not over: those that wait here at once, the others as soon as their systems ask.
/// The systems, each with whether its command was not handed out yet.
///
/// # Errors
/// When the database fails.
pub fn cancel_of(
    conn: &mut Conn,
    job: JobId,
    actor: &Actor,
    now: UnixMillis,
) -> Result<Vec<(SystemId, bool)>, Error> {
    let mut stopped = Vec::new();
    let mut notes = Vec::new();
    let rows = store::open_of_job(conn, job)?;
    let organization_id = rows.first().map_or(0, |row| row.organization_id);
    for row in rows {
        let state = view::state(&row)?;
        let at_once = state == CommandState::Created;
        if row.cancel_ms.is_none() {
            let transition = stop(&row, state, &actor.name, now);
            store::change(conn, CommandId(row.id), &transition.change)?;
            let detail = json!({ "system": row.system_id, "action": row.action, "state": state, "job": job });
            notes.push((format!("command:{}", row.id), detail));
        }
        stopped.push((SystemId(row.system_id), at_once));
    }
    record(conn, (organization_id, "commands.cancel"), (actor, now), &notes)?;
    Ok(stopped)
}

/// The wish to stop a command, which ends one that was not handed out.
pub(super) fn stop(row: &CommandRow, state: CommandState, by: &str, now: UnixMillis) -> Transition {
    let after = if state == CommandState::Created {
        CommandState::Cancelled
    } else {
        state
    };
    let over = after.is_over();
    let change = Change {
        cancel_ms: Some(now.0),
        cancel_by: Some(by.to_owned()),
        ended_ms: over.then_some(now.0),
        reason: over.then(|| "it was cancelled before it was handed out".to_owned()),
        ..Change::to(row, after)
    };
    Transition::of(change, after)
}

/// Refuses what none of these systems would run, and what one of them wants confirmed and is not.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter, [`Error::Conflict`] `unknown_action` or `confirmation_required`.
pub fn check_offered(conn: &mut Conn, systems: &[SystemId], run: &RunOnMany) -> Result<(), Error> {
    let mut refusal = None;
    let mut runs = false;
    for (catalogue, _) in catalogues(conn, systems)? {
        match service::check(&catalogue, &run.action, &run.parameters, run.confirmed) {
            Ok(_) => runs = true,
            Err(
                refused @ Error::Conflict {
                    code: "confirmation_required",
                    ..
                },
            ) => return Err(refused),
            // That a value does not fit says more than that some other system does not know the action.
            Err(refused @ Error::Invalid { .. }) => refusal = Some(refused),
            Err(refused) => refusal = refusal.or(Some(refused)),
        }
    }
    let none = || Error::Conflict {
        code: "unknown_action",
        detail: format!("none of the systems offers an action `{}`", run.action),
    };
    if runs {
        Ok(())
    } else {
        Err(refusal.unwrap_or_else(none))
    }
}

/// What these systems offer, and how many of them each: the same action may be defined differently here and there.
///
/// # Errors
/// When the database fails.
pub(super) fn offered_by(conn: &mut Conn, systems: &[SystemId]) -> Result<Vec<OfferedBy>, Error> {
    let mut all: Vec<OfferedBy> = Vec::new();
    for (catalogue, count) in catalogues(conn, systems)? {
        for action in catalogue.actions {
            match all.iter_mut().find(|other| other.action == action) {
                Some(other) => other.systems += count,
                None => all.push(OfferedBy {
                    action,
                    systems: count,
                }),
            }
        }
    }
    all.sort_by(|a, b| a.action.name.cmp(&b.action.name).then(b.systems.cmp(&a.systems)));
    Ok(all)
}

/// The catalogues of these systems, each once, with how many have it.
fn catalogues(conn: &mut Conn, systems: &[SystemId]) -> Result<Vec<(Catalogue, i64)>, Error> {
    let mut counted: HashMap<String, i64> = HashMap::new();
    for part in systems.chunks(AT_ONCE) {
        let part: Vec<i64> = part.iter().map(|id| id.0).collect();
        for (text, count) in store::catalogues(conn, &part)? {
            *counted.entry(text).or_default() += count;
        }
    }
    let read = |(text, count): (String, i64)| {
        let catalogue = serde_json::from_str(&text)
            .map_err(|_| Error::internal("the actions of a system are damaged"))?;
        Ok((catalogue, count))
    };
    counted.into_iter().map(read).collect()
}
