//! What stands between hyper and the service: refuses what the service must not see, completes what it needs to see.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::HeaderValue;
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};

use super::activity::{Activity, Noticed};
use super::body::{BodyError, Budget, Held, read_limited};
use super::forwarded::Forwarding;
use super::limits::Limits;
use super::serve::App;
use super::{Peer, refusal, target};

/// A reply: the listener's own, or the service's.
pub(super) type Reply<B> = Response<Either<Full<Bytes>, B>>;

/// What the requests of all connections share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) limits: Arc<Limits>,
    pub(super) budget: Budget,
    pub(super) forwarding: Arc<Forwarding>,
}

/// The service as one connection sees it.
#[derive(Clone, Debug)]
pub(super) struct Guard<S> {
    pub(super) service: S,
    pub(super) shared: Shared,
    pub(super) peer: Peer,
    /// A trusted proxy is at the other end: its word on who asks is taken.
    pub(super) proxied: bool,
    pub(super) activity: Arc<Activity>,
}

impl<S: App> hyper::service::Service<Request<Incoming>> for Guard<S> {
    type Response = Response<Noticed<Either<Full<Bytes>, S::Body>>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.request();
        let guard = self.clone();
        Box::pin(async move {
            let activity = guard.activity.clone();
            let reply = guard.answer(request).await;
            Ok(reply.map(|body| Noticed::new(body, activity)))
        })
    }
}

impl<S: App> Guard<S> {
    async fn answer(self, request: Request<Incoming>) -> Reply<S::Body> {
        if let Some(reason) = target::fault(request.method(), request.uri()) {
            return refusal::bad_target(reason).map(Either::Left);
        }
        let (mut head, body) = request.into_parts();
        let limits = &self.shared.limits;
        let Held { bytes, share: _share } =
            match read_limited(body, limits.body_bytes, limits.body_timeout, &self.shared.budget).await {
                Ok(held) => held,
                Err(error) => return self.refuse_body(error).map(Either::Left),
            };
        let peer = if self.proxied {
            self.shared.forwarding.client(&self.peer, &head.headers)
        } else {
            self.peer
        };
        head.extensions.insert(peer);
        let head = apart(head);
        let place = (head.method.clone(), head.uri.path().to_owned());
        let request = Request::from_parts(head, Full::new(bytes));
        match AssertUnwindSafe(call(self.service, request)).catch_unwind().await {
            Ok(response) => response.map(Either::Right),
            Err(_) => {
                // The panic itself, with its place in the code, is reported by the panic hook.
                tracing::error!(http.method = %place.0, http.path = place.1, "a request's handler panicked");
                refusal::internal().map(Either::Left)
            }
        }
    }

    fn refuse_body(&self, error: BodyError) -> Response<Full<Bytes>> {
        self.activity.leave_unread();
        match error {
            BodyError::TooLarge => refusal::too_large(self.shared.limits.body_bytes),
            BodyError::TimedOut => refusal::too_slow(),
            BodyError::Broken => refusal::broken_body(),
            BodyError::NoRoom => refusal::busy(),
        }
    }
}

/// A request's head that holds no part of the connection's buffer: a held request would keep the whole of it.
fn apart(mut head: Parts) -> Parts {
    let own = |value: &HeaderValue| HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.as_bytes()));
    for value in head.headers.values_mut() {
        if let Ok(copy) = own(value) {
            *value = copy;
        }
    }
    if let Ok(copy) = Uri::from_maybe_shared(Bytes::from(head.uri.to_string())) {
        head.uri = copy;
    }
    head
}

async fn call<S: App>(mut service: S, request: Request<Full<Bytes>>) -> Response<S::Body> {
    let Ok(()) = poll_fn(|cx| service.poll_ready(cx)).await;
    let Ok(response) = service.call(request).await;
    response
}
