//! One transaction of a job: some systems are changed, audited and given their outcome.

use super::act::{self, Acted, Verdict};
use super::store::{self, JobRow, Tally};
use super::target_store::{self, TargetRow};
use super::view;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::rules::RulesCache;
use crate::storage::Conn;
use scm_protocol::ids::{JobId, SystemId, UnixMillis};
use scm_protocol::jobs::{JobAbout, JobKind, JobState};
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
    /// Systems that were told to do something.
    pub told: Vec<SystemId>,
    /// Nothing was to be done: the job waits for its systems.
    pub idle: bool,
    /// Nothing is left to do.
    pub over: bool,
}

/// Carries out the next systems of a job; none when it is over or another server has it.
///
/// # Errors
/// When the database fails; nothing of it was done then.
pub(super) fn carry_out(conn: &mut Conn, turn: &Turn) -> Result<Option<Step>, Error> {
    each(conn, turn, act::turn)
}

/// Gives the next system up that makes the server fail each time, so that the others have their turn.
///
/// # Errors
/// When the database fails.
pub(super) fn give_up(conn: &mut Conn, turn: &Turn) -> Result<Option<Step>, Error> {
    each(conn, turn, act::give_up)
}

fn each(
    conn: &mut Conn,
    turn: &Turn,
    act: impl FnOnce(&mut Conn, &JobRow, &Turn) -> Result<Acted, Error>,
) -> Result<Option<Step>, Error> {
    let (job, now) = (turn.job, turn.now);
    let Some(row) = store::claim(conn, job, &turn.owner, now, now.plus(LEASE_MS))? else {
        return Ok(None);
    };
    let Acted {
        targets,
        verdicts,
        moved,
        told,
    } = act(conn, &row, turn)?;
    let kind = view::kind(&row)?;
    let tally = note(conn, job, &targets, &verdicts, now)?;
    let answered = row.done + row.failed + row.skipped + tally.done + tally.failed + tally.skipped;
    let idle = targets.is_empty() && told.is_empty();
    // Without an outcome in this turn, one that waits for its systems is not over.
    let over = answered >= row.total || idle && kind.about() != JobAbout::Run;
    if over {
        finish(conn, &row, tally, now)?;
    }
    let changed = targets.iter().zip(&verdicts);
    let changed = changed.filter(|(_, verdict)| **verdict == Verdict::Done);
    Ok(Some(Step {
        organization_id: row.organization_id,
        kind,
        changed: changed.map(|(target, _)| SystemId(target.system_id)).collect(),
        moved,
        told,
        idle: idle && !over,
        over,
    }))
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
    let mut detail = json!({
        "kind": row.kind,
        "created_by": row.created_by,
        "total": row.total,
        "done": row.done + last.done,
        "failed": row.failed + last.failed,
        "skipped": row.skipped + last.skipped,
    });
    view::subject(row)?.tell(&mut detail);
    if let Some(filter) = &row.filter {
        detail["filter"] = json!(filter);
    }
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
