//! `/api/v1/systems/{id}/tags`, `/api/v1/systems/{id}/note`, `/api/v1/tags`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let changing = endpoint(app, "annotations.tags.change", change_tags)
        .or(endpoint(app, "annotations.note.change", change_note))
        .unify();
    changing
        .or(endpoint(app, "annotations.tags.list", tags))
        .unify()
        .boxed()
}

async fn change_tags(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, change) = (authorized.call.system_id()?, authorized.call.json()?);
    let tags = service::change_tags(&app, authorized.caller(), id, change).await?;
    Ok(json(&tags).into_response())
}

async fn change_note(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let (id, change) = (authorized.call.system_id()?, authorized.call.json()?);
    service::change_note(&app, authorized.caller(), id, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn tags(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let tags = service::tags(&app, authorized.principal.organization_id).await?;
    Ok(json(&tags).into_response())
}
