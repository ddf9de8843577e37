//! `GET /api/v1/events`: server-sent events.

use super::{Listener, News};
use crate::app::App;
use crate::auth::{self, Principal};
use crate::call::Authorized;
use crate::error::Error;
use crate::router::endpoint;
use futures_util::stream;
use scm_protocol::events::Hello;
use serde::Serialize;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use warp::filters::BoxedFilter;
use warp::http::HeaderValue;
use warp::reply::{Reply, Response};
use warp::sse::Event;

/// How long changes are gathered before they are sent.
const GATHER: Duration = Duration::from_millis(500);
/// How often a silent stream shows that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How often a stream's caller has to show again that they may: what another replica ended is noticed by this.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// The route.
pub fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    endpoint(app, "events", events)
}

/// The ends that a stream listens to.
struct Stream {
    hello: Option<Hello>,
    listener: Listener,
    stopping: watch::Receiver<bool>,
    app: Arc<App>,
    principal: Principal,
    peer: IpAddr,
    ask_again: Instant,
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
        principal: authorized.principal,
        peer: authorized.call.peer,
        ask_again: Instant::now() + ASK_AGAIN,
        app,
    };
    let stream = stream::unfold(state, next);
    let stream = warp::sse::keep_alive().interval(KEEP_ALIVE).stream(stream);
    let mut response = warp::sse::reply(stream).into_response();
    // A proxy that gathers replies would hold the stream back.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The next event, until the server stops or the caller's credential ends.
async fn next(mut state: Stream) -> Option<(Result<Event, Infallible>, Stream)> {
    if let Some(hello) = state.hello.take() {
        return Some((Ok(event("hello", &hello)), state));
    }
    loop {
        let news = tokio::select! {
            news = state.listener.next(GATHER) => news?,
            _ = state.stopping.wait_for(|stop| *stop) => return None,
            () = tokio::time::sleep_until(state.ask_again) => News::Access,
        };
        match news {
            News::Change(change) => return Some((Ok(event("change", &change)), state)),
            News::Access if auth::still_holds(&state.app, &state.principal, state.peer).await => {
                state.ask_again = Instant::now() + ASK_AGAIN;
            }
            News::Access => return None,
        }
    }
}

fn event<T: Serialize>(name: &str, data: &T) -> Event {
    let data = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).data(data)
}
