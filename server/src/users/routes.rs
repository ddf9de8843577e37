//! `/api/v1/users`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::paging::PageQuery;
use crate::router::endpoint;
use scm_protocol::ids::UserId;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json, with_status};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let users = endpoint(app, "users.list", list)
        .or(endpoint(app, "users.create", create))
        .unify()
        .or(endpoint(app, "users.delete", delete))
        .unify();
    let changes = endpoint(app, "users.set_role", set_role)
        .or(endpoint(app, "users.set_password", set_password))
        .unify()
        .or(endpoint(app, "users.reset_second_factor", reset_second_factor))
        .unify()
        .or(endpoint(app, "users.end_sessions", end_sessions))
        .unify();
    users.or(changes).unify().boxed()
}

fn user_id(authorized: &Authorized) -> Result<UserId, Error> {
    authorized.call.id("user").map(UserId)
}

fn done(result: Result<(), Error>) -> Result<Response, Error> {
    result.map(|()| StatusCode::NO_CONTENT.into_response())
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: PageQuery = authorized.call.query()?;
    let organization_id = authorized.principal.organization_id;
    let page = service::page(&app, organization_id, query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = authorized.call.idempotency_key()?;
    let created = service::create(&app, authorized.caller(), authorized.call.json()?, key).await?;
    Ok(with_status(json(&created), StatusCode::CREATED).into_response())
}

async fn set_role(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = user_id(&authorized)?;
    done(service::set_role(&app, authorized.caller(), id, authorized.call.json()?).await)
}

async fn set_password(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = user_id(&authorized)?;
    done(service::set_password(&app, authorized.caller(), id, authorized.call.json()?).await)
}

async fn reset_second_factor(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    done(service::reset_second_factor(&app, authorized.caller(), user_id(&authorized)?).await)
}

async fn end_sessions(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    done(service::end_sessions(&app, authorized.caller(), user_id(&authorized)?).await)
}

async fn delete(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    done(service::delete(&app, authorized.caller(), user_id(&authorized)?).await)
}
