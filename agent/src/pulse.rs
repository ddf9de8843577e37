//! Whether a worker still moves, so that the service manager can restart an agent that hangs.
//!
//! Invariant: a worker that waits for its next attempt moves, however long that is; one that is at an attempt for longer
//! than every time limit within allows does not.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than any attempt: each exchange in it has a limit, and it is a few exchanges at most.
pub const LONGEST_ATTEMPT: Duration = Duration::from_secs(240);

/// One worker's pulse, shared with who feels it.
#[derive(Debug, Default)]
pub struct Pulse {
    busy_since: Mutex<Option<Instant>>,
}

impl Pulse {
    /// Says that an attempt begins; it ends when the guard is dropped, by a panic too.
    pub fn begin(&self) -> Attempt<'_> {
        *self.lock() = Some(Instant::now());
        Attempt(self)
    }

    /// Whether an attempt has lasted for longer than `limit`.
    pub fn is_stuck(&self, limit: Duration) -> bool {
        self.lock().is_some_and(|since| since.elapsed() > limit)
    }

    /// A moment is whole whatever its holder was doing when it panicked.
    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that goes on.
#[derive(Debug)]
pub struct Attempt<'a>(&'a Pulse);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread::sleep;

    #[test]
    fn only_an_attempt_that_does_not_end_is_stuck() {
        let pulse = Pulse::default();
        let limit = Duration::from_millis(1);
        let moment = Duration::from_millis(5);
        sleep(moment);
        assert!(!pulse.is_stuck(limit), "it waits");
        let attempt = pulse.begin();
        sleep(moment);
        assert!(pulse.is_stuck(limit));
        assert!(!pulse.is_stuck(Duration::from_secs(3600)));
        drop(attempt);
        assert!(!pulse.is_stuck(limit), "it waits again");
    }
}
