//! `/api/v1/organizations`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::{endpoint, secret_reply};
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "organizations.list", list)
        .or(endpoint(app, "organizations.create", create))
        .unify()
        .boxed()
}

async fn list(app: Arc<App>, _authorized: Authorized) -> Result<Response, Error> {
    Ok(json(&service::list(&app).await?).into_response())
}

async fn create(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let created = service::create(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(secret_reply(&created, StatusCode::CREATED))
}
