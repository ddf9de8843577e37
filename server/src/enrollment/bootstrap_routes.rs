//! `/api/v1/enrollment/bootstrap`.

use super::bootstrap_service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::bootstrap::BootstrapRequest;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::http::HeaderValue;
use warp::http::header::{CACHE_CONTROL, HOST};
use warp::reply::{Reply, Response, json};

/// The console's route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "enrollment.bootstrap", make)
}

async fn make(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let request: BootstrapRequest = authorized.call.json()?;
    let host = authorized.call.headers.get(HOST);
    let host = host.and_then(|host| host.to_str().ok());
    let made = bootstrap_service::make(&app, authorized.principal.organization_id, request, host)?;
    let mut response = json(&made).into_response();
    // A token's secret may be in it.
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
