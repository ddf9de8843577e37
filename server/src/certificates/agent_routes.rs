//! `POST /agent/v1/certificate`.

use super::service::issue;
use crate::agent_message;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use scm_protocol::certificates::CERTIFICATE_PATH;
use std::sync::Arc;
use warp::filters::BoxedFilter;
use warp::reply::Response;

/// The agents' side of this room.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    open_endpoint(app, "certificates.issue", issue_route)
}

async fn issue_route(app: Arc<App>, call: Call) -> Result<Response, Error> {
    let (envelope, unverified) = match agent_message::open(&app, &call, CERTIFICATE_PATH).await {
        Ok(opened) => opened,
        Err(response) => return Ok(*response),
    };
    let from = (&call.certificate, call.peer);
    let result = issue(&app, &envelope.organization, unverified, from).await;
    Ok(envelope.answer(result, app.clock.now()))
}
