//! `/api/v1/filters`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::ids::FilterId;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let changing = endpoint(app, "saved_filters.save", save)
        .or(endpoint(app, "saved_filters.delete", delete))
        .unify();
    changing
        .or(endpoint(app, "saved_filters.list", list))
        .unify()
        .boxed()
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let filters = service::list(&app, authorized.caller()).await?;
    Ok(json(&filters).into_response())
}

async fn save(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let filter = authorized.call.json()?;
    let saved = service::save(&app, authorized.caller(), filter).await?;
    Ok(json(&saved).into_response())
}

async fn delete(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = FilterId(authorized.call.id("saved filter")?);
    service::delete(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
