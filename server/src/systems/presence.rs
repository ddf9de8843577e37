//! Online, late, offline: computed from the server's own clock at the time of the query, never stored.

use scm_protocol::ids::UnixMillis;
use scm_protocol::systems::Presence;

/// Grace for a slow network, in milliseconds.
pub(super) const GRACE_MS: i64 = 10_000;
/// A system is late after one interval and a half, and the grace: milliseconds for each second of its interval.
pub(super) const LATE_PER_SEC: i64 = 1500;
/// A system is offline after three intervals and the grace: milliseconds for each second of its interval.
pub(super) const OFFLINE_PER_SEC: i64 = 3000;

fn late_after_ms(interval_secs: i64) -> i64 {
    interval_secs * LATE_PER_SEC + GRACE_MS
}

fn offline_after_ms(interval_secs: i64) -> i64 {
    interval_secs * OFFLINE_PER_SEC + GRACE_MS
}

/// Whether a system is heard of. `server_started`: a server that was away itself calls nobody offline before it has been
/// up for as long as the silence that it complains of.
pub(super) fn presence(
    last_seen: Option<UnixMillis>,
    interval_secs: i64,
    server_started: UnixMillis,
    now: UnixMillis,
) -> Presence {
    let Some(last_seen) = last_seen else {
        return Presence::NeverSeen;
    };
    let silent = now.since(last_seen);
    let offline_after = offline_after_ms(interval_secs);
    if silent < late_after_ms(interval_secs) {
        Presence::Online
    } else if silent < offline_after || now.since(server_started) < offline_after {
        Presence::Late
    } else {
        Presence::Offline
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG_AGO: UnixMillis = UnixMillis(0);
    const NOW: UnixMillis = UnixMillis(10_000_000);

    fn seen(secs_ago: i64, started: UnixMillis) -> Presence {
        presence(Some(NOW.plus(-secs_ago * 1000)), 30, started, NOW)
    }

    #[test]
    fn silence_is_measured_in_intervals() {
        assert_eq!(presence(None, 30, LONG_AGO, NOW), Presence::NeverSeen);
        assert_eq!(seen(-5, LONG_AGO), Presence::Online);
        assert_eq!(seen(54, LONG_AGO), Presence::Online);
        assert_eq!(seen(55, LONG_AGO), Presence::Late);
        assert_eq!(seen(99, LONG_AGO), Presence::Late);
        assert_eq!(seen(100, LONG_AGO), Presence::Offline);
    }

    #[test]
    fn a_server_that_was_away_calls_nobody_offline() {
        assert_eq!(seen(5000, NOW.plus(-99_000)), Presence::Late);
        assert_eq!(seen(5000, NOW.plus(-100_000)), Presence::Offline);
    }
}
