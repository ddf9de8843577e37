//! From rows to what is told of a job.

use super::store::JobRow;
use super::subject::Subject;
use super::target_store::TargetRow;
use crate::error::Error;
use scm_protocol::ids::{GroupId, JobId, SystemId, UnixMillis};
use scm_protocol::jobs::{Job, JobCounts, JobKind, JobState, JobTarget, TargetOutcome};
use scm_protocol::systems::SystemStatus;
use std::collections::HashMap;

/// Names of groups, by id.
pub(super) type GroupNames = HashMap<GroupId, String>;

fn damaged(id: i64) -> Error {
    Error::internal(format!("the row of job {id} is damaged"))
}

/// What a job does.
pub(super) fn kind(row: &JobRow) -> Result<JobKind, Error> {
    JobKind::parse(&row.kind).ok_or_else(|| damaged(row.id))
}

/// Where a job stands.
pub(super) fn state(row: &JobRow) -> Result<JobState, Error> {
    JobState::parse(&row.state).ok_or_else(|| damaged(row.id))
}

/// What a job is about.
pub(super) fn subject(row: &JobRow) -> Result<Subject, Error> {
    Subject::stored(kind(row)?, &row.argument).ok_or_else(|| damaged(row.id))
}

/// How many systems of a job have which outcome.
pub(super) fn counts(row: &JobRow) -> JobCounts {
    JobCounts {
        total: row.total,
        done: row.done,
        failed: row.failed,
        skipped: row.skipped,
        waiting: row.total - row.done - row.failed - row.skipped,
    }
}

/// A job; `names`: of the groups that there are.
pub(super) fn job(row: JobRow, names: &GroupNames) -> Result<Job, Error> {
    let subject = subject(&row)?;
    Ok(Job {
        id: JobId(row.id),
        kind: kind(&row)?,
        tag: subject.tag().map(str::to_owned),
        group: subject.group(),
        run: subject.run().cloned(),
        version: subject.version().map(str::to_owned),
        group_name: subject.group().and_then(|id| names.get(&id).cloned()),
        state: state(&row)?,
        counts: counts(&row),
        filter: row.filter,
        retry_of: row.retry_of.map(JobId),
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
        started_ms: row.started_ms.map(UnixMillis),
        finished_ms: row.finished_ms.map(UnixMillis),
        cancelled_by: row.cancelled_by,
    })
}

/// A system of a job.
pub(super) fn target(job: JobId, row: TargetRow) -> Result<JobTarget, Error> {
    Ok(JobTarget {
        system: SystemId(row.system_id),
        expected_status: SystemStatus::parse(&row.expected_status).ok_or_else(|| damaged(job.0))?,
        outcome: TargetOutcome::parse(&row.outcome).ok_or_else(|| damaged(job.0))?,
        hostname: row.hostname,
        reason: row.reason,
        command: None,
        at_ms: row.at_ms.map(UnixMillis),
    })
}
