//! `/api/v1/setup`, and the sessions that callers begin and end themselves.

use super::begin::LoggedIn;
use super::{login, second_factor_login, setup, ssh_login};
use crate::app::App;
use crate::call::{Authorized, Call};
use crate::error::Error;
use crate::router::{endpoint, open_endpoint, secret_reply};
use scm_protocol::auth::Session;
use std::sync::Arc;
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::{Reply, Response, json};

/// The routes of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let setup = open_endpoint(app, "auth.setup_state", setup_state)
        .or(open_endpoint(app, "auth.setup", set_up))
        .unify();
    let login = open_endpoint(app, "auth.login", log_in)
        .or(open_endpoint(app, "auth.challenge", challenge))
        .unify()
        .or(open_endpoint(app, "auth.login_ssh", log_in_ssh))
        .unify()
        .or(open_endpoint(app, "auth.login_second_factor", second_factor))
        .unify()
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
    Ok(secret_reply(&reply, StatusCode::CREATED))
}

async fn log_in(app: Arc<App>, call: Call) -> Result<Response, Error> {
    Ok(answer(
        login::log_in(&app, call.json()?, call.peer.to_string()).await?,
    ))
}

async fn challenge(app: Arc<App>, call: Call) -> Result<Response, Error> {
    Ok(secret_reply(
        &ssh_login::challenge(&app, call.json()?)?,
        StatusCode::OK,
    ))
}

async fn log_in_ssh(app: Arc<App>, call: Call) -> Result<Response, Error> {
    Ok(answer(
        ssh_login::log_in(&app, call.json()?, call.peer.to_string()).await?,
    ))
}

async fn second_factor(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let reply = second_factor_login::log_in(&app, call.json()?, call.peer.to_string()).await?;
    Ok(secret_reply(&reply, StatusCode::CREATED))
}

fn answer(outcome: LoggedIn) -> Response {
    match outcome {
        LoggedIn::Session(reply) => secret_reply(&reply, StatusCode::CREATED),
        LoggedIn::Half(half) => secret_reply(&half, StatusCode::ACCEPTED),
    }
}

async fn log_out(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    login::log_out(&app, authorized.caller()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn session(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let principal = authorized.principal;
    let session = Session {
        organization: app
            .organizations
            .name_of(principal.organization_id)
            .ok_or_else(|| Error::internal("a caller without an organization"))?,
        credential: principal.credential.kind(),
        username: principal.username,
        role: principal.role,
        expires_ms: principal.expires,
    };
    Ok(json(&session).into_response())
}
