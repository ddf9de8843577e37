//! The server's clock, as far as its signed replies told it: what a command's expiry is measured by.
//!
//! Invariant: it never goes back while the agent runs. The host's wall clock has no part in it; a reply that was held up
//! on its way does not turn the time back, because the time since the reply before counts, too.

use scm_protocol::ids::UnixMillis;
use std::time::Instant;

/// What the last word on the time was, and when it was heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct ServerClock(Option<(UnixMillis, Instant)>);

impl ServerClock {
    /// Takes the time of a reply that the pinned key signed.
    pub fn hear(&mut self, told: UnixMillis, heard: Instant) {
        let known = self.at(heard);
        self.0 = Some((known.map_or(told, |known| known.max(told)), heard));
    }

    /// The time; none before a server told it.
    pub fn at(&self, instant: Instant) -> Option<UnixMillis> {
        let (told, heard) = self.0?;
        let since = instant.saturating_duration_since(heard).as_millis();
        Some(told.plus(i64::try_from(since).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_delayed_reply_does_not_turn_the_time_back() {
        let start = Instant::now();
        let later = |secs| start + Duration::from_secs(secs);
        let mut clock = ServerClock::default();
        assert_eq!(clock.at(start), None);
        clock.hear(UnixMillis(1_000_000), start);
        assert_eq!(clock.at(later(5)), Some(UnixMillis(1_005_000)));
        clock.hear(UnixMillis(1_000_500), later(90));
        assert_eq!(clock.at(later(90)), Some(UnixMillis(1_090_000)));
        clock.hear(UnixMillis(2_000_000), later(91));
        assert_eq!(clock.at(later(92)), Some(UnixMillis(2_001_000)));
    }
}
