//! `/api/v1/packages`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response, json};

/// The console's routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "packages.list", list)
}

async fn list(app: Arc<App>, _: Authorized) -> Result<Response, Error> {
    Ok(json(&service::list(&app).await?).into_response())
}
