//! What a connection is doing, and until when it may go on doing that.
//!
//! hyper's own header timeout also runs while a kept-alive connection waits for its next request, where a short one would
//! cost every check-in a new handshake; and nothing in it notices a client that stops reading. So the listener watches
//! the bytes that pass ([`Watched`]) and the requests that begin and end, and derives one deadline from them.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::limits::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Waiting for the next request since then.
    Idle(Instant),
    /// Receiving the headers of a request since then. A connection begins so: it was made to ask something.
    Headers(Instant),
    /// With the service; the body has a bound of its own.
    Request,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Since when the client has taken nothing of what waits to be sent.
    stalled: Option<Instant>,
    /// A request was answered before its body was read.
    unread: bool,
}

/// The activity of one connection, shared by its stream, its service and its task. Never contended: all three run in
/// the one task.
#[derive(Debug)]
pub(super) struct Activity {
    limits: Arc<Limits>,
    state: Mutex<State>,
}

impl Activity {
    pub(super) fn new(limits: Arc<Limits>) -> Arc<Self> {
        let state = State {
            phase: Phase::Headers(Instant::now()),
            stalled: None,
            unread: false,
        };
        Arc::new(Self {
            limits,
            state: Mutex::new(state),
        })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The headers of a request are complete.
    pub(super) fn request(&self) {
        self.state().phase = Phase::Request;
    }

    /// The reply is handed over in full, or given up.
    fn replied(&self) {
        self.state().phase = Phase::Idle(Instant::now());
    }

    /// The request in hand is answered without its body being read.
    pub(super) fn leave_unread(&self) {
        self.state().unread = true;
    }

    /// Whether the client may still be sending what nobody will read.
    pub(super) fn is_unread(&self) -> bool {
        self.state().unread
    }

    fn received(&self) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Idle(_)) {
            state.phase = Phase::Headers(Instant::now());
        }
    }

    fn sent(&self, progress: bool) {
        let mut state = self.state();
        if progress {
            state.stalled = None;
        } else {
            state.stalled.get_or_insert_with(Instant::now);
        }
    }

    /// When the connection has to be closed, as things are.
    fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let phase = match state.phase {
            Phase::Idle(since) => Some(since + self.limits.idle_timeout),
            Phase::Headers(since) => Some(since + self.limits.header_timeout),
            Phase::Request => None,
        };
        let stall = state.stalled.map(|since| since + self.limits.write_timeout);
        phase.into_iter().chain(stall).min()
    }

    /// Ready when the deadline has passed. To be polled after the connection, in the same task, so that it sees what the
    /// connection has just done; `timer` is only moved when it would be late.
    pub(super) fn poll_expired(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(deadline) = self.deadline() else {
                return Poll::Pending;
            };
            if deadline < timer.deadline() {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            if deadline <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(deadline);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream whose bytes are noticed.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) activity: Arc<Activity>,
}

impl<S> Watched<S> {
    fn noticing<T>(&self, sent: Poll<T>) -> Poll<T> {
        self.activity.sent(sent.is_ready());
        sent
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.received();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noticing(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.noticing(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_flush(cx);
        self.noticing(sent)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let sent = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.noticing(sent)
    }
}

pin_project! {
    /// A reply's body whose end is noticed.
    #[derive(Debug)]
    pub(super) struct Noticed<B> {
        #[pin]
        body: B,
        end: End,
    }
}

/// Dropped by hyper with the body: at its end, or when the connection fails.
#[derive(Debug)]
struct End(Arc<Activity>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.replied();
    }
}

impl<B> Noticed<B> {
    pub(super) fn new(body: B, activity: Arc<Activity>) -> Self {
        Self {
            body,
            end: End(activity),
        }
    }
}

impl<B: Body> Body for Noticed<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
