//! Every status and every doubt, decided without a database.

use super::*;
use crate::certificates::Shown;
use ed25519_dalek::SigningKey;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const INTERVALS: Intervals = Intervals {
    active_secs: 30,
    pending_secs: 60,
};

fn key(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().into()
}

fn known(status: SystemStatus) -> Known {
    Known {
        id: SystemId(42),
        public_key: *key(1).as_bytes(),
        status,
        replay: ReplayWindow::default().accept(9).unwrap(),
        replay_mark: Some(1),
        boot_id: "old".to_owned(),
        boots: String::new(),
        address: "192.0.2.1".to_owned(),
        actions: String::new(),
        last_seen: None,
        rebooted: None,
        telemetry: Telemetry {
            uptime_secs: Some(1000),
            ..Telemetry::default()
        },
        agent_version: "0.1.0".to_owned(),
        certificates: Issued::default(),
        key_rotation_asked: false,
    }
}

fn arrived() -> Arrived {
    let telemetry = Telemetry {
        uptime_secs: Some(1030),
        ..Telemetry::default()
    };
    Arrived {
        id: SystemId(42),
        verified_with: key(1),
        sequence: 10,
        mark: 2,
        created_secs: NOW.as_secs() - 12,
        checkin: CheckIn {
            boot_id: "new".into(),
            telemetry: Some(telemetry),
            ..CheckIn::default()
        },
        address: "192.0.2.1".to_owned(),
        credential: Credential {
            shown: Shown::Nothing,
            required: true,
        },
    }
}

fn run(status: SystemStatus, arrived: &Arrived) -> Outcome {
    decide(Some(&known(status)), arrived, &key(9), INTERVALS, NOW)
}

fn code(outcome: Outcome) -> RefusalCode {
    match outcome {
        Outcome::Refused(refusal) => refusal.code,
        Outcome::Quarantined(quarantine) => quarantine.refusal.code,
        Outcome::Accepted(accepted) => panic!("accepted: {accepted:?}"),
    }
}

fn accepted(outcome: Outcome) -> Accepted {
    match outcome {
        Outcome::Accepted(accepted) => *accepted,
        Outcome::Refused(refusal) => panic!("refused: {refusal:?}"),
        Outcome::Quarantined(quarantine) => panic!("quarantined: {quarantine:?}"),
    }
}

#[test]
fn a_certificate_that_was_issued_is_required_and_the_right_one() {
    let mut known = known(SystemStatus::Active);
    known.certificates = Issued {
        newest: Some("02".to_owned()),
        previous: Some("01".to_owned()),
        not_after: Some(NOW.plus(1)),
    };
    let with = |shown: Shown, required: bool, now: UnixMillis| {
        let mut arrived = arrived();
        arrived.credential = Credential { shown, required };
        decide(Some(&known), &arrived, &key(9), INTERVALS, now)
    };
    let certificate = |serial: &str| Shown::Certificate(serial.to_owned());
    assert_eq!(
        code(with(Shown::Nothing, true, NOW)),
        RefusalCode::CertificateRequired
    );
    accepted(with(Shown::Nothing, false, NOW));
    accepted(with(Shown::Nothing, true, NOW.plus(1)));
    for serial in ["02", "01"] {
        accepted(with(certificate(serial), true, NOW));
    }
    for required in [true, false] {
        assert_eq!(
            code(with(certificate("00"), required, NOW)),
            RefusalCode::CertificateInvalid
        );
        let expired = Shown::Faulty(certificates::Fault::Expired);
        assert_eq!(
            code(with(expired, required, NOW)),
            RefusalCode::CertificateInvalid
        );
    }
}

#[test]
fn a_revoked_system_is_told_so_whatever_it_shows() {
    let mut arrived = arrived();
    arrived.credential.shown = Shown::Faulty(certificates::Fault::Expired);
    assert_eq!(code(run(SystemStatus::Revoked, &arrived)), RefusalCode::Revoked);
}

