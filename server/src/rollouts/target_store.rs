//! Rows of `rollout_targets`: the systems of a rollout.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::rollout_targets as targets;
use diesel::prelude::*;
use scm_protocol::ids::{RolloutId, SystemId};

/// Rows of one statement: SQLite takes at most 32,766 values.
const AT_ONCE: usize = 2000;
/// Not queued.
const WAITING: &str = "waiting";
/// Queued, or further.
const QUEUED: &str = "queued";
/// Nothing to do.
const SKIPPED: &str = "skipped";

#[derive(Debug, Insertable)]
#[diesel(table_name = targets)]
struct Row {
    rollout_id: i64,
    system_id: i64,
    cohort: i64,
    state: &'static str,
}

/// Adds systems to a new rollout, each with its cohort.
pub(super) fn add(conn: &mut Conn, rollout: RolloutId, new: &[(SystemId, u32)]) -> Result<(), Error> {
    for part in new.chunks(AT_ONCE) {
        let row = |(system, cohort): &(SystemId, u32)| Row {
            rollout_id: rollout.0,
            system_id: system.0,
            cohort: i64::from(*cohort),
            state: WAITING,
        };
        let rows: Vec<Row> = part.iter().map(row).collect();
        per_backend!(conn, c => diesel::insert_into(targets::table).values(&rows).execute(c))?;
    }
    Ok(())
}

/// How many systems there are, and how many of them wait, all and those of cohorts below `below`.
pub(super) fn counts(conn: &mut Conn, rollout: RolloutId, below: i64) -> Result<(i64, i64, i64), Error> {
    let all = targets::table.filter(targets::rollout_id.eq(rollout.0));
    let waiting = all.filter(targets::state.eq(WAITING));
    Ok((
        all.count().get_result(conn)?,
        waiting.count().get_result(conn)?,
        waiting
            .filter(targets::cohort.lt(below))
            .count()
            .get_result(conn)?,
    ))
}

/// The next systems that wait, of cohorts below `below`: the lowest first.
pub(super) fn waiting(
    conn: &mut Conn,
    rollout: RolloutId,
    below: i64,
    limit: i64,
) -> Result<Vec<SystemId>, Error> {
    let ids: Vec<i64> = targets::table
        .filter(targets::rollout_id.eq(rollout.0))
        .filter(targets::state.eq(WAITING))
        .filter(targets::cohort.lt(below))
        .order((targets::cohort, targets::system_id))
        .limit(limit)
        .select(targets::system_id)
        .load(conn)?;
    Ok(ids.into_iter().map(SystemId).collect())
}

fn set(
    conn: &mut Conn,
    rollout: RolloutId,
    systems: &[SystemId],
    state: &str,
    reason: Option<&str>,
) -> Result<(), Error> {
    let ids: Vec<i64> = systems.iter().map(|system| system.0).collect();
    diesel::update(targets::table)
        .filter(targets::rollout_id.eq(rollout.0))
        .filter(targets::system_id.eq_any(ids))
        .set((targets::state.eq(state), targets::reason.eq(reason)))
        .execute(conn)?;
    Ok(())
}

/// These are queued.
pub(super) fn set_queued(conn: &mut Conn, rollout: RolloutId, systems: &[SystemId]) -> Result<(), Error> {
    set(conn, rollout, systems, QUEUED, None)
}

/// For this one there is nothing to do, and why.
pub(super) fn skip(conn: &mut Conn, rollout: RolloutId, system: SystemId, reason: &str) -> Result<(), Error> {
    set(conn, rollout, &[system], SKIPPED, Some(reason))
}

/// These were taken back.
pub(super) fn set_waiting(conn: &mut Conn, rollout: RolloutId, systems: &[SystemId]) -> Result<(), Error> {
    set(conn, rollout, systems, WAITING, None)
}
