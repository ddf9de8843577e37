//! `/api/v1/upgrades` and what of it lies under a system.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json, with_status};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Only upgrades of this system.
    system: Option<i64>,
    /// Only upgrades of this rollout.
    rollout: Option<i64>,
    /// Only upgrades in this state, for example `rolled_back`.
    state: Option<String>,
    /// Upgrades of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "upgrades.create", create)
        .or(endpoint(app, "upgrades.offered", offered))
        .unify()
        .or(endpoint(app, "upgrades.list", list))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let system = authorized.call.system_id()?;
    let wanted = authorized.call.json()?;
    let (upgrade, new) = service::create(&app, authorized.caller(), system, wanted).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok(with_status(json(&upgrade), status).into_response())
}

async fn offered(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let system = authorized.call.system_id()?;
    Ok(json(&service::offered(&app, authorized.principal.organization_id, system).await?).into_response())
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let which = (query.system, query.rollout, query.state.as_deref());
    let page = (query.cursor.as_deref(), query.limit);
    Ok(json(&service::page(&app, authorized.principal.organization_id, which, page).await?).into_response())
}
