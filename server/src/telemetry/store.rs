//! Rows of `telemetry_samples`.

use super::Range;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{system_states, telemetry_samples};
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
    #[diesel(sql_type = Nullable<BigInt>)]
    mem_used_bytes: Option<i64>,
    #[diesel(sql_type = Nullable<BigInt>)]
    disk_used_bytes: Option<i64>,
}

/// The averages of a system's samples by bucket, oldest first. The statement is the same on both backends.
pub(super) fn points(conn: &mut Conn, id: SystemId, range: Range) -> Result<Vec<TelemetryPoint>, Error> {
    let rows: Vec<PointRow> = diesel::sql_query(
        "SELECT (at_ms - $1) / $2 AS bucket, AVG(cpu_percent) AS cpu_percent, \
         CAST(AVG(mem_used_bytes) AS BIGINT) AS mem_used_bytes, \
         CAST(AVG(disk_used_bytes) AS BIGINT) AS disk_used_bytes \
         FROM telemetry_samples WHERE system_id = $3 AND at_ms >= $4 AND at_ms < $5 \
         GROUP BY 1 ORDER BY 1",
    )
    .bind::<BigInt, _>(range.from_ms)
    .bind::<BigInt, _>(range.bucket_ms)
    .bind::<BigInt, _>(id.0)
    .bind::<BigInt, _>(range.from_ms)
    .bind::<BigInt, _>(range.to_ms)
    .load(conn)?;
    let point = |row: PointRow| TelemetryPoint {
        at_ms: UnixMillis(range.from_ms + row.bucket * range.bucket_ms),
        cpu_percent: row.cpu_percent,
        mem_used_bytes: row.mem_used_bytes,
        disk_used_bytes: row.disk_used_bytes,
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

/// Deletes samples older than `before`, of systems with ids in `ids`; returns how many went.
pub(super) fn prune(conn: &mut Conn, before: UnixMillis, ids: std::ops::Range<i64>) -> Result<usize, Error> {
    let old = telemetry_samples::table
        .filter(telemetry_samples::system_id.ge(ids.start))
        .filter(telemetry_samples::system_id.lt(ids.end))
        .filter(telemetry_samples::at_ms.lt(before.0));
    Ok(diesel::delete(old).execute(conn)?)
}

/// The highest id of a system.
pub(super) fn highest_id(conn: &mut Conn) -> Result<i64, Error> {
    let highest: Option<i64> = telemetry_samples::table
        .select(diesel::dsl::max(telemetry_samples::system_id))
        .first(conn)?;
    Ok(highest.unwrap_or(0))
}
