//! Rows of `telemetry_rollups`, and what moves into them.

use super::rollup::Oldest;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{
    systems, telemetry_rollups as rollups, telemetry_samples as samples, telemetry_sweeps as sweeps,
};
use diesel::prelude::*;
use diesel::sql_query;
use scm_protocol::ids::UnixMillis;

/// Seconds of the first roll-up.
pub(super) const FIVE_MINUTES: i64 = 300;
/// Seconds of the second.
pub(super) const HOUR: i64 = 3600;

/// What a sample, or five minutes, adds to a row.
const OF_SAMPLES: &str = "COUNT(*), \
    CAST(ROUND(AVG(cpu_percent) * 100) AS BIGINT), CAST(ROUND(MIN(cpu_percent) * 100) AS BIGINT), \
    CAST(ROUND(MAX(cpu_percent) * 100) AS BIGINT), CAST(AVG(mem_used_bytes) AS BIGINT), MAX(mem_used_bytes), \
    CAST(AVG(disk_used_bytes) AS BIGINT), MAX(disk_used_bytes)";
const OF_MINUTES: &str = "CAST(SUM(samples) AS BIGINT), \
    CAST(SUM(cpu_avg * samples) / SUM(CASE WHEN cpu_avg IS NULL THEN NULL ELSE samples END) AS BIGINT), \
    MIN(cpu_min), MAX(cpu_max), \
    CAST(SUM(mem_used_avg * samples) / SUM(CASE WHEN mem_used_avg IS NULL THEN NULL ELSE samples END) AS BIGINT), \
    MAX(mem_used_max), \
    CAST(SUM(disk_used_avg * samples) / SUM(CASE WHEN disk_used_avg IS NULL THEN NULL ELSE samples END) AS BIGINT), \
    MAX(disk_used_max)";

