//! The accept loops: who gets in, and how everybody leaves.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::{Request, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tower::Service;

use super::bind::{Bound, Listener};
use super::body::Budget;
use super::connection::{self, Place};
use super::guard::Shared;
use super::stream::Raw;
use super::{Peer, descriptors};
use crate::homes::Homes;

/// The body of an app's reply.
pub trait ReplyBody:
    Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static
{
}

impl<B> ReplyBody for B where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static
{
}

/// What the listener serves: a tower service over complete bodies, such as `warp::service(filter)`.
pub trait App:
    Service<Request<Full<Bytes>>, Response = Response<Self::Body>, Error = Infallible, Future: Send>
    + Clone
    + Send
    + Unpin
    + 'static
{
    /// The body of its replies.
    type Body: ReplyBody;
}

impl<S, B> App for S
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible, Future: Send>
        + Clone
        + Send
        + Unpin
        + 'static,
    B: ReplyBody,
{
    type Body = B;
}

/// Waits after a failed accept: out of file descriptors or memory, an immediate attempt would fail again.
const PAUSE: Duration = Duration::from_millis(100);

/// At most one line in the log per so long about failed accepts.
const QUIET: Duration = Duration::from_secs(60);

/// Ready once `shutdown` holds true, or its sender is gone.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    drop(shutdown.wait_for(|stop| *stop).await);
}

impl Listener {
    /// Serves until `shutdown` holds true (or its sender is gone), then stops accepting, closes idle connections at
    /// once, lets requests in flight finish for as long as [`super::Limits`] allow, and returns. Replies that stream
    /// without end have to be ended by the app, or they are cut off then. Each connection is served in one of `homes`.
    pub async fn serve<S: App>(self, app: S, shutdown: watch::Receiver<bool>, homes: Homes) {
        let Self {
            doors,
            limits,
            forwarding,
        } = self;
        descriptors::allow(limits.connections + limits.reserve);
        let door = Arc::new(Door {
            seats: Arc::new(Semaphore::new(limits.connections)),
            reserve: Arc::new(Semaphore::new(limits.reserve)),
            quiet_since: std::sync::Mutex::new(None),
        });
        let shared = Shared {
            budget: Budget::new(limits.body_memory_kib),
            limits,
            forwarding,
        };
        let loops = doors.into_iter().map(|(socket, tls)| {
            let place = Place {
                tls,
                shared: shared.clone(),
                shutdown: shutdown.clone(),
            };
            accept(socket, door.clone(), app.clone(), (place, &homes))
        });
        join_all(loops).await;
    }
}

/// Where a connection that was accepted goes.
#[derive(Debug)]
pub(super) enum Admission {
    /// It is served.
    Seat(OwnedSemaphorePermit),
    /// All seats are taken: it is told so.
    TurnedAway(OwnedSemaphorePermit),
}

#[derive(Debug)]
struct Door {
    seats: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    /// When a full house was last logged.
    quiet_since: std::sync::Mutex<Option<Instant>>,
}

impl Door {
    /// None closes the connection.
    fn admit(&self) -> Option<Admission> {
        if let Ok(seat) = self.seats.clone().try_acquire_owned() {
            return Some(Admission::Seat(seat));
        }
        if self.may_log() {
            tracing::warn!("limits.max_connections is reached; further connections are turned away");
        }
        self.reserve
            .clone()
            .try_acquire_owned()
            .ok()
            .map(Admission::TurnedAway)
    }

    fn may_log(&self) -> bool {
        let mut since = self
            .quiet_since
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let may = since.is_none_or(|since| since.elapsed() >= QUIET);
        if may {
            *since = Some(Instant::now());
        }
        may
    }
}

async fn accept<S: App>(socket: Bound, door: Arc<Door>, app: S, (place, homes): (Place, &Homes)) {
    let mut connections = JoinSet::new();
    let mut shutdown = place.shutdown.clone();
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut shutdown) => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = socket.accept() => match accepted {
                Ok((stream, address)) => {
                    if let Some(admission) = door.admit() {
                        let peer = Peer::new(address);
                        let served = admitted(stream, peer, admission, app.clone(), place.clone());
                        connections.spawn_on(served, homes.next());
                    }
                }
                Err(error) => failed(&error, &door).await,
            }
        }
    }
    drop(socket);
    drain(connections, place.shared.limits.drain_timeout).await;
}

async fn admitted<S: App>(stream: Raw, peer: Peer, admission: Admission, app: S, place: Place) {
    let address = peer.address;
    if let Err(fault) = connection::run(stream, peer, admission, app, place).await {
        tracing::debug!(%fault, peer.address = %address, "a connection ended early");
    }
}

async fn failed(error: &std::io::Error, door: &Door) {
    let of_the_peer = [
        ErrorKind::ConnectionAborted,
        ErrorKind::ConnectionReset,
        ErrorKind::Interrupted,
    ]
    .contains(&error.kind());
    if !of_the_peer {
        if door.may_log() {
            tracing::warn!(%error, "cannot accept connections");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn drain(mut connections: JoinSet<()>, limit: Duration) {
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    if tokio::time::timeout(limit, all).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests in flight were cut off by the shutdown"
        );
        connections.shutdown().await;
    }
}

fn report(ended: Result<(), JoinError>) {
    if ended.is_err_and(|error| error.is_panic()) {
        tracing::error!("a connection's task panicked; the others go on");
    }
}
