//! `/api/v1/api-tokens`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::paging::PageQuery;
use crate::router::{endpoint, secret_reply};
use scm_protocol::ids::ApiTokenId;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "api_tokens.list", list)
        .or(endpoint(app, "api_tokens.create", create))
        .unify()
        .or(endpoint(app, "api_tokens.revoke", revoke))
        .unify()
        .boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: PageQuery = authorized.call.query()?;
    let page = service::page(&app, authorized.caller(), query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = authorized.call.idempotency_key()?;
    let created = service::create(&app, authorized.caller(), authorized.call.json()?, key).await?;
    Ok(secret_reply(&created, StatusCode::CREATED))
}

async fn revoke(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = ApiTokenId(authorized.call.id("API token")?);
    service::revoke(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
