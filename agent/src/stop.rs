//! The wish to stop, which ends every wait at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by everyone who waits. Once requested, it stays so.
#[derive(Debug, Default)]
pub struct Stop {
    requested: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Asks everyone to stop.
    pub fn request(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    /// Whether it was asked.
    pub fn is_requested(&self) -> bool {
        *self.lock()
    }

    /// Waits, unless asked to stop. True to go on.
    pub fn wait(&self, span: Duration) -> bool {
        let until = Instant::now() + span;
        let mut requested = self.lock();
        while !*requested {
            let Some(left) = until
                .checked_duration_since(Instant::now())
                .filter(|left| !left.is_zero())
            else {
                return true;
            };
            let waited = self.changed.wait_timeout(requested, left);
            requested = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    /// A flag is whole whatever its holder was doing when it panicked.
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn a_request_ends_a_wait_at_once() {
        let stop = Arc::new(Stop::default());
        let waiting = stop.clone();
        let thread = thread::spawn(move || {
            let started = Instant::now();
            assert!(!waiting.wait(Duration::from_secs(600)));
            started.elapsed()
        });
        thread::sleep(Duration::from_millis(20));
        stop.request();
        assert!(thread.join().unwrap() < Duration::from_secs(5));
        assert!(stop.is_requested() && !stop.wait(Duration::ZERO));
    }

    #[test]
    fn a_wait_ends_by_itself() {
        assert!(Stop::default().wait(Duration::from_millis(5)));
    }
}
