//! Time and randomness, which come in from outside so that decisions can be tested.

use crate::error::Error;
use scm_protocol::ids::UnixMillis;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, by this machine's wall clock.
    fn now(&self) -> UnixMillis;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the clock"
    )]
    fn now(&self) -> UnixMillis {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let millis = since_epoch.map_or(0, |elapsed| {
            i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)
        });
        UnixMillis(millis)
    }
}

/// Random bytes from the operating system.
///
/// # Errors
/// [`Error::Internal`] when it gives none.
pub fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no randomness: {error}")))?;
    Ok(bytes)
}