#[test]
fn a_pending_system_is_told_nothing_but_to_wait() {
    let accepted = accepted(run(SystemStatus::Pending, &arrived()));
    assert_eq!(accepted.reply.status, AgentStatus::Pending);
    assert_eq!(accepted.reply.next_checkin_secs, 60);
    assert_eq!(accepted.reply.server_public_key, None);
    assert!(!accepted.sample, "a pending system has no history");
}

#[test]
fn an_active_system_gets_the_key_until_it_has_it() {
    let mut arrived = arrived();
    assert_eq!(
        accepted(run(SystemStatus::Active, &arrived))
            .reply
            .server_public_key,
        Some(key(9))
    );
    arrived.checkin.has_server_key = true;
    assert_eq!(
        accepted(run(SystemStatus::Active, &arrived))
            .reply
            .server_public_key,
        None
    );
}

#[test]
fn a_held_reply_tells_what_the_system_is_by_then() {
    let with = |verified_with, status: Option<SystemStatus>, key_rotation_asked| {
        let standing = status.map(|status| HeldStanding {
            status,
            public_key: key(1),
            key_rotation_asked,
        });
        reply_after_hold(
            (SystemId(42), &verified_with, standing),
            false,
            &key(9),
            INTERVALS,
            NOW,
        )
    };
    let asked = |status, rotate| with(key(1), status, rotate);
    let after = |status| asked(status, false);
    assert!(!after(Some(SystemStatus::Active)).unwrap().rotate_key);
    assert!(asked(Some(SystemStatus::Active), true).unwrap().rotate_key);
    assert!(!asked(Some(SystemStatus::Pending), true).unwrap().rotate_key);
    let approved = after(Some(SystemStatus::Active)).unwrap();
    assert_eq!(
        (approved.status, approved.server_public_key),
        (AgentStatus::Active, Some(key(9)))
    );
    assert_eq!(
        after(Some(SystemStatus::Pending)).unwrap().server_public_key,
        None
    );
    assert_eq!(
        after(Some(SystemStatus::Revoked)).unwrap_err().code,
        RefusalCode::Revoked
    );
    let gone = after(None).unwrap_err();
    assert_eq!(
        (gone.code, gone.system_id),
        (RefusalCode::UnknownSystem, Some(SystemId(42)))
    );
    let replaced = with(key(2), Some(SystemStatus::Active), false).unwrap_err();
    assert_eq!(replaced.code, RefusalCode::BadSignature);
}

#[test]
fn what_is_accepted_is_remembered() {
    let accepted = accepted(run(SystemStatus::Active, &arrived()));
    assert_eq!(accepted.after.replay.accept(10), None);
    assert_eq!(accepted.after.boot_id, "new");
    assert_eq!(accepted.after.last_seen, Some(NOW));
    assert_eq!(accepted.after.rebooted, None);
    assert_eq!(accepted.clock_skew_ms, -12_000);
    assert!(accepted.sample);
}

#[test]
fn an_uptime_that_fell_is_a_reboot() {
    let mut arrived = arrived();
    arrived.checkin.telemetry = Some(Telemetry {
        uptime_secs: Some(5),
        ..Telemetry::default()
    });
    assert_eq!(
        accepted(run(SystemStatus::Active, &arrived)).after.rebooted,
        Some(NOW)
    );
}

#[test]
fn samples_are_thinned() {
    let mut known = known(SystemStatus::Active);
    known.last_seen = Some(NOW.plus(-1));
    let same_slot = NOW.0.div_euclid(SAMPLE_EVERY_MS) == (NOW.0 - 1).div_euclid(SAMPLE_EVERY_MS);
    let outcome = decide(Some(&known), &arrived(), &key(9), INTERVALS, NOW);
    assert_eq!(accepted(outcome).sample, !same_slot);
    let later = NOW.plus(1);
    known.last_seen = Some(NOW);
    assert!(!accepted(decide(Some(&known), &arrived(), &key(9), INTERVALS, later)).sample);
}

