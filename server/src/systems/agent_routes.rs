//! `POST /agent/v1/checkin` and `POST /agent/v1/rotate`.

use super::checkin::{Decided, Origin, check_in};
use super::rotate::rotate;
use crate::agent_message::{self, Envelope};
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router::open_endpoint;
use scm_protocol::agent::CHECKIN_PATH;
use scm_protocol::refusal::Refusal;
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
    // What was received is given back before the reply is held for up to a minute: every connected agent waits like that.
    let (mut envelope, decided) = match Box::pin(receive(&app, call)).await {
        Ok(received) => received,
        Err(response) => return Ok(*response),
    };
    let result = match decided {
        Ok(Decided::Told(reply)) => Ok(*reply),
        Ok(Decided::Waits(waiting)) => waiting.told(&app, &mut envelope.organization).await,
        Err(refusal) => Err(refusal),
    };
    Ok(envelope.answer(result, app.clock.now()))
}

async fn receive(app: &App, call: Call) -> Result<(Envelope, Result<Decided<'_>, Refusal>), Box<Response>> {
    let (envelope, unverified) = agent_message::open(app, &call, CHECKIN_PATH).await?;
    let from = Origin {
        presented: &call.certificate,
        peer: call.peer,
        knows_former_key: envelope.names_former_key(),
    };
    let decided = check_in(app, &envelope.organization, unverified, from).await;
    Ok((envelope, decided))
}
