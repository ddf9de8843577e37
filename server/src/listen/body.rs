//! Reading a request's body whole, within bounds of size, time and memory.
//!
//! The listener does this before the service is called, for every request, so that no handler can forget it, chunked and
//! measured bodies are limited alike, and a slow sender holds neither a handler nor what a handler holds. Bodies here are
//! JSON of at most a megabyte or so; replies are streamed, requests are not.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Larger than allowed, by its announced length or by what arrived.
    #[error("the body is too large")]
    TooLarge,
    /// Not complete in time.
    #[error("the body did not arrive in time")]
    TimedOut,
    /// The connection ended, or the framing is wrong.
    #[error("the body broke off or is malformed")]
    Broken,
    /// All memory for bodies is in use.
    #[error("no memory is left for the body")]
    NoRoom,
}

/// Memory for all bodies together.
#[derive(Clone, Debug)]
pub struct Budget {
    kib: Arc<Semaphore>,
}

/// A body, whose share of the budget is given back with it.
#[derive(Debug)]
pub struct Held {
    /// The whole body.
    pub bytes: Bytes,
    /// Given back on drop; none for an empty body.
    pub share: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// A budget of so many KiB.
    pub fn new(kib: u32) -> Self {
        Self {
            kib: Arc::new(Semaphore::new(kib as usize)),
        }
    }

    /// Enlarges `share` so that it covers `bytes`.
    fn cover(&self, share: &mut Option<OwnedSemaphorePermit>, bytes: usize) -> Result<(), BodyError> {
        let needed = bytes.div_ceil(1024);
        let missing = needed.saturating_sub(share.as_ref().map_or(0, OwnedSemaphorePermit::num_permits));
        if missing == 0 {
            return Ok(());
        }
        let missing = u32::try_from(missing).map_err(|_| BodyError::TooLarge)?;
        let more = self
            .kib
            .clone()
            .try_acquire_many_owned(missing)
            .map_err(|_| BodyError::NoRoom)?;
        match share {
            Some(share) => share.merge(more),
            None => *share = Some(more),
        }
        Ok(())
    }
}

/// Reads `body` to its end. The time counts from now and for the whole of it.
///
/// # Errors
/// [`BodyError`]; the rest of the body is then unread.
pub async fn read_limited<B>(
    body: B,
    max_bytes: usize,
    timeout: Duration,
    budget: &Budget,
) -> Result<Held, BodyError>
where
    B: Body + Unpin,
    B::Data: Buf,
{
    if body.is_end_stream() {
        return Ok(Held {
            bytes: Bytes::new(),
            share: None,
        });
    }
    // A sender that announces too much need not send it.
    if body.size_hint().lower() > max_bytes as u64 {
        return Err(BodyError::TooLarge);
    }
    tokio::time::timeout(timeout, collect(body, max_bytes, budget))
        .await
        .unwrap_or(Err(BodyError::TimedOut))
}

async fn collect<B: Body + Unpin>(mut body: B, max_bytes: usize, budget: &Budget) -> Result<Held, BodyError> {
    let mut share = None;
    let mut first = Bytes::new();
    let mut rest = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
            continue;
        };
        let length = first.len() + rest.len() + data.remaining();
        if length > max_bytes {
            return Err(BodyError::TooLarge);
        }
        budget.cover(&mut share, length)?;
        if first.is_empty() && rest.is_empty() {
            // Most bodies arrive in one piece, which is then passed on without a copy.
            first = data.copy_to_bytes(data.remaining());
        } else {
            if rest.is_empty() {
                rest = std::mem::take(&mut first).into();
            }
            rest.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
    }
    let bytes = if rest.is_empty() { first } else { rest.into() };
    Ok(Held { bytes, share })
}
