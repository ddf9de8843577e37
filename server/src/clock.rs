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

/// An instant as people and other programs read it: RFC 3339 in UTC, with milliseconds.
pub fn rfc3339(at: UnixMillis) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let time = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    // A time outside the years that have four digits is still told, as the number that it is.
    time.ok()
        .and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| format!("{} ms", at.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds() {
        assert_eq!(rfc3339(UnixMillis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(UnixMillis(1_790_000_000_123)), "2026-09-21T14:13:20.123Z");
        assert_eq!(rfc3339(UnixMillis(i64::MAX)), format!("{} ms", i64::MAX));
    }
}
