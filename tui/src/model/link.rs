//! The connection to the server, and its clock.

use crate::clock::Moment;
use scm_protocol::ids::UnixMillis;

/// State of the live stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nothing was tried yet.
    Idle,
    /// Being opened.
    Connecting {
        /// Failures in a row so far.
        failures: u32,
    },
    /// Changes arrive.
    Live,
    /// Lost; tried again at `at`.
    Waiting {
        /// When.
        at: Moment,
        /// Failures in a row.
        failures: u32,
        /// Why, for the log view and the login page.
        reason: String,
    },
}

impl Link {
    /// Wait before the next attempt, in milliseconds: 1, 2, 4, 8, then 15 s.
    pub fn backoff_ms(failures: u32) -> u64 {
        (1000u64 << failures.saturating_sub(1).min(4)).min(15_000)
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        match self {
            Link::Idle | Link::Live => 0,
            Link::Connecting { failures } | Link::Waiting { failures, .. } => *failures,
        }
    }
}

/// The server's clock as last told.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerClock {
    at: UnixMillis,
    read: Moment,
}

impl ServerClock {
    /// The server said `at` just now.
    pub fn told(at: UnixMillis, now: Moment) -> Self {
        ServerClock { at, read: now }
    }

    /// The server's time at `now`; none before it told it.
    pub fn at(&self, now: Moment) -> Option<UnixMillis> {
        let gone = i64::try_from(now.since(self.read)).unwrap_or(0);
        (self.at.0 > 0).then(|| self.at.plus(gone))
    }
}
