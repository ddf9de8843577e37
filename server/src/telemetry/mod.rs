//! The history of telemetry: stored by the check-in's batch, rolled up by age, read here by range.
//!
//! Invariant: one query answers a chart, whatever its range; the buckets are made by the database.

mod rollup;
mod rollup_store;
mod store;
#[cfg(test)]
mod tests;

pub use rollup::{Ages, keep_rolled_up};

use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use crate::systems;
use scm_protocol::ids::UnixMillis;
use scm_protocol::telemetry::TelemetryHistory;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

const HOUR_MS: i64 = 3_600_000;
const MAX_RANGE_MS: i64 = 366 * 24 * HOUR_MS;

/// Query of `GET /api/v1/systems/{id}/telemetry`.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// Start of the range, unix milliseconds, inclusive; an hour before its end unless given.
    from_ms: Option<i64>,
    /// End of the range, unix milliseconds, exclusive; now unless given.
    to_ms: Option<i64>,
    /// Most points: 1 to 1000, 120 unless given.
    points: Option<i64>,
}

/// `GET /api/v1/systems/{id}/telemetry`.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "telemetry.history", history)
}

/// Parameters of the history, for the API's description.
pub fn history_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    HistoryQuery::into_params(|| None)
}

async fn history(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    let range = Range::from_query(&authorized.call.query()?, app.clock.now())?;
    let organization = authorized.principal.organization_id;
    let read = app.storage.readers.run(move |conn| {
        systems::exists(conn, organization, id)?;
        let points = store::points(conn, id, range)?;
        let (mem_total_bytes, disk_total_bytes) = store::totals(conn, id)?;
        Ok(TelemetryHistory {
            from_ms: UnixMillis(range.from_ms),
            to_ms: UnixMillis(range.to_ms),
            bucket_ms: range.bucket_ms,
            mem_total_bytes,
            disk_total_bytes,
            points,
        })
    });
    Ok(json(&read.await?).into_response())
}

/// What a chart asks for, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    from_ms: i64,
    to_ms: i64,
    bucket_ms: i64,
}

impl Range {
    fn from_query(query: &HistoryQuery, now: UnixMillis) -> Result<Self, Error> {
        let to_ms = query.to_ms.unwrap_or(now.0);
        let from_ms = query.from_ms.unwrap_or(to_ms.saturating_sub(HOUR_MS));
        let points = query.points.unwrap_or(120);
        if !(1..=1000).contains(&points) {
            return Err(Error::invalid("points", "must be between 1 and 1000"));
        }
        let width = to_ms.saturating_sub(from_ms);
        if from_ms < 0 || !(1..=MAX_RANGE_MS).contains(&width) {
            return Err(Error::invalid(
                "from_ms",
                "must lie before to_ms, at most 366 days",
            ));
        }
        Ok(Range {
            from_ms,
            to_ms,
            bucket_ms: (width + points - 1) / points,
        })
    }
}
