//! Refusals, each under each trust.

use super::*;

#[test]
fn every_refusal_in_every_trust_has_its_consequence() {
    for pinned in [false, true] {
        for code in CODES {
            let situation = check_in(pinned);
            let action = decide(&situation, &refused(&situation, &refusal(code)));
            let (change, standing, at_once) = match code {
                RefusalCode::StaleClock => (Change::Nothing, situation.standing, true),
                RefusalCode::Replayed => (Change::JumpTo(5000), situation.standing, true),
                RefusalCode::UnknownSystem => (Change::GiveUpId, Standing::Unregistered, false),
                RefusalCode::Denied => (Change::Nothing, Standing::Denied, false),
                RefusalCode::Revoked => (Change::Nothing, Standing::Revoked, false),
                RefusalCode::CertificateRequired => (Change::Nothing, situation.standing, true),
                RefusalCode::SplitIdentity if pinned => (Change::StartAnew, Standing::Unregistered, false),
                RefusalCode::Quarantined | RefusalCode::SplitIdentity => {
                    (Change::RenameBoot([0xab; 16]), Standing::Quarantined, false)
                }
                _ => (Change::Nothing, situation.standing, false),
            };
            let found = (action.change, action.standing, action.wait.is_zero());
            assert_eq!(found, (change, standing, at_once), "{code:?}, pinned: {pinned}");
            assert!(matches!(action.note, Note::Trouble(_)));
        }
    }
}

#[test]
fn refusals_of_a_registration_never_touch_an_id() {
    for pinned in [false, true] {
        for code in CODES {
            let situation = situation(pinned, Task::Register);
            let action = decide(&situation, &refused(&situation, &refusal(code)));
            assert!(
                matches!(action.change, Change::Nothing | Change::JumpTo(_)),
                "{code:?}"
            );
        }
    }
}

#[test]
fn only_a_refusal_of_the_own_id_gives_it_up() {
    for pinned in [false, true] {
        for named in [None, Some(SystemId(43)), Some(SystemId(0))] {
            let situation = check_in(pinned);
            let mut refusal = refusal(RefusalCode::UnknownSystem);
            refusal.system_id = named;
            let action = decide(&situation, &refused(&situation, &refusal));
            assert_eq!(action.change, Change::Nothing);
            assert!(is_security(&action));
        }
    }
}

#[test]
fn a_new_registration_spreads_over_the_interval() {
    let situation = check_in(true);
    let answer = refused(&situation, &refusal(RefusalCode::UnknownSystem));
    let mut jitter = Jitter::seeded(5);
    let waits: Vec<Duration> = (0..200)
        .map(|_| next(&situation, &answer, NOW, &mut jitter).wait)
        .collect();
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(60)));
    assert!(waits.iter().any(|wait| *wait < Duration::from_secs(6)));
    assert!(waits.iter().any(|wait| *wait > Duration::from_secs(54)));
}

#[test]
fn the_clock_is_corrected_once_per_attempt() {
    for pinned in [false, true] {
        let mut situation = check_in(pinned);
        let answer = refused(&situation, &refusal(RefusalCode::StaleClock));
        let action = decide(&situation, &answer);
        assert_eq!(action.clock_offset_ms, 7_200_000);
        assert!(action.corrected.clock && action.wait.is_zero());
        situation.corrected = action.corrected;
        situation.clock_offset_ms = action.clock_offset_ms;
        let again = decide(&situation, &answer);
        assert!(!again.wait.is_zero());
        assert_eq!(again.clock_offset_ms, 7_200_000);
        assert_eq!(again.failures, 1);
    }
}

#[test]
fn a_server_without_a_clock_is_not_followed() {
    let situation = check_in(true);
    let mut refusal = refusal(RefusalCode::StaleClock);
    refusal.server_time_ms = UnixMillis(0);
    let action = decide(&situation, &refused(&situation, &refusal));
    assert_eq!(action.clock_offset_ms, 0);
    assert!(!action.wait.is_zero());
}

#[test]
fn the_sequence_jumps_once_per_attempt_and_within_bounds() {
    let mut situation = check_in(true);
    let answer = refused(&situation, &refusal(RefusalCode::Replayed));
    situation.corrected.sequence = true;
    assert_eq!(decide(&situation, &answer).change, Change::Nothing);
    assert!(!decide(&situation, &answer).wait.is_zero());
    situation.corrected.sequence = false;
    for bad in [None, Some(u64::MAX), Some(crate::identity::MAX_SEQUENCE + 1)] {
        let mut refusal = refusal(RefusalCode::Replayed);
        refusal.next_sequence = bad;
        let action = decide(&situation, &refused(&situation, &refusal));
        assert_eq!(action.change, Change::Nothing);
        assert!(!action.wait.is_zero());
    }
}

#[test]
fn both_corrections_together_still_end() {
    let mut situation = check_in(true);
    let mut at_once = 0;
    for code in [
        RefusalCode::StaleClock,
        RefusalCode::Replayed,
        RefusalCode::StaleClock,
        RefusalCode::Replayed,
    ] {
        let action = decide(&situation, &refused(&situation, &refusal(code)));
        if !action.wait.is_zero() {
            break;
        }
        at_once += 1;
        situation.corrected = action.corrected;
    }
    assert_eq!(at_once, 2);
}

#[test]
fn the_cut_off_ask_rarely_and_keep_everything() {
    for code in [RefusalCode::Denied, RefusalCode::Revoked] {
        let situation = check_in(true);
        let action = decide(&situation, &refused(&situation, &refusal(code)));
        assert!(
            (3600..=4501).contains(&action.wait.as_secs()),
            "{:?}",
            action.wait
        );
        let mut soon = refusal(code);
        soon.retry_after_secs = Some(1);
        assert!(decide(&situation, &refused(&situation, &soon)).wait >= Duration::from_secs(60));
        let mut late = refusal(code);
        late.retry_after_secs = Some(7200);
        let wait = decide(&situation, &refused(&situation, &late)).wait;
        assert!((7200..=9001).contains(&wait.as_secs()));
    }
    // Restored: the next signed reply makes it active again.
    let mut situation = check_in(true);
    situation.standing = Standing::Revoked;
    let reply = sealed(&checkin_reply(AgentStatus::Active, None));
    let action = decide(&situation, &Answer::CheckedIn(Evidence::Pinned(reply)));
    assert_eq!(action.standing, Standing::Active);
}

#[test]
fn a_busy_server_is_given_the_time_it_asks_for() {
    for code in [
        RefusalCode::Busy,
        RefusalCode::RateLimited,
        RefusalCode::PendingFull,
    ] {
        let situation = check_in(true);
        let mut refusal = refusal(code);
        refusal.retry_after_secs = Some(40);
        let action = decide(&situation, &refused(&situation, &refusal));
        assert!((40..=52).contains(&action.wait.as_secs()), "{:?}", action.wait);
    }
}
