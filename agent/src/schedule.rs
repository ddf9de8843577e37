//! When the next attempt is made: check-ins spread over the whole interval by a hash of the id, failures by exponential
//! backoff with full jitter. Pure functions of their arguments.

use crate::random::Jitter;
use scm_protocol::ids::{SystemId, UnixMillis};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The interval until the server named one, in seconds.
pub const DEFAULT_INTERVAL_SECS: u32 = 60;
/// The longest interval that is followed, in seconds: a day.
pub const MAX_INTERVAL_SECS: u32 = 24 * 60 * 60;
/// The longest wait after a failure.
pub const BACKOFF_CAP: Duration = Duration::from_secs(300);
/// The ceiling of the wait after the first failure.
const BACKOFF_BASE_MS: u64 = 2_000;
/// No two attempts follow each other faster than this.
const LEAST_WAIT_MS: u64 = 200;
/// The longest that a reply may be held back.
const MAX_HOLD_SECS: u32 = 55;
/// The longest wait that a server may ask for.
const MAX_RETRY_AFTER_SECS: u32 = 24 * 60 * 60;

/// The wait after `failures` failures in a row (from 1): anything up to a ceiling that doubles with each.
pub fn backoff(failures: u32, jitter: &mut Jitter) -> Duration {
    let cap = u64::try_from(BACKOFF_CAP.as_millis()).unwrap_or(u64::MAX);
    let doublings = failures.saturating_sub(1).min(20);
    let ceiling = (BACKOFF_BASE_MS << doublings).min(cap);
    Duration::from_millis(LEAST_WAIT_MS + jitter.below(ceiling - LEAST_WAIT_MS + 1))
}

/// A wait that the server asked for, and up to a quarter more, so that not everyone comes back at once.
pub fn asked_for(retry_after_secs: u32, jitter: &mut Jitter) -> Duration {
    let asked_ms = u64::from(retry_after_secs.clamp(1, MAX_RETRY_AFTER_SECS)) * 1000;
    Duration::from_millis(asked_ms + jitter.below(asked_ms / 4 + 1000))
}

/// Anywhere within the span.
pub fn within(span: Duration, jitter: &mut Jitter) -> Duration {
    let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(jitter.below(span_ms.saturating_add(1)).max(LEAST_WAIT_MS))
}

/// The wait until the next slot of this system: one moment in each interval, given by a hash of its id, so that a fleet
/// of any size checks in evenly. `now` is the server's time as far as known; a slot less than a tenth of the interval
/// away is skipped, because a check-in was made just before.
pub fn until_slot(id: SystemId, interval_secs: u32, now: UnixMillis) -> Duration {
    let interval_ms = i64::from(interval_secs.clamp(1, MAX_INTERVAL_SECS)) * 1000;
    let phase_ms = phase(id, interval_ms);
    let into_ms = (now.0.rem_euclid(interval_ms) - phase_ms).rem_euclid(interval_ms);
    let mut wait_ms = interval_ms - into_ms;
    if wait_ms < interval_ms / 10 {
        wait_ms += interval_ms;
    }
    Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default())
}

/// For how long a check-in that is made now may be held back, in seconds: until shortly before the next slot, and under
/// a minute, after which proxies give up.
pub fn hold_secs(id: SystemId, interval_secs: u32, now: UnixMillis) -> u32 {
    let spare_ms = u64::from(interval_secs.clamp(1, MAX_INTERVAL_SECS)) * 100 + 1000;
    let until_ms = u64::try_from(until_slot(id, interval_secs, now).as_millis()).unwrap_or_default();
    let hold_secs = until_ms.saturating_sub(spare_ms) / 1000;
    u32::try_from(hold_secs)
        .unwrap_or(MAX_HOLD_SECS)
        .min(MAX_HOLD_SECS)
}

fn phase(id: SystemId, interval_ms: i64) -> i64 {
    let digest = Sha256::digest(id.0.to_be_bytes());
    let mut number = 0_u64;
    for byte in &digest[..8] {
        number = number << 8 | u64::from(*byte);
    }
    i64::try_from(number % interval_ms.unsigned_abs().max(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn backoff_is_bounded_and_never_immediate(failures in 1_u32.., seed: u64) {
            let wait = backoff(failures, &mut Jitter::seeded(seed));
            prop_assert!(wait >= Duration::from_millis(LEAST_WAIT_MS));
            prop_assert!(wait <= BACKOFF_CAP);
            prop_assert!(failures > 1 || wait <= Duration::from_millis(BACKOFF_BASE_MS));
        }

        #[test]
        fn a_held_reply_leaves_time_for_the_next_slot(id in 1_i64.., interval in 1_u32..=86_400, now in 0_i64..4_000_000_000_000) {
            let (id, now) = (SystemId(id), UnixMillis(now));
            let next_ms = i64::try_from(until_slot(id, interval, now).as_millis()).unwrap();
            let held_ms = i64::from(hold_secs(id, interval, now)) * 1000;
            prop_assert!(held_ms <= 55_000);
            if held_ms > 0 {
                let after = until_slot(id, interval, now.plus(held_ms));
                prop_assert_eq!(i64::try_from(after.as_millis()).unwrap(), next_ms - held_ms);
            }
        }

        #[test]
        fn a_slot_is_at_most_an_interval_and_a_tenth_away(id in 1_i64.., interval in 1_u32..=86_400, now in 0_i64..4_000_000_000_000) {
            let wait = until_slot(SystemId(id), interval, UnixMillis(now));
            let interval_ms = u128::from(interval) * 1000;
            prop_assert!(wait.as_millis() >= interval_ms / 10);
            prop_assert!(wait.as_millis() <= interval_ms + interval_ms / 10);
        }

        #[test]
        fn slots_follow_each_other_by_one_interval(id in 1_i64.., interval in 1_u32..=3600, now in 0_i64..4_000_000_000_000) {
            let id = SystemId(id);
            let first = until_slot(id, interval, UnixMillis(now));
            let slot = UnixMillis(now + i64::try_from(first.as_millis()).unwrap());
            // Waking a moment late, as every timer does.
            let second = until_slot(id, interval, slot.plus(3));
            prop_assert_eq!(second.as_millis() + 3, u128::from(interval) * 1000);
        }

        #[test]
        fn a_wait_that_was_asked_for_is_kept(asked in 1_u32..=MAX_RETRY_AFTER_SECS, seed: u64) {
            let wait = asked_for(asked, &mut Jitter::seeded(seed));
            prop_assert!(wait >= Duration::from_secs(u64::from(asked)));
            prop_assert!(wait <= Duration::from_secs(u64::from(asked) * 5 / 4 + 2));
        }
    }

    #[test]
    fn full_jitter_uses_the_whole_span() {
        let mut jitter = Jitter::seeded(3);
        let waits: Vec<Duration> = (0..1000).map(|_| backoff(5, &mut jitter)).collect();
        assert!(waits.iter().any(|wait| *wait < Duration::from_secs(4)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(28)));
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(32)));
    }

    #[test]
    fn a_fleet_spreads_evenly_over_the_interval() {
        let mut tenths = [0_u32; 10];
        for id in 1..=10_000 {
            let wait = until_slot(SystemId(id), 60, UnixMillis(0)).as_millis() % 60_000;
            tenths[usize::try_from(wait / 6000).unwrap()] += 1;
        }
        assert!(
            tenths.iter().all(|count| (850..1150).contains(count)),
            "{tenths:?}"
        );
    }
}
