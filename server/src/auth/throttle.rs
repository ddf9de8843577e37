//! Growing delays after failed attempts, per account and per address; kept in the database, so a restart forgives nothing.

use scm_protocol::ids::UnixMillis;

/// Attempts that are free.
const FREE: i64 = 3;
/// The first delay, in milliseconds; it doubles with each further failure.
const FIRST_DELAY_MS: i64 = 1000;
/// The longest delay, in milliseconds.
const MAX_DELAY_MS: i64 = 15 * 60_000;
/// After this long without a failure all is forgotten, in milliseconds.
pub(super) const FORGET_MS: i64 = 24 * 3_600_000;

/// The failures of one account or address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failures {
    pub count: i64,
    pub last: UnixMillis,
    pub blocked_until: UnixMillis,
}

impl Failures {
    /// Seconds until the next attempt is looked at; nothing when it is now.
    pub(super) fn wait_secs(self, now: UnixMillis) -> Option<u32> {
        let wait = self.blocked_until.since(now);
        (wait > 0).then(|| u32::try_from((wait + 999) / 1000).unwrap_or(u32::MAX))
    }

    /// After one more failure. Addresses are shared by many people, so `free` attempts may differ.
    pub(super) fn failed(self, free: i64, now: UnixMillis) -> Failures {
        let count = if now.since(self.last) > FORGET_MS {
            1
        } else {
            self.count.saturating_add(1)
        };
        let beyond = (count - free).clamp(0, 32);
        let delay = if beyond == 0 {
            0
        } else {
            (FIRST_DELAY_MS << (beyond - 1).min(20)).min(MAX_DELAY_MS)
        };
        Failures {
            count,
            last: now,
            blocked_until: now.plus(delay),
        }
    }
}

/// An account or address that attempts are counted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub name: String,
    pub free: i64,
}

impl Subject {
    pub(super) fn account(username: &str) -> Self {
        Subject {
            name: format!("user:{}", username.to_lowercase()),
            free: FREE,
        }
    }

    pub(super) fn address(address: &str) -> Self {
        Subject {
            name: format!("address:{address}"),
            free: FREE * 5,
        }
    }

    pub(super) fn setup() -> Self {
        Subject {
            name: "setup".to_owned(),
            free: FREE * 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_and_are_forgotten() {
        let mut failures = Failures::default();
        let mut now = UnixMillis(1_000_000_000);
        let mut waits = Vec::new();
        for _ in 0..16 {
            failures = failures.failed(FREE, now);
            waits.push(failures.wait_secs(now).unwrap_or(0));
            now = now.plus(1000);
        }
        assert_eq!(waits[..7], [0, 0, 0, 1, 2, 4, 8]);
        assert_eq!(waits[15], 900);
        let later = now.plus(FORGET_MS + 1);
        assert_eq!(failures.failed(FREE, later).count, 1);
    }
}
