//! Replies that were taken, and what is no reply.

use super::*;
use proptest::prelude::*;

#[test]
fn a_registration_takes_the_id_and_soon_checks_in() {
    let answer = Answer::Registered(Evidence::Tls(register_reply(AgentStatus::Pending)));
    let action = decide(&situation(false, Task::Register), &answer);
    assert_eq!(action.change, Change::TakeId(ID));
    assert_eq!(action.standing, Standing::Pending);
    assert_eq!(action.interval_secs, 120);
    assert!(action.wait <= Duration::from_secs(5) && action.contact && action.note == Note::Fine);
}

#[test]
fn a_registration_in_another_organization_is_not_taken() {
    let reply = RegisterReply {
        organization: "other".parse().unwrap(),
        ..register_reply(AgentStatus::Active)
    };
    let action = decide(
        &situation(false, Task::Register),
        &Answer::Registered(Evidence::Tls(reply)),
    );
    assert_eq!(action.change, Change::Nothing);
    assert_eq!(action.standing, Standing::Unregistered);
    let reply = RegisterReply {
        system_id: SystemId(0),
        ..register_reply(AgentStatus::Active)
    };
    let action = decide(
        &situation(false, Task::Register),
        &Answer::Registered(Evidence::Tls(reply)),
    );
    assert_eq!(action.change, Change::Nothing);
}

#[test]
fn pending_follows_the_interval_of_the_reply() {
    let answer = Answer::CheckedIn(Evidence::Tls(checkin_reply(AgentStatus::Pending, None)));
    let action = decide(&check_in(false), &answer);
    assert_eq!(action.change, Change::Nothing);
    assert_eq!(action.standing, Standing::Pending);
    assert_eq!(action.interval_secs, 30);
    assert!(action.wait <= Duration::from_secs(33) && action.contact);
}

#[test]
fn approval_pins_the_delivered_key() {
    let reply = sealed(&checkin_reply(AgentStatus::Active, Some(server_key())));
    let answer = Answer::Introduced {
        key: server_key(),
        reply,
    };
    let action = decide(&check_in(false), &answer);
    assert_eq!(action.change, Change::Pin(server_key()));
    assert_eq!(action.standing, Standing::Active);
    assert_eq!(action.note, Note::Fine);
}

#[test]
fn a_key_that_does_not_fit_the_configured_one_is_refused() {
    let reply = sealed(&checkin_reply(AgentStatus::Active, Some(server_key())));
    let answer = Answer::Introduced {
        key: server_key(),
        reply,
    };
    let mut situation = check_in(false);
    let other: PublicKey = SigningKey::from_bytes(&[1; 32]).verifying_key().into();
    situation.trusted.server_key_pin = Some(other.fingerprint());
    let action = decide(&situation, &answer);
    assert_eq!(action.change, Change::Nothing);
    assert_eq!(action.standing, Standing::Pending);
    assert!(is_security(&action));
}

#[test]
fn a_pinned_key_is_never_replaced_by_an_introduction() {
    let reply = sealed(&checkin_reply(AgentStatus::Active, Some(server_key())));
    let answer = Answer::Introduced {
        key: server_key(),
        reply,
    };
    let action = decide(&check_in(true), &answer);
    assert_eq!(action.change, Change::Nothing);
    assert!(is_security(&action));
}

#[test]
fn active_without_a_key_is_not_believed() {
    let answer = Answer::CheckedIn(Evidence::Tls(checkin_reply(AgentStatus::Active, None)));
    let action = decide(&check_in(false), &answer);
    assert_eq!(action.standing, Standing::Pending);
    assert!(matches!(action.note, Note::Trouble(_)));
}

#[test]
fn a_signed_check_in_keeps_an_active_agent_active() {
    let reply = checkin_reply(AgentStatus::Active, None);
    let mut situation = check_in(true);
    situation.failures = 9;
    let action = decide(&situation, &Answer::CheckedIn(Evidence::Pinned(sealed(&reply))));
    assert_eq!((action.standing, action.failures), (Standing::Active, 0));
    // Registered anew with the pinned key kept: Pending again until approved.
    let reply = checkin_reply(AgentStatus::Pending, None);
    let action = decide(&situation, &Answer::CheckedIn(Evidence::Pinned(sealed(&reply))));
    assert_eq!(action.standing, Standing::Pending);
}

#[test]
fn once_pinned_nothing_unsigned_is_believed() {
    for task in [Task::Register, Task::CheckIn(ID)] {
        let situation = situation(true, task);
        let mut answers = vec![
            Answer::Registered(Evidence::Tls(register_reply(AgentStatus::Active))),
            Answer::CheckedIn(Evidence::Tls(checkin_reply(AgentStatus::Active, None))),
        ];
        answers.extend(CODES.map(|code| Answer::Refused(Evidence::Tls(refusal(code)))));
        for answer in answers {
            let action = decide(&situation, &answer);
            assert_eq!(action.change, Change::Nothing, "{answer:?}");
            assert_eq!(action.standing, situation.standing);
            assert_eq!(action.clock_offset_ms, 0);
            assert_eq!(action.interval_secs, 60);
            assert!(!action.contact && !action.wait.is_zero() && is_security(&action));
        }
    }
}

#[test]
fn what_is_untrusted_or_failed_changes_nothing_but_the_wait() {
    let answers = [
        Answer::Untrusted {
            event: "reply_signature_wrong",
            reason: "x".to_owned(),
        },
        Answer::Failed {
            reason: "x".to_owned(),
            retry_after_secs: None,
        },
    ];
    for pinned in [false, true] {
        for task in [Task::Register, Task::CheckIn(ID)] {
            for answer in &answers {
                let mut situation = situation(pinned, task);
                for failures in 1..100 {
                    let action = decide(&situation, answer);
                    assert_eq!(action.change, Change::Nothing);
                    assert_eq!(action.standing, situation.standing);
                    assert_eq!(action.failures, failures);
                    assert!(action.wait <= schedule::BACKOFF_CAP && !action.wait.is_zero());
                    situation.failures = action.failures;
                }
            }
        }
    }
}

#[test]
fn an_unsigned_retry_after_is_honoured_for_an_hour_at_most() {
    let failed = |secs| Answer::Failed {
        reason: "x".to_owned(),
        retry_after_secs: Some(secs),
    };
    let wait = decide(&check_in(true), &failed(20)).wait;
    assert!((20..=27).contains(&wait.as_secs()), "{wait:?}");
    let wait = decide(&check_in(true), &failed(u32::MAX)).wait;
    assert!((3600..=4502).contains(&wait.as_secs()), "{wait:?}");
}

proptest! {
    #[test]
    fn an_interval_is_bounded_whatever_the_server_says(secs: u32, now in 0_i64..4_000_000_000_000) {
        let reply = CheckInReply { next_checkin_secs: secs, ..checkin_reply(AgentStatus::Active, None) };
        let answer = Answer::CheckedIn(Evidence::Pinned(sealed(&reply)));
        let action = next(&check_in(true), &answer, UnixMillis(now), &mut Jitter::seeded(1));
        prop_assert!((1..=MAX_INTERVAL_SECS).contains(&action.interval_secs));
        prop_assert!(!action.wait.is_zero());
        prop_assert!(action.wait <= Duration::from_secs(u64::from(MAX_INTERVAL_SECS) * 11 / 10));
    }
}
