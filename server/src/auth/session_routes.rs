//! `/api/v1/sessions`: seen and ended.

use super::session_service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::paging::PageQuery;
use crate::router::endpoint;
use scm_protocol::ids::SessionId;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The routes; they come after `/sessions/current`.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "sessions.list", list)
        .or(endpoint(app, "sessions.end", end))
        .unify()
        .boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: PageQuery = authorized.call.query()?;
    let page = session_service::page(&app, authorized.caller(), query.cursor.as_deref(), query.limit).await?;
    Ok(json(&page).into_response())
}

async fn end(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = SessionId(authorized.call.id("session")?);
    session_service::end(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
