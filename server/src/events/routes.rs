//! `GET /api/v1/events`: server-sent events.

use super::Listener;
use crate::app::App;
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use futures_util::stream;
use scm_protocol::events::Hello;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use warp::filters::BoxedFilter;
use warp::http::HeaderValue;
use warp::reply::{Reply, Response};
use warp::sse::Event;

/// How long changes are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(500);
/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "events", events)
}

/// The ends that a stream listens to.
struct Stream {
    hello: Option<Hello>,
    listener: Listener,
    stopping: watch::Receiver<bool>,
}

async fn events(app: Arc<App>, authorized: Authorized) -> Result<Response, Error> {
    let state = Stream {
        // Listening begins before the greeting, so that nothing falls between a console's first reading and its stream.
        listener: app.events.listen(authorized.principal.organization_id),
        hello: Some(Hello {
            server_time_ms: app.clock.now(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }),
        stopping: app.stopping.clone(),
    };
    let session_end = authorized
        .principal
        .expires
        .since(app.clock.now())
        .max(0)
        .unsigned_abs();
    let deadline = tokio::time::Instant::now() + Duration::from_millis(session_end);
    let stream = stream::unfold(state, move |state| next(state, deadline));
    let stream = warp::sse::keep_alive().interval(KEEP_ALIVE).stream(stream);
    let mut response = warp::sse::reply(stream).into_response();
    // A proxy that gathers replies would hold the stream back.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The next event, until the server stops or the session ends.
async fn next(
    mut state: Stream,
    deadline: tokio::time::Instant,
) -> Option<(Result<Event, Infallible>, Stream)> {
    if let Some(hello) = state.hello.take() {
        return Some((Ok(event("hello", &hello)), state));
    }
    let change = tokio::select! {
        change = state.listener.next(GATHER) => change,
        _ = state.stopping.wait_for(|stop| *stop) => None,
        () = tokio::time::sleep_until(deadline) => None,
    };
    change.map(|change| (Ok(event("change", &change)), state))
}

fn event<T: Serialize>(name: &str, data: &T) -> Event {
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
