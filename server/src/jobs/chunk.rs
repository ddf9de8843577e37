//! One transaction of a job: some systems are changed, audited and given their outcome.

use super::store::{self, JobRow, Tally};
use super::target_store::{self, TargetRow};
use super::view;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::rules::RulesCache;
use crate::storage::Conn;
use crate::systems::{self, Decision, Order, Refused, Shown};
use scm_protocol::ids::{JobId, SystemId, UnixMillis};
use scm_protocol::jobs::{JobKind, JobState, TargetOutcome};
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use std::collections::BTreeMap;

/// How long a server keeps a job after each transaction, in milliseconds: after that it is taken for dead.
const LEASE_MS: i64 = 10_000;

/// Which systems of which job, for whom.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub job: JobId,
    /// This server.
    pub owner: String,
    /// Most systems of the transaction.
    pub most: i64,
    pub now: UnixMillis,
    pub rules: RulesCache,
}

/// What was done in a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub organization_id: i64,
    pub kind: JobKind,
    /// Systems that were changed.
    pub changed: Vec<SystemId>,
    /// Members of automatic groups changed with them.
    pub moved: bool,
    /// Nothing is left to do.
    pub over: bool,
}

/// What came of one system.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Done,
    Failed(String),
    Skipped(String),
}

impl Verdict {
    fn outcome(&self) -> (TargetOutcome, Option<&str>) {
        match self {
            Verdict::Done => (TargetOutcome::Done, None),
            Verdict::Failed(reason) => (TargetOutcome::Failed, Some(reason)),
            Verdict::Skipped(reason) => (TargetOutcome::Skipped, Some(reason)),
        }
    }

    /// A system that is nothing for this job is left out; one that is not what was chosen is to be looked at.
    fn of(refused: Refused, expected: SystemStatus) -> Self {
        match refused {
            Refused::Gone => Verdict::Skipped("there is no such system".to_owned()),
            Refused::OtherKey => {
                Verdict::Failed("it has another key than the one it was chosen with".to_owned())
            }
            Refused::OtherStatus { now, fits: true } => Verdict::Failed(format!(
                "it is {} and was {} when it was chosen: look at it again",
                now.as_str(),
                expected.as_str()
            )),
            Refused::OtherStatus { now, fits: false } => Verdict::Skipped(format!("it is {}", now.as_str())),
            Refused::Unfit { now, reason } => Verdict::Skipped(format!("it is {}: {reason}", now.as_str())),
        }
    }
}

/// Carries out the next systems of a job; none when it is over or another server has it.
///
/// # Errors
/// When the database fails; nothing of it was done then.
pub(super) fn carry_out(conn: &mut Conn, turn: &Turn) -> Result<Option<Step>, Error> {
    each(conn, turn, |conn, row, targets| {
        let kind = view::kind(row)?;
        decide(conn, row, kind, targets, turn)
    })
}

/// Gives the next system up that makes the server fail each time, so that the others have their turn.
///
/// # Errors
/// When the database fails.
pub(super) fn give_up(conn: &mut Conn, turn: &Turn) -> Result<Option<Step>, Error> {
    let reason = "the server failed; its log says more".to_owned();
    each(conn, turn, |_, _, targets| {
        let failed = targets.iter().map(|_| Verdict::Failed(reason.clone()));
        Ok((failed.collect(), false))
    })
}

