//! `POST /agent/v1/checkin` and `POST /agent/v1/rotate`.

use super::checkin::{Origin, check_in};
use super::rotate::rotate;
use crate::agent_message;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use scm_protocol::agent::CHECKIN_PATH;
use scm_protocol::rotation::ROTATE_PATH;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// The agents' side of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "systems.checkin", check_in_route)
}

/// The agents' rare requests.
pub fn rare_routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "systems.rotate", rotate_route)
}

async fn rotate_route(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let (envelope, unverified) = match agent_message::open(&app, &call, ROTATE_PATH).await {
        Ok(opened) => opened,
        Err(response) => return Ok(*response),
    };
    let from = (&call.certificate, call.peer);
    let result = rotate(&app, &envelope.organization, unverified, from).await;
    Ok(envelope.answer(result, app.clock.now()))
}

async fn check_in_route(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let (mut envelope, unverified) = match agent_message::open(&app, &call, CHECKIN_PATH).await {
        Ok(opened) => opened,
        Err(response) => return Ok(*response),
    };
    let from = Origin {
        presented: &call.certificate,
        peer: call.peer,
        knows_former_key: envelope.names_former_key(),
    };
    let result = check_in(&app, &mut envelope.organization, unverified, from).await;
    Ok(envelope.answer(result, app.clock.now()))
}
