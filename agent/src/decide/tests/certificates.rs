//! The client certificate: asked for, taken, dropped, and never in the way of a check-in.

use super::*;

fn reply() -> CertificateReply {
    CertificateReply {
        certificate: "-----BEGIN CERTIFICATE-----".to_owned(),
        serial: "4f".repeat(16),
        not_before_ms: NOW,
        not_after_ms: NOW.plus(3000),
        renew_after_ms: NOW.plus(2000),
        server_time_ms: NOW,
    }
}

fn asking() -> Situation {
    situation(true, Task::Certificate(ID))
}

#[test]
fn a_certificate_is_kept_and_the_check_in_follows_at_once() {
    let situation = Situation {
        failures: 3,
        ..asking()
    };
    let action = decide(&situation, &Answer::Certified(Evidence::Pinned(sealed(&reply()))));
    assert_eq!(action.change, Change::TakeCertificate(Box::new(reply())));
    assert!(action.wait.is_zero() && action.corrected.certificate && action.contact);
    assert_eq!((action.standing, action.failures), (Standing::Active, 3));
}

#[test]
fn once_pinned_an_unsigned_certificate_is_not_taken() {
    let action = decide(&asking(), &Answer::Certified(Evidence::Tls(reply())));
    assert_eq!(action.change, Change::Nothing);
    assert!(is_security(&action));
}

#[test]
fn no_certificate_is_no_reason_not_to_check_in() {
    let failed = |reason: &str| Answer::Failed {
        reason: reason.to_owned(),
        retry_after_secs: Some(1000),
    };
    let barred = Answer::Barred {
        reason: "400".to_owned(),
        retry_after_secs: None,
    };
    for answer in [failed("404"), barred] {
        let action = decide(&asking(), &answer);
        assert!(action.wait.is_zero() && action.corrected.certificate);
        assert_eq!((action.failures, &action.change), (0, &Change::Nothing));
    }
    for code in CODES {
        let action = decide(&asking(), &refused(&asking(), &refusal(code)));
        let kept = matches!(
            action.change,
            Change::Nothing | Change::JumpTo(_) | Change::GiveUpId | Change::StartAnew
        );
        assert!(kept, "{code:?}");
        // Cut off or unknown: there is nothing to check in as. Everything else goes on at once.
        let waits = [
            RefusalCode::Denied,
            RefusalCode::Revoked,
            RefusalCode::UnknownSystem,
            RefusalCode::Quarantined,
            RefusalCode::SplitIdentity,
        ];
        assert_eq!(action.wait.is_zero(), !waits.contains(&code), "{code:?}");
    }
}

/// What an administrator decided is heard whatever was asked: the other machine keeps the identity.
#[test]
fn a_split_is_obeyed_whatever_was_asked() {
    let own = [
        Task::CheckIn(ID),
        Task::Certificate(ID),
        Task::Rotate(ID),
        Task::TryNextKey(ID),
    ];
    for task in own {
        let asked = situation(true, task);
        let mut split = refusal(RefusalCode::SplitIdentity);
        let action = decide(&asked, &refused(&asked, &split));
        assert_eq!(
            (&action.change, action.standing),
            (&Change::StartAnew, Standing::Unregistered),
            "{task:?}"
        );
        split.system_id = Some(SystemId(7));
        let action = decide(&asked, &refused(&asked, &split));
        assert!(is_security(&action), "{task:?}");
        assert_eq!(action.change, Change::Nothing, "of another system: {task:?}");
        let unsigned = Answer::Refused(Evidence::Tls(refusal(RefusalCode::SplitIdentity)));
        let action = decide(&asked, &unsigned);
        assert_eq!(action.change, Change::Nothing, "not signed: {task:?}");
    }
}

#[test]
fn a_required_certificate_is_asked_for_once_an_attempt() {
    let mut situation = check_in(true);
    let answer = refused(&situation, &refusal(RefusalCode::CertificateRequired));
    let action = decide(&situation, &answer);
    assert!(action.ask_certificate && action.wait.is_zero());
    situation.corrected.certificate = true;
    let action = decide(&situation, &answer);
    assert!(!action.ask_certificate && !action.wait.is_zero());
    assert_eq!((action.failures, action.change), (1, Change::Nothing));
    let shown = Situation {
        with_certificate: true,
        ..check_in(true)
    };
    let action = decide(&shown, &answer);
    assert!(
        !action.ask_certificate && !action.wait.is_zero(),
        "it was shown already"
    );
}

#[test]
fn a_refused_certificate_is_dropped_and_costs_nothing_else() {
    let answer = |situation: &Situation| refused(situation, &refusal(RefusalCode::CertificateInvalid));
    for standing in [Standing::Active, Standing::Pending, Standing::Revoked] {
        let situation = Situation {
            with_certificate: true,
            standing,
            ..check_in(true)
        };
        let action = decide(&situation, &answer(&situation));
        assert_eq!(
            (&action.change, action.standing),
            (&Change::DropCertificate, standing)
        );
        assert!(action.wait.is_zero());
        assert_eq!(action.ask_certificate, standing == Standing::Active);
    }
    let without = check_in(true);
    let action = decide(&without, &answer(&without));
    assert!(!action.wait.is_zero() && action.change == Change::Nothing);
}

#[test]
fn corrections_of_an_attempt_are_remembered_together() {
    let mut situation = asking();
    situation.corrected.certificate = true;
    for code in [RefusalCode::StaleClock, RefusalCode::Replayed] {
        let action = decide(&situation, &refused(&situation, &refusal(code)));
        assert!(action.corrected.certificate, "{code:?}");
    }
}
