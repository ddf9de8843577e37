//! `/api/v1/groups`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::paging::PageQuery;
use crate::router::endpoint;
use scm_protocol::ids::GroupId;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json, with_status};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let reading = endpoint(app, "groups.list", list)
        .or(endpoint(app, "groups.show", show))
        .unify()
        .or(endpoint(app, "groups.members", members))
        .unify()
        .boxed();
    let changing = endpoint(app, "groups.create", create)
        .or(endpoint(app, "groups.change", change))
        .unify()
        .or(endpoint(app, "groups.delete", delete))
        .unify()
        .or(endpoint(app, "groups.members.change", change_members))
        .unify()
        .boxed();
    reading.or(changing).unify().boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let groups = service::list(&app, authorized.principal.organization_id).await?;
    Ok(json(&groups).into_response())
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = GroupId(authorized.call.id("group")?);
    let group = service::show(&app, authorized.principal.organization_id, id).await?;
    Ok(json(&group).into_response())
}

async fn members(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, query): (_, PageQuery) = (GroupId(authorized.call.id("group")?), authorized.call.query()?);
    let organization = authorized.principal.organization_id;
    let page = service::members(&app, organization, id, query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (create, key) = (authorized.call.json()?, authorized.call.idempotency_key()?);
    let group = service::create(&app, authorized.caller(), create, key).await?;
    Ok(with_status(json(&group), StatusCode::CREATED).into_response())
}

async fn change(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, change) = (GroupId(authorized.call.id("group")?), authorized.call.json()?);
    let group = service::change(&app, authorized.caller(), id, change).await?;
    Ok(json(&group).into_response())
}

async fn delete(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = GroupId(authorized.call.id("group")?);
    service::delete(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn change_members(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, change) = (GroupId(authorized.call.id("group")?), authorized.call.json()?);
    let changed = service::change_members(&app, authorized.caller(), id, change).await?;
    Ok(json(&changed).into_response())
}
