//! `/api/v1/systems`: the console's side of this room.

use super::conflict_service::{self, Settlement};
use super::decision::Decision;
use super::list::{self, CountQuery, ListQuery};
use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let decisions = [
        ("systems.approve", Decision::Approve),
        ("systems.reject", Decision::Reject),
        ("systems.deny", Decision::Deny),
        ("systems.revoke", Decision::Revoke),
        ("systems.restore", Decision::Restore),
        ("systems.delete", Decision::Delete),
    ];
    // `count` comes before `show`, whose `{id}` would take it.
    let reading = endpoint(app, "systems.list", list)
        .or(endpoint(app, "systems.count", count))
        .unify()
        .or(endpoint(app, "systems.show", show))
        .unify()
        .or(endpoint(app, "systems.rotate_key", ask_rotation))
        .unify()
        .boxed();
    let settlements = [
        ("systems.split", Settlement::Split),
        ("systems.swap", Settlement::Swap),
        ("systems.dismiss", Settlement::Dismiss),
    ];
    let reading = settlements.into_iter().fold(reading, |all, (name, settlement)| {
        let route = endpoint(app, name, move |app, authorized| {
            settle(app, authorized, settlement)
        });
        all.or(route).unify().boxed()
    });
    decisions.into_iter().fold(reading, |all, (name, decision)| {
        let route = endpoint(app, name, move |app, authorized| {
            decide(app, authorized, decision)
        });
        all.or(route).unify().boxed()
    })
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

/// Parameters of the count, for the API's description.
pub fn count_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    CountQuery::into_params(|| None)
}

async fn count(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query = authorized.call.query()?;
    Ok(json(&list::count(&app, authorized.principal.organization_id, query).await?).into_response())
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query = authorized.call.query()?;
    Ok(json(&list::page(&app, authorized.principal.organization_id, query).await?).into_response())
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    Ok(json(&service::show(&app, authorized.principal.organization_id, id).await?).into_response())
}

async fn ask_rotation(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    let change = authorized.call.json()?;
    let organization = authorized.principal.organization_id;
    let who = (authorized.call.route, authorized.actor());
    service::ask_rotation(&app, organization, id, change, who).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn settle(app: Arc<App>, authorized: Authorized, settlement: Settlement) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    let decision = authorized.call.json()?;
    let organization = authorized.principal.organization_id;
    let action = (settlement, authorized.call.route);
    conflict_service::settle(&app, organization, id, action, decision, authorized.actor()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn decide(app: Arc<App>, authorized: Authorized, decision: Decision) -> Result<Response, Error> {
    let id = authorized.call.system_id()?;
    let change = authorized.call.json()?;
    let organization = authorized.principal.organization_id;
    let action = (decision, authorized.call.route);
    service::carry_out(&app, organization, id, action, change, authorized.actor()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
