//! Which sequence numbers of a system were used: the sliding window of RFC 4303 §3.4.3, 64 wide.
//!
//! It lives in the system's row, so a replay is refused after a restart and by every replica alike, and requests of one
//! agent that overtake each other are still accepted.

/// The highest number seen and a bit for each of the 64 numbers up to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayWindow {
    high: u64,
    seen: u64,
}

impl ReplayWindow {
    /// As stored: two's-complement columns.
    pub fn from_columns(high: i64, seen: i64) -> Self {
        ReplayWindow {
            high: high.cast_unsigned(),
            seen: seen.cast_unsigned(),
        }
    }

    /// For storing.
    pub fn columns(self) -> (i64, i64) {
        (self.high.cast_signed(), self.seen.cast_signed())
    }

    /// The window after `sequence`, or nothing when that number was used before or is too old to tell.
    pub fn accept(self, sequence: u64) -> Option<Self> {
        if sequence > self.high {
            let shift = sequence - self.high;
            let seen = if shift < 64 { self.seen << shift } else { 0 };
            return Some(ReplayWindow {
                high: sequence,
                seen: seen | 1,
            });
        }
        let age = self.high - sequence;
        let bit = if age < 64 { 1 << age } else { return None };
        (self.seen & bit == 0 && sequence > 0).then_some(ReplayWindow {
            high: self.high,
            seen: self.seen | bit,
        })
    }

    /// The lowest number above every one seen.
    pub fn next(self) -> u64 {
        self.high.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_may_overtake_but_not_repeat() {
        let window = ReplayWindow::default()
            .accept(5)
            .unwrap()
            .accept(7)
            .unwrap()
            .accept(6)
            .unwrap();
        assert_eq!(window.next(), 8);
        for used in [5, 6, 7, 0] {
            assert_eq!(window.accept(used), None);
        }
        assert_eq!(window.accept(1000).unwrap().accept(7), None);
    }

    proptest! {
        #[test]
        fn no_number_is_accepted_twice(numbers in prop::collection::vec(1u64..200, 0..300)) {
            let mut window = ReplayWindow::default();
            let mut accepted = std::collections::HashSet::new();
            for number in numbers {
                let (high, seen) = window.columns();
                window = ReplayWindow::from_columns(high, seen);
                let fresh = number + 64 > window.high && !accepted.contains(&number);
                match window.accept(number) {
                    Some(next) => {
                        prop_assert!(accepted.insert(number));
                        window = next;
                    }
                    None => prop_assert!(!fresh),
                }
            }
        }
    }
}
