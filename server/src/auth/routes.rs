//! `/api/v1/setup` and `/api/v1/sessions`.

use super::{login, setup};
use crate::app::App;
use crate::call::{Authorized, Call};
use crate::error::Error;
use crate::router::{endpoint, open_endpoint};
use scm_protocol::auth::Session;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json, with_status};

/// The routes of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let setup = open_endpoint(app, "auth.setup_state", setup_state)
        .or(open_endpoint(app, "auth.setup", set_up))
        .unify();
    let login = open_endpoint(app, "auth.login", log_in)
        .or(endpoint(app, "auth.logout", log_out))
        .unify();
    setup
        .or(login)
        .unify()
        .or(endpoint(app, "auth.session", session))
        .unify()
        .boxed()
}

async fn setup_state(app: Arc<App>, _call: Call) -> Result<Response, Error> {
    Ok(json(&setup::state(&app).await?).into_response())
}

async fn set_up(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let reply = setup::set_up(&app, call.json()?, call.peer.to_string()).await?;
    Ok(with_status(json(&reply), StatusCode::CREATED).into_response())
}

async fn log_in(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let reply = login::log_in(&app, call.json()?, call.peer.to_string()).await?;
    Ok(with_status(json(&reply), StatusCode::CREATED).into_response())
}

async fn log_out(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    login::log_out(&app, &authorized.principal, authorized.actor()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn session(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let principal = authorized.principal;
    let session = Session {
        organization: app
            .organizations
            .name_of(principal.organization_id)
            .cloned()
            .unwrap_or_default(),
        username: principal.username,
        role: principal.role,
        expires_ms: principal.expires,
    };
    Ok(json(&session).into_response())
}
