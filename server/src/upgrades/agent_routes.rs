//! `POST /agent/v1/packages`.

use super::part::give;
use crate::agent_message;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use scm_protocol::upgrades::progress::PACKAGES_PATH;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// The agents' side of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "upgrades.part", part)
}

async fn part(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let (envelope, unverified) = match agent_message::open(&app, &call, PACKAGES_PATH).await {
        Ok(opened) => opened,
        Err(response) => return Ok(*response),
    };
    let from = (&call.certificate, call.peer);
    let result = give(&app, &envelope.organization, unverified, from).await;
    Ok(envelope.answer_bytes(result, app.clock.now()))
}
