//! `/api/v1/rollouts`.

use super::service::{self, Steer};
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::ids::RolloutId;
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
    /// Rollouts of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let steer = |name, what| endpoint(app, name, move |app, authorized| steer(app, authorized, what));
    endpoint(app, "rollouts.list", list)
        .or(endpoint(app, "rollouts.create", create))
        .unify()
        .or(endpoint(app, "rollouts.show", show))
        .unify()
        .or(steer("rollouts.halt", Steer::Halt))
        .unify()
        .or(steer("rollouts.resume", Steer::Resume))
        .unify()
        .or(steer("rollouts.advance", Steer::Advance))
        .unify()
        .or(steer("rollouts.abort", Steer::Abort))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

fn rollout_id(authorized: &Authorized) -> Result<RolloutId, Error> {
    authorized.call.id("rollout").map(RolloutId)
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let organization_id = authorized.principal.organization_id;
    let page = service::page(&app, organization_id, query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = authorized.call.idempotency_key()?;
    let wanted = authorized.call.json()?;
    let rollout = service::create(&app, authorized.caller(), wanted, key).await?;
    Ok(with_status(json(&rollout), StatusCode::CREATED).into_response())
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = rollout_id(&authorized)?;
    Ok(json(&service::show(&app, authorized.principal.organization_id, id).await?).into_response())
}

async fn steer(app: Arc<App>, authorized: Authorized, what: Steer) -> Result<Response, Error> {
    let id = rollout_id(&authorized)?;
    Ok(json(&service::steer(&app, authorized.caller(), id, what).await?).into_response())
}
