//! `/api/v1/account/second-factor`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::{endpoint, secret_reply};
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "second_factors.enroll", enroll)
        .or(endpoint(app, "second_factors.confirm", confirm))
        .unify()
        .or(endpoint(app, "second_factors.disable", disable))
        .unify()
        .boxed()
}

async fn enroll(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let secret = service::enroll(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(secret_reply(&secret, StatusCode::CREATED))
}

async fn confirm(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let codes = service::confirm(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(secret_reply(&codes, StatusCode::CREATED))
}

async fn disable(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    service::disable(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
