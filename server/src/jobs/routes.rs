//! `/api/v1/jobs`.

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
    /// Jobs of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TargetsQuery {
    /// Only systems of this outcome: `waiting`, `done`, `failed`, `skipped`.
    outcome: Option<String>,
    /// Systems of a page: 1 to 1000, 100 unless given.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "jobs.list", list)
        .or(endpoint(app, "jobs.create", create))
        .unify()
        .or(endpoint(app, "jobs.show", show))
        .unify()
        .or(endpoint(app, "jobs.targets", targets))
        .unify()
        .or(endpoint(app, "jobs.cancel", cancel))
        .unify()
        .or(endpoint(app, "jobs.retry", retry))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

/// Parameters of a job's systems, for the API's description.
pub fn targets_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    TargetsQuery::into_params(|| None)
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
    let job = service::create(&app, authorized.caller(), wanted, key).await?;
    Ok(with_status(json(&job), StatusCode::CREATED).into_response())
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.job_id()?;
    Ok(json(&service::show(&app, authorized.principal.organization_id, id).await?).into_response())
}

async fn targets(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.job_id()?;
    let query: TargetsQuery = authorized.call.query()?;
    let (outcome, cursor) = (query.outcome.as_deref(), query.cursor.as_deref());
    let organization_id = authorized.principal.organization_id;
    let page = service::targets(&app, organization_id, id, outcome, cursor, query.limit).await?;
    Ok(json(&page).into_response())
}

async fn cancel(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.job_id()?;
    service::cancel(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn retry(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.job_id()?;
    let key = authorized.call.idempotency_key()?;
    let job = service::retry(&app, authorized.caller(), id, key).await?;
    Ok(with_status(json(&job), StatusCode::CREATED).into_response())
}