/// Whether it is this server's turn to roll up: then nobody else's before the period is over. A time far ahead is one of a
/// clock that was wrong.
pub(super) fn take_turn(conn: &mut Conn, now: UnixMillis, period_ms: i64) -> Result<bool, Error> {
    let due = sweeps::table.filter(
        sweeps::due_ms
            .le(now.0)
            .or(sweeps::due_ms.gt(now.0 + 2 * period_ms)),
    );
    let taken = diesel::update(due)
        .set(sweeps::due_ms.eq(now.0 + period_ms))
        .execute(conn)?;
    if taken == 1 {
        return Ok(true);
    }
    // Never before.
    let first = (sweeps::id.eq(1), sweeps::due_ms.eq(now.0 + period_ms));
    let added = per_backend!(conn, c => diesel::insert_into(sweeps::table)
        .values(first)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Ids of so many systems behind one, in order.
pub(super) fn next_systems(conn: &mut Conn, after: i64, most: i64) -> Result<Vec<i64>, Error> {
    let next = systems::table
        .filter(systems::id.gt(after))
        .order(systems::id)
        .limit(most);
    Ok(next.select(systems::id).load(conn)?)
}

/// The oldest rows of these systems.
pub(super) fn oldest(conn: &mut Conn, systems: &[i64]) -> Result<Oldest, Error> {
    let mut oldest = Oldest::default();
    let least = |known: Option<i64>, found: Option<i64>| known.into_iter().chain(found).min();
    for system in systems {
        let sample = samples::table
            .filter(samples::system_id.eq(system))
            .order(samples::at_ms)
            .select(samples::at_ms);
        oldest.sample = least(oldest.sample, sample.first(conn).optional()?);
        oldest.minutes = least(oldest.minutes, oldest_row(conn, *system, FIVE_MINUTES)?);
        oldest.hour = least(oldest.hour, oldest_row(conn, *system, HOUR)?);
    }
    Ok(oldest)
}

fn oldest_row(conn: &mut Conn, system: i64, step_secs: i64) -> Result<Option<i64>, Error> {
    let rows = rollups::table
        .filter(rollups::system_id.eq(system))
        .filter(rollups::step_secs.eq(step_secs))
        .order(rollups::at_ms)
        .select(rollups::at_ms);
    Ok(rows.first(conn).optional()?)
}

/// Deletes what is older, of these systems.
pub(super) fn forget(conn: &mut Conn, systems: &[i64], before_ms: i64) -> Result<(), Error> {
    per_backend!(conn, c => {
        let old = samples::table
            .filter(samples::system_id.eq_any(systems))
            .filter(samples::at_ms.lt(before_ms));
        diesel::delete(old).execute(c)?;
        let old = rollups::table
            .filter(rollups::system_id.eq_any(systems))
            .filter(rollups::step_secs.eq_any([FIVE_MINUTES, HOUR]))
            .filter(rollups::at_ms.lt(before_ms));
        diesel::delete(old).execute(c)?
    });
    Ok(())
}

/// Makes rows of five minutes of older samples; how many samples there were.
pub(super) fn to_five_minutes(conn: &mut Conn, systems: &[i64], before_ms: i64) -> Result<usize, Error> {
    let from = format!(
        "telemetry_samples WHERE system_id IN ({}) AND at_ms < {before_ms}",
        list(systems)
    );
    roll_up(conn, &from, (OF_SAMPLES, FIVE_MINUTES))
}

/// Makes rows of an hour of older ones of five minutes; how many those were.
pub(super) fn to_hours(conn: &mut Conn, systems: &[i64], before_ms: i64) -> Result<usize, Error> {
    let from = format!(
        "telemetry_rollups WHERE system_id IN ({}) AND step_secs = {FIVE_MINUTES} AND at_ms < {before_ms}",
        list(systems)
    );
    roll_up(conn, &from, (OF_MINUTES, HOUR))
}

/// Numbers alone: nothing that could be anything else in a statement.
fn list(systems: &[i64]) -> String {
    let numbers: Vec<String> = systems.iter().map(i64::to_string).collect();
    numbers.join(",")
}

/// Moves rows into a step. On PostgreSQL what is deleted is what is added, whatever others add meanwhile; SQLite has one
/// writer.
fn roll_up(conn: &mut Conn, from: &str, (sums, step_secs): (&str, i64)) -> Result<usize, Error> {
    let step_ms = step_secs * 1000;
    let add = |with: &str, from: &str| {
        format!(
            "{with} INSERT INTO telemetry_rollups (system_id, step_secs, at_ms, samples, cpu_avg, cpu_min, cpu_max, \
             mem_used_avg, mem_used_max, disk_used_avg, disk_used_max) \
             SELECT system_id, {step_secs}, at_ms / {step_ms} * {step_ms}, {sums} FROM {from} GROUP BY 1, 3 \
             ON CONFLICT (system_id, step_secs, at_ms) DO UPDATE SET {}",
            joined()
        )
    };
    match conn {
        Conn::Sqlite(c) => {
            sql_query(add("", from)).execute(c)?;
            Ok(sql_query(format!("DELETE FROM {from}")).execute(c)?)
        }
        Conn::Postgres(c) => {
            let with = format!("WITH gone AS (DELETE FROM {from} RETURNING *)");
            Ok(sql_query(add(&with, "gone")).execute(c)?)
        }
    }
}

/// What a row becomes that another one joins: late samples.
fn joined() -> String {
    let average = |column: &str| {
        format!(
            "{column} = CASE WHEN telemetry_rollups.{column} IS NULL THEN excluded.{column} \
             WHEN excluded.{column} IS NULL THEN telemetry_rollups.{column} \
             ELSE (telemetry_rollups.{column} * telemetry_rollups.samples + excluded.{column} * excluded.samples) \
             / (telemetry_rollups.samples + excluded.samples) END"
        )
    };
    let extreme = |column: &str, is: &str| {
        format!(
            "{column} = CASE WHEN telemetry_rollups.{column} IS NULL OR excluded.{column} {is} telemetry_rollups.{column} \
             THEN excluded.{column} ELSE telemetry_rollups.{column} END"
        )
    };
    [
        "samples = telemetry_rollups.samples + excluded.samples".to_owned(),
        average("cpu_avg"),
        extreme("cpu_min", "<"),
        extreme("cpu_max", ">"),
        average("mem_used_avg"),
        extreme("mem_used_max", ">"),
        average("disk_used_avg"),
        extreme("disk_used_max", ">"),
    ]
    .join(", ")
}
