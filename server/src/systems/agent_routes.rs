//! `POST /agent/v1/checkin`.

use super::checkin::check_in;
use crate::agent_message;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use scm_protocol::agent::CHECKIN_PATH;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// The agents' side of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "systems.checkin", check_in_route)
}

async fn check_in_route(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let (envelope, unverified) = match agent_message::open(&app, &call, CHECKIN_PATH).await {
        Ok(opened) => opened,
        Err(response) => return Ok(*response),
    };
    let from = (&call.certificate, call.peer);
    let result = check_in(&app, &envelope.organization, unverified, from).await;
    Ok(envelope.answer(result, app.clock.now()))
}
