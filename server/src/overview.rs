//! `GET /api/v1/overview`: what the dashboard shows.

use crate::app::App;
use crate::audit;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use crate::systems;
use scm_protocol::access;
use scm_protocol::events::Overview;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

/// Audit entries on the dashboard.
const RECENT: i64 = 10;

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "overview", overview)
}

async fn overview(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let organization_id = authorized.principal.organization_id;
    let fleet = systems::fleet(&app, organization_id).await?;
    let recent_audit = if access::allows(authorized.principal.role, "audit.list") {
        audit::recent(&app, organization_id, RECENT).await?
    } else {
        Vec::new()
    };
    Ok(json(&Overview {
        server_name: app.settings.server_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        server_time_ms: app.clock.now(),
        started_ms: app.started,
        counts: fleet.counts,
        oldest_pending_ms: fleet.oldest_pending,
        offline: fleet.offline,
        recent_audit,
    })
    .into_response())
}
