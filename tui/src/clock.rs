//! Moments on the console's own monotonic clock, which starts with the program.
//!
//! Nothing in the console reads a wall clock: what it shows of time comes from the server's answers.

use std::time::{Duration, Instant};

/// Milliseconds since the program started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment moved on by `millis`.
    pub fn plus(self, millis: u64) -> Moment {
        Moment(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to `self`; zero when `earlier` lies after it.
    pub fn since(self, earlier: Moment) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long from `now` until this moment.
    pub fn wait_from(self, now: Moment) -> Duration {
        Duration::from_millis(self.since(now))
    }
}

/// Where moments come from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Clock {
            start: Instant::now(),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        Moment(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}
