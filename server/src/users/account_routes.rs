//! `/api/v1/account`: one's own user.

use super::account;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "account.show", show)
        .or(endpoint(app, "account.set_password", set_password))
        .unify()
        .boxed()
}

async fn show(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    Ok(json(&account::show(&app, &authorized.principal).await?).into_response())
}

async fn set_password(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    account::set_password(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
