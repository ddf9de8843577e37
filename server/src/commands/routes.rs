//! `/api/v1/commands` and what of it lies under a system.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::ids::CommandId;
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
    /// Only commands of this system.
    system: Option<i64>,
    /// Only commands in this state, for example `running`.
    state: Option<String>,
    /// Commands of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OutputQuery {
    /// The byte to begin at: `next_start` of the part before; 0 unless given.
    start: Option<i64>,
}

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "commands.actions", actions)
        .or(endpoint(app, "commands.create", create))
        .unify()
        .or(endpoint(app, "commands.offered", offered))
        .unify()
        .or(endpoint(app, "commands.list", list))
        .unify()
        .or(endpoint(app, "commands.show", show))
        .unify()
        .or(endpoint(app, "commands.output", output))
        .unify()
        .or(endpoint(app, "commands.cancel", cancel))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

/// Parameters of the output, for the API's description.
pub fn output_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    OutputQuery::into_params(|| None)
}

fn command_id(authorized: &Authorized) -> Result<CommandId, Error> {
    authorized.call.id("command").map(CommandId)
}

async fn actions(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let system = authorized.call.system_id()?;
    Ok(json(&service::actions(&app, authorized.principal.organization_id, system).await?).into_response())
}

async fn offered(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let asked = authorized.call.json()?;
    let organization_id = authorized.principal.organization_id;
    Ok(json(&service::offered_by(&app, organization_id, asked).await?).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let system = authorized.call.system_id()?;
    let key = authorized.call.idempotency_key()?;
    let wanted = authorized.call.json()?;
    let command = service::create(&app, authorized.caller(), system, wanted, key).await?;
    Ok(with_status(json(&command), StatusCode::CREATED).into_response())
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let which = (query.system, query.state.as_deref());
    let page = (query.cursor.as_deref(), query.limit);
    let page = service::page(&app, authorized.principal.organization_id, which, page).await?;
    Ok(json(&page).into_response())
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = command_id(&authorized)?;
    Ok(json(&service::show(&app, authorized.principal.organization_id, id).await?).into_response())
}

async fn output(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = command_id(&authorized)?;
    let query: OutputQuery = authorized.call.query()?;
    let organization_id = authorized.principal.organization_id;
    Ok(json(&service::output(&app, organization_id, id, query.start).await?).into_response())
}

async fn cancel(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = command_id(&authorized)?;
    Ok(json(&service::cancel(&app, authorized.caller(), id).await?).into_response())
}