#[test]
fn refusals_are_typed() {
    let unknown = decide(None, &arrived(), &key(9), INTERVALS, NOW);
    assert_eq!(code(unknown), RefusalCode::UnknownSystem);
    let other_key = Arrived {
        verified_with: key(2),
        ..arrived()
    };
    assert_eq!(
        code(run(SystemStatus::Active, &other_key)),
        RefusalCode::BadSignature
    );
    let replayed = Arrived {
        sequence: 9,
        ..arrived()
    };
    match run(SystemStatus::Active, &replayed) {
        Outcome::Refused(refusal) => {
            assert_eq!(
                (refusal.code, refusal.next_sequence),
                (RefusalCode::Replayed, Some(10))
            );
        }
        other => panic!("a replay was taken for something else: {other:?}"),
    }
    assert_eq!(code(run(SystemStatus::Denied, &arrived())), RefusalCode::Denied);
    assert_eq!(code(run(SystemStatus::Revoked, &arrived())), RefusalCode::Revoked);
    let mut hot = arrived();
    hot.checkin.telemetry = Some(Telemetry {
        cpu_percent: Some(101.0),
        ..Telemetry::default()
    });
    assert_eq!(code(run(SystemStatus::Active, &hot)), RefusalCode::InvalidRequest);
}

/// A check-in of the run `boot_id`.
fn of(boot_id: &str, sequence: u64, mark: i64) -> Arrived {
    let mut arrived = Arrived {
        sequence,
        mark,
        ..arrived()
    };
    arrived.checkin.boot_id = boot_id.to_owned();
    arrived
}

#[test]
fn one_number_with_two_messages_is_another_machine() {
    let same = |boot: &str, sequence, mark| run(SystemStatus::Active, &of(boot, sequence, mark));
    assert_eq!(
        code(same("old", 9, 1)),
        RefusalCode::Replayed,
        "the very bytes again"
    );
    assert_eq!(
        code(same("new", 9, 7)),
        RefusalCode::Replayed,
        "a run whose sequence was lost"
    );
    let Outcome::Quarantined(quarantine) = same("old", 9, 7) else {
        panic!("not seen");
    };
    let name = quarantine.refusal.boot_id.clone().unwrap();
    assert_eq!(
        (quarantine.refusal.code, &quarantine.conflict.claimant),
        (RefusalCode::Quarantined, &name)
    );
    let mut known = known(SystemStatus::Active);
    known.boots = quarantine.boots.unwrap();
    let again = decide(Some(&known), &of(&name, 30, 8), &key(9), INTERVALS, NOW);
    assert_eq!(code(again), RefusalCode::Quarantined);
    let first = decide(Some(&known), &of("old", 30, 8), &key(9), INTERVALS, NOW);
    assert_eq!(accepted(first).after.replay_mark, Some(8));
}

#[test]
fn the_first_of_two_machines_goes_on_and_is_asked_what_it_is() {
    let copied = accepted(run(SystemStatus::Active, &of("copy", 1001, 5)));
    assert_eq!(copied.after.boot_id, "copy");
    let first = accepted(decide(
        Some(&copied.after),
        &of("old", 1002, 6),
        &key(9),
        INTERVALS,
        NOW,
    ));
    assert!(first.reply.send_facts);
    assert_eq!(first.after.boot_id, "old");
    assert_eq!(first.conflict.unwrap().claimant, "copy");
    let kept_out = decide(Some(&first.after), &of("copy", 1003, 7), &key(9), INTERVALS, NOW);
    assert_eq!(code(kept_out), RefusalCode::Quarantined);
    let mut revoked = first.after.clone();
    revoked.status = SystemStatus::Revoked;
    let cut_off = decide(Some(&revoked), &of("copy", 1003, 7), &key(9), INTERVALS, NOW);
    assert_eq!(code(cut_off), RefusalCode::Revoked);
}
