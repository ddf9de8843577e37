//! Rows of `jobs`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::jobs;
use diesel::prelude::*;
use scm_protocol::ids::{JobId, UnixMillis};
use scm_protocol::jobs::JobState;

const QUEUED: &str = "queued";
const RUNNING: &str = "running";

/// A job.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = jobs)]
pub(super) struct JobRow {
    pub id: i64,
    pub organization_id: i64,
    pub kind: String,
    pub argument: String,
    pub filter: Option<String>,
    pub retry_of: Option<i64>,
    pub state: String,
    pub total: i64,
    pub done: i64,
    pub failed: i64,
    pub skipped: i64,
    pub created_ms: i64,
    pub created_by: String,
    pub created_from: String,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    pub cancelled_by: Option<String>,
}

/// A job to create.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = jobs)]
pub(super) struct NewJob {
    pub organization_id: i64,
    pub kind: String,
    pub argument: String,
    pub filter: Option<String>,
    pub retry_of: Option<i64>,
    pub state: String,
    pub total: i64,
    pub created_ms: i64,
    pub created_by: String,
    pub created_from: String,
}

/// Outcomes to add to a job's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub done: i64,
    pub failed: i64,
    pub skipped: i64,
}

/// Creates a job; its id.
pub(super) fn create(conn: &mut Conn, job: &NewJob) -> Result<i64, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(jobs::table)
        .values(job)
        .returning(jobs::id)
        .get_result(c))?)
}

/// One job.
pub(super) fn find(conn: &mut Conn, organization_id: i64, id: JobId) -> Result<Option<JobRow>, Error> {
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.eq(id.0))
        .select(JobRow::as_select())
        .first(conn)
        .optional()?)
}

/// Jobs before `before` (exclusive), newest first.
pub(super) fn page(
    conn: &mut Conn,
    organization_id: i64,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<JobRow>, Error> {
    Ok(jobs::table
        .filter(jobs::organization_id.eq(organization_id))
        .filter(jobs::id.lt(before.unwrap_or(i64::MAX)))
        .order(jobs::id.desc())
        .limit(limit)
        .select(JobRow::as_select())
        .load(conn)?)
}

/// Jobs that are not over and that this server may work on, oldest first.
pub(super) fn open(conn: &mut Conn, owner: &str, now: UnixMillis) -> Result<Vec<JobId>, Error> {
    let ids: Vec<i64> = jobs::table
        .filter(jobs::state.eq(QUEUED).or(jobs::state.eq(RUNNING)))
        .filter(jobs::lease_owner.eq(owner).or(jobs::lease_until_ms.le(now.0)))
        .order(jobs::id)
        .select(jobs::id)
        .load(conn)?;
    Ok(ids.into_iter().map(JobId).collect())
}

/// Takes the job, or keeps it, until `until`; none when it is over or another server has it. Its row is locked until the
/// commit.
pub(super) fn claim(
    conn: &mut Conn,
    id: JobId,
    owner: &str,
    now: UnixMillis,
    until: UnixMillis,
) -> Result<Option<JobRow>, Error> {
    let claimed = diesel::update(jobs::table)
        .filter(jobs::id.eq(id.0))
        .filter(jobs::state.eq(QUEUED).or(jobs::state.eq(RUNNING)))
        .filter(jobs::lease_owner.eq(owner).or(jobs::lease_until_ms.le(now.0)))
        .set((
            jobs::lease_owner.eq(owner),
            jobs::lease_until_ms.eq(until.0),
            jobs::state.eq(RUNNING),
        ))
        .execute(conn)?;
    if claimed == 0 {
        return Ok(None);
    }
    diesel::update(jobs::table)
        .filter(jobs::id.eq(id.0))
        .filter(jobs::started_ms.is_null())
        .set(jobs::started_ms.eq(now.0))
        .execute(conn)?;
    Ok(Some(
        jobs::table.find(id.0).select(JobRow::as_select()).first(conn)?,
    ))
}

/// Adds outcomes to those that a job has.
pub(super) fn add(conn: &mut Conn, id: JobId, tally: Tally) -> Result<(), Error> {
    diesel::update(jobs::table.find(id.0))
        .set((
            jobs::done.eq(jobs::done + tally.done),
            jobs::failed.eq(jobs::failed + tally.failed),
            jobs::skipped.eq(jobs::skipped + tally.skipped),
        ))
        .execute(conn)?;
    Ok(())
}

/// Ends a job that is not over; whether it was not. `by` is who cancelled it.
pub(super) fn end(
    conn: &mut Conn,
    id: JobId,
    state: JobState,
    by: Option<&str>,
    now: UnixMillis,
) -> Result<bool, Error> {
    let ended = diesel::update(jobs::table)
        .filter(jobs::id.eq(id.0))
        .filter(jobs::state.eq(QUEUED).or(jobs::state.eq(RUNNING)))
        .set((
            jobs::state.eq(state.as_str()),
            jobs::finished_ms.eq(now.0),
            jobs::cancelled_by.eq(by),
        ))
        .execute(conn)?;
    Ok(ended == 1)
}

/// A job that was over before `before`, the oldest.
pub(super) fn expired(conn: &mut Conn, before: UnixMillis) -> Result<Option<JobRow>, Error> {
    Ok(jobs::table
        .filter(jobs::finished_ms.lt(before.0))
        .order(jobs::id)
        .select(JobRow::as_select())
        .first(conn)
        .optional()?)
}

/// Deletes a job; whether it was there.
pub(super) fn delete(conn: &mut Conn, id: JobId) -> Result<bool, Error> {
    Ok(diesel::delete(jobs::table.find(id.0)).execute(conn)? == 1)
}
