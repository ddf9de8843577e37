//! The one place where this crate reads the clock.

use scm_protocol::ids::UnixMillis;
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's time.
pub fn now() -> UnixMillis {
    #[expect(
        clippy::disallowed_methods,
        reason = "the simulator and the tests are the outside from which time comes in"
    )]
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
