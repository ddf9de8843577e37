//! Every answer against every situation: what may change, and what must not.

use super::*;
use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{
    OwnedSignatureFields, RequestEcho, RequestLine, Verified, sign_response, verify_response,
};
use serde::de::DeserializeOwned;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const ID: SystemId = SystemId(42);
const CODES: [RefusalCode; 11] = [
    RefusalCode::StaleClock,
    RefusalCode::Replayed,
    RefusalCode::UnknownSystem,
    RefusalCode::Denied,
    RefusalCode::Revoked,
    RefusalCode::BadSignature,
    RefusalCode::RateLimited,
    RefusalCode::UnknownOrganization,
    RefusalCode::Busy,
    RefusalCode::InvalidRequest,
    RefusalCode::Internal,
];

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn server_key() -> PublicKey {
    server().verifying_key().into()
}

/// A value as it comes out of a reply that the server's key signed.
fn sealed<T: DeserializeOwned + Serialize>(value: &T) -> Verified<T> {
    let request = OwnedSignatureFields {
        content_digest: "sha-256=:AA==:".to_owned(),
        signature_input: "scm=()".to_owned(),
        signature: "scm=:AA==:".to_owned(),
    };
    let echo = RequestEcho {
        line: RequestLine {
            method: "POST",
            path: "/agent/v1/checkin",
        },
        fields: request.as_fields(),
    };
    let body = serde_json::to_vec(value).unwrap();
    let fields = sign_response(
        &server(),
        &Organization::default(),
        echo,
        200,
        &body,
        NOW.as_secs(),
    );
    let verified = verify_response(&server_key(), echo, 200, fields.as_fields(), &body).unwrap();
    verified.json().unwrap()
}

fn situation(pinned: bool, task: Task) -> Situation {
    Situation {
        organization: Organization::default(),
        task,
        trusted: Trusted {
            server_key: pinned.then(server_key),
            server_key_pin: None,
        },
        standing: match (task, pinned) {
            (Task::Register, _) => Standing::Unregistered,
            (_, true) => Standing::Active,
            (_, false) => Standing::Pending,
        },
        interval_secs: 60,
        clock_offset_ms: 0,
        failures: 0,
        corrected: Corrected::default(),
    }
}

fn check_in(pinned: bool) -> Situation {
    situation(pinned, Task::CheckIn(ID))
}

fn decide(situation: &Situation, answer: &Answer) -> Action {
    next(situation, answer, NOW, &mut Jitter::seeded(1))
}

fn refusal(code: RefusalCode) -> Refusal {
    let mut refusal = Refusal::new(code, "because", NOW.plus(7_200_000));
    refusal.system_id = Some(ID);
    refusal.next_sequence = Some(5000);
    refusal
}

/// The refusal as the situation's trust would let it through.
fn refused(situation: &Situation, refusal: &Refusal) -> Answer {
    Answer::Refused(match situation.trusted.server_key {
        Some(_) => Evidence::Pinned(sealed(refusal)),
        None => Evidence::Tls(refusal.clone()),
    })
}

fn checkin_reply(status: AgentStatus, key: Option<PublicKey>) -> CheckInReply {
    CheckInReply {
        status,
        next_checkin_secs: 30,
        server_time_ms: NOW,
        server_public_key: key,
    }
}

fn register_reply(status: AgentStatus) -> RegisterReply {
    RegisterReply {
        system_id: ID,
        organization: Organization::default(),
        status,
        next_checkin_secs: 120,
        server_time_ms: NOW,
    }
}

fn is_security(action: &Action) -> bool {
    matches!(action.note, Note::Security { .. })
}

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
    for code in [RefusalCode::Busy, RefusalCode::RateLimited] {
        let situation = check_in(true);
        let mut refusal = refusal(code);
        refusal.retry_after_secs = Some(40);
        let action = decide(&situation, &refused(&situation, &refusal));
        assert!((40..=52).contains(&action.wait.as_secs()), "{:?}", action.wait);
    }
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
