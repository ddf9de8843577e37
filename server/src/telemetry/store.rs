//! The history by range: samples, and the rows that older ones became.

use super::Range;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::system_states;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Double, Nullable};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::telemetry::TelemetryPoint;

#[derive(Debug, QueryableByName)]
struct PointRow {
    #[diesel(sql_type = BigInt)]
    bucket: i64,
    #[diesel(sql_type = Nullable<Double>)]
    cpu_percent: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    cpu_percent_min: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    cpu_percent_max: Option<f64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    mem_used_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    mem_used_bytes_max: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    disk_used_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    disk_used_bytes_max: Option<i64>,
}

/// Samples and what became of older ones, in one shape; `n` is what a row counts for.
const POINTS: &str = "SELECT (at_ms - $1) / $2 AS bucket, \
    SUM(cpu * n) / SUM(CASE WHEN cpu IS NULL THEN NULL ELSE n END) AS cpu_percent, \
    MIN(cpu_min) AS cpu_percent_min, MAX(cpu_max) AS cpu_percent_max, \
    CAST(SUM(mem * n) / SUM(CASE WHEN mem IS NULL THEN NULL ELSE n END) AS BIGINT) AS mem_used_bytes, \
    MAX(mem_max) AS mem_used_bytes_max, \
    CAST(SUM(disk * n) / SUM(CASE WHEN disk IS NULL THEN NULL ELSE n END) AS BIGINT) AS disk_used_bytes, \
    MAX(disk_max) AS disk_used_bytes_max \
    FROM (SELECT at_ms, 1 AS n, cpu_percent AS cpu, cpu_percent AS cpu_min, cpu_percent AS cpu_max, mem_used_bytes AS mem, \
    mem_used_bytes AS mem_max, disk_used_bytes AS disk, disk_used_bytes AS disk_max FROM telemetry_samples \
    WHERE system_id = $3 AND at_ms >= $4 AND at_ms < $5 \
    UNION ALL SELECT at_ms, samples, cpu_avg / 100e0, cpu_min / 100e0, cpu_max / 100e0, mem_used_avg, mem_used_max, \
    disk_used_avg, disk_used_max FROM telemetry_rollups \
    WHERE system_id = $3 AND step_secs IN (300, 3600) AND at_ms >= $4 AND at_ms < $5) AS parts \
    GROUP BY 1 ORDER BY 1";

/// The history of a system by bucket, oldest first. The statement is the same on both backends.
pub(super) fn points(conn: &mut Conn, id: SystemId, range: Range) -> Result<Vec<TelemetryPoint>, Error> {
    let rows: Vec<PointRow> = diesel::sql_query(POINTS)
        .bind::<BigInt, _>(range.from_ms)
        .bind::<BigInt, _>(range.bucket_ms)
        .bind::<BigInt, _>(id.0)
        .bind::<BigInt, _>(range.from_ms)
        .bind::<BigInt, _>(range.to_ms)
        .load(conn)?;
    let point = |row: PointRow| TelemetryPoint {
        at_ms: UnixMillis(range.from_ms + row.bucket * range.bucket_ms),
        cpu_percent: row.cpu_percent,
        cpu_percent_min: row.cpu_percent_min,
        cpu_percent_max: row.cpu_percent_max,
        mem_used_bytes: row.mem_used_bytes,
        mem_used_bytes_max: row.mem_used_bytes_max,
        disk_used_bytes: row.disk_used_bytes,
        disk_used_bytes_max: row.disk_used_bytes_max,
    };
    Ok(rows.into_iter().map(point).collect())
}

/// Memory and root volume as last reported, in bytes.
pub(super) fn totals(conn: &mut Conn, id: SystemId) -> Result<(Option<i64>, Option<i64>), Error> {
    let columns = (system_states::mem_total_bytes, system_states::disk_total_bytes);
    let row = system_states::table
        .find(id.0)
        .select(columns)
        .first(conn)
        .optional()?;
    Ok(row.unwrap_or_default())
}
