//! Rows of `job_targets`: what a job works on, and what came of it.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::job_targets as targets;
use diesel::prelude::*;
use scm_protocol::ids::{JobId, UnixMillis};
use scm_protocol::jobs::TargetOutcome;

/// Rows of one statement: SQLite takes at most 32,766 values.
const AT_ONCE: usize = 2000;

/// A system of a job.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = targets)]
pub(super) struct TargetRow {
    pub system_id: i64,
    pub hostname: String,
    pub expected_status: String,
    pub outcome: String,
    pub reason: Option<String>,
    pub at_ms: Option<i64>,
}

/// A system to add to a new job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewTarget {
    pub system_id: i64,
    pub hostname: String,
    pub expected_status: &'static str,
}

#[derive(Debug, Insertable)]
#[diesel(table_name = targets)]
struct Row<'a> {
    job_id: i64,
    system_id: i64,
    hostname: &'a str,
    expected_status: &'a str,
    outcome: &'static str,
}

/// Adds systems to a new job.
pub(super) fn add(conn: &mut Conn, job: JobId, new: &[NewTarget]) -> Result<(), Error> {
    for part in new.chunks(AT_ONCE) {
        let rows: Vec<Row<'_>> = part.iter().map(|target| row(job, target)).collect();
        per_backend!(conn, c => diesel::insert_into(targets::table).values(&rows).execute(c))?;
    }
    Ok(())
}

fn row(job: JobId, target: &NewTarget) -> Row<'_> {
    Row {
        job_id: job.0,
        system_id: target.system_id,
        hostname: &target.hostname,
        expected_status: target.expected_status,
        outcome: TargetOutcome::Waiting.as_str(),
    }
}

/// Systems of one outcome, or of any, after `after` (exclusive), by id.
pub(super) fn page(
    conn: &mut Conn,
    job: JobId,
    outcome: Option<TargetOutcome>,
    after: Option<i64>,
    limit: i64,
) -> Result<Vec<TargetRow>, Error> {
    let after = after.unwrap_or(0);
    Ok(per_backend!(conn, c => {
        let mut query = targets::table
            .filter(targets::job_id.eq(job.0))
            .filter(targets::system_id.gt(after))
            .into_boxed();
        if let Some(outcome) = outcome {
            query = query.filter(targets::outcome.eq(outcome.as_str()));
        }
        query
            .order(targets::system_id)
            .limit(limit)
            .select(TargetRow::as_select())
            .load(c)?
    }))
}

/// Systems without outcome after `after` (exclusive), by id.
pub(super) fn waiting_after(
    conn: &mut Conn,
    job: JobId,
    after: i64,
    limit: i64,
) -> Result<Vec<TargetRow>, Error> {
    page(conn, job, Some(TargetOutcome::Waiting), Some(after), limit)
}

/// Systems without outcome up to `last` (inclusive), by id.
pub(super) fn waiting_until(
    conn: &mut Conn,
    job: JobId,
    last: i64,
    limit: i64,
) -> Result<Vec<TargetRow>, Error> {
    Ok(targets::table
        .filter(targets::job_id.eq(job.0))
        .filter(targets::outcome.eq(TargetOutcome::Waiting.as_str()))
        .filter(targets::system_id.le(last))
        .order(targets::system_id)
        .limit(limit)
        .select(TargetRow::as_select())
        .load(conn)?)
}

/// Notes the same outcome for systems of a job that have none; how many.
pub(super) fn set(
    conn: &mut Conn,
    job: JobId,
    systems: &[i64],
    (outcome, reason): (TargetOutcome, Option<&str>),
    now: UnixMillis,
) -> Result<usize, Error> {
    let change = (
        targets::outcome.eq(outcome.as_str()),
        targets::reason.eq(reason),
        targets::at_ms.eq(now.0),
    );
    Ok(per_backend!(conn, c => diesel::update(targets::table)
        .filter(targets::job_id.eq(job.0))
        .filter(targets::system_id.eq_any(systems))
        .filter(targets::outcome.eq(TargetOutcome::Waiting.as_str()))
        .set(change)
        .execute(c))?)
}
