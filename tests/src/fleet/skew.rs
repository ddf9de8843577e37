//! The clock of a simulated machine: wrong by so much, and corrected by what the server says of its own.

use crate::clock;
use scm_protocol::ids::UnixMillis;

/// A clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Skew {
    /// How wrong the machine's clock is.
    wrong_ms: i64,
    /// What the agent adds to it.
    corrected_ms: i64,
}

impl Skew {
    /// That of the `index`-th machine, wrong by up to `most_secs`, spread evenly over both ways.
    pub(super) fn of(index: usize, most_secs: i64) -> Self {
        let share = i64::try_from(index % 21).unwrap_or_default() - 10;
        Skew {
            wrong_ms: share * most_secs * 100,
            corrected_ms: 0,
        }
    }

    /// The time as its agent takes it to be.
    pub(super) fn now(&self) -> UnixMillis {
        clock::now().plus(self.wrong_ms + self.corrected_ms)
    }

    /// The server says what time it is.
    pub(super) fn correct(&mut self, server: UnixMillis) {
        self.corrected_ms += server.since(self.now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_corrected_once() {
        let mut clocks: Vec<Skew> = (0..42).map(|index| Skew::of(index, 86_400)).collect();
        let off = |clock: &Skew| clock.now().since(clock::now()).abs();
        assert!(clocks.iter().filter(|clock| off(clock) > 3_600_000).count() > 30);
        for clock in &mut clocks {
            clock.correct(clock::now());
            assert!(off(clock) < 1_000);
        }
        assert!(off(&Skew::of(3, 0)) < 1_000);
    }
}
