//! `/api/v1/ssh-keys`.

use super::service;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use scm_protocol::ids::{SshKeyId, UserId};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::IntoParams;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json, with_status};

#[derive(Clone, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Whose: one's own unless given; only an owner may name another.
    user: Option<i64>,
}

/// The routes.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "ssh_keys.list", list)
        .or(endpoint(app, "ssh_keys.add", add))
        .unify()
        .or(endpoint(app, "ssh_keys.remove", remove))
        .unify()
        .boxed()
}

/// Parameters of the list, for the API's description.
pub fn list_parameters() -> Vec<utoipa::openapi::path::Parameter> {
    ListQuery::into_params(|| None)
}

async fn list(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let query: ListQuery = authorized.call.query()?;
    let list = service::list(&app, authorized.caller(), query.user.map(UserId)).await?;
    Ok(json(&list).into_response())
}

async fn add(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let key = service::add(&app, authorized.caller(), authorized.call.json()?).await?;
    Ok(with_status(json(&key), StatusCode::CREATED).into_response())
}

async fn remove(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let id = SshKeyId(authorized.call.id("SSH key")?);
    service::remove(&app, authorized.caller(), id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