fn each(
    conn: &mut Conn,
    turn: &Turn,
    act: impl FnOnce(&mut Conn, &JobRow, &[TargetRow]) -> Result<(Vec<Verdict>, bool), Error>,
) -> Result<Option<Step>, Error> {
    let (job, now) = (turn.job, turn.now);
    let Some(row) = store::claim(conn, job, &turn.owner, now, now.plus(LEASE_MS))? else {
        return Ok(None);
    };
    let waiting = Some(TargetOutcome::Waiting);
    let targets = target_store::page(conn, job, waiting, None, turn.most)?;
    let (verdicts, moved) = act(conn, &row, &targets)?;
    let tally = note(conn, job, &targets, &verdicts, now)?;
    let answered = row.done + row.failed + row.skipped + tally.done + tally.failed + tally.skipped;
    let over = answered >= row.total || targets.is_empty();
    if over {
        finish(conn, &row, tally, now)?;
    }
    let changed = targets.iter().zip(&verdicts);
    let changed = changed.filter(|(_, verdict)| **verdict == Verdict::Done);
    Ok(Some(Step {
        organization_id: row.organization_id,
        kind: view::kind(&row)?,
        changed: changed.map(|(target, _)| SystemId(target.system_id)).collect(),
        moved,
        over,
    }))
}

fn decide(
    conn: &mut Conn,
    row: &JobRow,
    kind: JobKind,
    targets: &[TargetRow],
    turn: &Turn,
) -> Result<(Vec<Verdict>, bool), Error> {
    let job = JobId(row.id);
    let actor = Actor {
        name: row.created_by.clone(),
        address: row.created_from.clone(),
    };
    let order = Order {
        organization_id: row.organization_id,
        decision: decision(kind),
        action: kind.route(),
        actor: &actor,
        job: Some(job),
        now: turn.now,
        rules: &turn.rules,
    };
    let shown = targets.iter().map(|target| {
        let target = view::target(job, target.clone())?;
        Ok(Shown {
            id: target.system,
            status: target.expected_status,
            fingerprint: None,
        })
    });
    let shown: Vec<Shown> = shown.collect::<Result<_, Error>>()?;
    let decided = systems::decide(conn, order, &shown)?;
    let verdicts = decided
        .outcomes
        .into_iter()
        .zip(&shown)
        .map(|(outcome, shown)| match outcome {
            Ok(()) => Verdict::Done,
            Err(refused) => Verdict::of(refused, shown.status),
        });
    Ok((verdicts.collect(), decided.moved))
}

/// The decision on each system.
pub(super) fn decision(kind: JobKind) -> Decision {
    match kind {
        JobKind::Approve => Decision::Approve,
        JobKind::Reject => Decision::Reject,
        JobKind::Deny => Decision::Deny,
        JobKind::Revoke => Decision::Revoke,
        JobKind::Restore => Decision::Restore,
        JobKind::Delete => Decision::Delete,
    }
}

/// Writes the outcomes, one statement for each that differs.
fn note(
    conn: &mut Conn,
    job: JobId,
    targets: &[TargetRow],
    verdicts: &[Verdict],
    now: UnixMillis,
) -> Result<Tally, Error> {
    let mut same: BTreeMap<&Verdict, Vec<i64>> = BTreeMap::new();
    for (target, verdict) in targets.iter().zip(verdicts) {
        same.entry(verdict).or_default().push(target.system_id);
    }
    let mut tally = Tally::default();
    for (verdict, systems) in same {
        target_store::set(conn, job, &systems, verdict.outcome(), now)?;
        let count = i64::try_from(systems.len()).unwrap_or(i64::MAX);
        match verdict {
            Verdict::Done => tally.done += count,
            Verdict::Failed(_) => tally.failed += count,
            Verdict::Skipped(_) => tally.skipped += count,
        }
    }
    store::add(conn, job, tally)?;
    Ok(tally)
}

/// The job's end, with what came of it.
fn finish(conn: &mut Conn, row: &JobRow, last: Tally, now: UnixMillis) -> Result<(), Error> {
    store::end(conn, JobId(row.id), JobState::Done, None, now)?;
    let detail = json!({
        "kind": row.kind,
        "created_by": row.created_by,
        "total": row.total,
        "done": row.done + last.done,
        "failed": row.failed + last.failed,
        "skipped": row.skipped + last.skipped,
    });
    Entry {
        organization_id: row.organization_id,
        at: now,
        actor: &Actor::server(),
        action: "jobs.finish",
        target: &format!("job:{}", row.id),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)
}
