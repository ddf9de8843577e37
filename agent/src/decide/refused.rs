//! What follows from each refusal that is believed.

use super::{Action, Change, Corrected, Note, Situation, Standing, Task, failed, heard, untrusted};
use crate::identity::MAX_SEQUENCE;
use crate::random::Jitter;
use crate::schedule;
use scm_protocol::ids::UnixMillis;
use scm_protocol::refusal::{Refusal, RefusalCode};
use std::time::Duration;

/// How long a denied or revoked agent waits when the server does not say: an hour.
const CUT_OFF_WAIT_SECS: u32 = 3600;
/// No server's clock shows a time before this one (2024-01-01): an older one is broken and not followed.
const EARLIEST_TIME: UnixMillis = UnixMillis(1_704_067_200_000);

pub(super) fn refused(
    situation: &Situation,
    refusal: &Refusal,
    now: UnixMillis,
    jitter: &mut Jitter,
) -> Action {
    let trouble = || {
        format!(
            "the server refused: `{}`, {}",
            refusal.code.as_str(),
            refusal.detail
        )
    };
    match refusal.code {
        RefusalCode::StaleClock => stale_clock(situation, refusal, now, jitter),
        RefusalCode::Replayed => replayed(situation, refusal, jitter),
        RefusalCode::UnknownSystem => unknown_system(situation, refusal, jitter),
        RefusalCode::Denied => cut_off(situation, Standing::Denied, refusal, jitter),
        RefusalCode::Revoked => cut_off(situation, Standing::Revoked, refusal, jitter),
        RefusalCode::CertificateRequired => certificate_required(situation, trouble(), jitter),
        RefusalCode::CertificateInvalid => certificate_invalid(situation, trouble(), jitter),
        RefusalCode::Quarantined => quarantined(situation, refusal, jitter),
        RefusalCode::SplitIdentity => split_identity(situation, refusal, jitter),
        RefusalCode::RateLimited
        | RefusalCode::Busy
        | RefusalCode::PendingFull
        | RefusalCode::AddressNotAllowed => Action {
            contact: true,
            ..failed(situation, trouble(), refusal.retry_after_secs, jitter)
        },
        // The server understood, and says no: the present key stays.
        RefusalCode::InvalidRequest if matches!(situation.task, Task::Rotate(_)) => Action {
            change: Change::DropNextKey,
            contact: true,
            ..failed(situation, trouble(), None, jitter)
        },
        RefusalCode::BadSignature
        | RefusalCode::UnknownOrganization
        | RefusalCode::UnknownPackage
        | RefusalCode::InvalidRequest
        | RefusalCode::Internal => Action {
            contact: true,
            ..failed(situation, trouble(), None, jitter)
        },
    }
}

/// Takes the server's time and goes on at once; a second time in one attempt, the server and its clock disagree with
/// themselves, and the attempt is given up.
fn stale_clock(situation: &Situation, refusal: &Refusal, now: UnixMillis, jitter: &mut Jitter) -> Action {
    if situation.corrected.clock || refusal.server_time_ms < EARLIEST_TIME {
        let reason = format!(
            "the clock is refused although it follows the server's ({} ms)",
            refusal.server_time_ms.0
        );
        return failed(situation, reason, None, jitter);
    }
    let clock_offset_ms = refusal.server_time_ms.since(now);
    Action {
        clock_offset_ms,
        corrected: Corrected {
            clock: true,
            ..situation.corrected
        },
        wait: Duration::ZERO,
        failures: situation.failures,
        note: Note::Trouble(format!(
            "the host's clock is {} s off the server's; the server's time is used",
            -clock_offset_ms / 1000
        )),
        ..heard(situation)
    }
}

fn replayed(situation: &Situation, refusal: &Refusal, jitter: &mut Jitter) -> Action {
    match refusal.next_sequence {
        Some(number) if number <= MAX_SEQUENCE && !situation.corrected.sequence => Action {
            change: Change::JumpTo(number),
            corrected: Corrected {
                sequence: true,
                ..situation.corrected
            },
            wait: Duration::ZERO,
            failures: situation.failures,
            note: Note::Trouble(format!(
                "the server has seen this sequence number before, going on at {number}"
            )),
            ..heard(situation)
        },
        number => {
            let reason = format!("the server refused: `replayed`, next sequence number {number:?}");
            failed(situation, reason, None, jitter)
        }
    }
}

/// The one refusal that costs the id, if it is about this id.
fn unknown_system(situation: &Situation, refusal: &Refusal, jitter: &mut Jitter) -> Action {
    let own = situation.task.id();
    if own.is_none() || refusal.system_id != own {
        let reason = "an `unknown_system` that does not name this agent's id was dropped".to_owned();
        return untrusted(situation, "refusal_of_another", reason, jitter);
    }
    // A whole fleet may be told this at once: it spreads over the interval.
    let span = Duration::from_secs(u64::from(situation.interval_secs));
    Action {
        change: Change::GiveUpId,
        standing: Standing::Unregistered,
        wait: schedule::within(span, jitter),
        note: Note::Trouble(
            "the server does not know this system any more, it is registered anew".to_owned(),
        ),
        ..heard(situation)
    }
}

/// Asks for a certificate and checks in again, once an attempt. Where one was shown, another would not arrive either.
fn certificate_required(situation: &Situation, reason: String, jitter: &mut Jitter) -> Action {
    if situation.with_certificate {
        let reason = format!(
            "{reason} (the client certificate was shown and did not reach the server: something in between ends TLS, \
             which the server must be told of, or do without certificates)"
        );
        return failed(situation, reason, None, jitter);
    }
    let checks_in = matches!(situation.task, Task::CheckIn(_));
    if !checks_in || situation.corrected.certificate {
        return failed(situation, reason, None, jitter);
    }
    Action {
        ask_certificate: true,
        ..at_once(situation, reason)
    }
}

/// Goes on without the certificate that was shown, and asks for another. Without one this refusal says nothing.
fn certificate_invalid(situation: &Situation, reason: String, jitter: &mut Jitter) -> Action {
    if !situation.with_certificate {
        return failed(situation, reason, None, jitter);
    }
    Action {
        change: Change::DropCertificate,
        ask_certificate: situation.standing == Standing::Active && !situation.corrected.certificate,
        ..at_once(situation, reason)
    }
}

/// Goes on within this attempt.
fn at_once(situation: &Situation, reason: String) -> Action {
    Action {
        corrected: situation.corrected,
        wait: Duration::ZERO,
        failures: situation.failures,
        note: Note::Trouble(reason),
        ..heard(situation)
    }
}

/// Another machine uses this identity. Nothing is given up: an administrator may find that this is the right one.
fn quarantined(situation: &Situation, refusal: &Refusal, jitter: &mut Jitter) -> Action {
    let wait_secs = refusal.retry_after_secs.unwrap_or(CUT_OFF_WAIT_SECS).max(1);
    let name = refusal.boot_id.as_deref().and_then(parse_boot_id);
    let change = match (situation.task, name) {
        (Task::CheckIn(_) | Task::Rotate(_) | Task::TryNextKey(_), Some(name)) => Change::RenameBoot(name),
        _ => Change::Nothing,
    };
    Action {
        change,
        standing: Standing::Quarantined,
        wait: schedule::asked_for(wait_secs, jitter),
        note: Note::Trouble(
            "quarantined: another machine uses this identity; an administrator decides which one keeps it"
                .to_owned(),
        ),
        ..heard(situation)
    }
}

fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// An administrator gave the identity to the other machine. Obeyed only when the pinned key signed it, and only for the
/// own id; before a key is pinned it is a quarantine.
fn split_identity(situation: &Situation, refusal: &Refusal, jitter: &mut Jitter) -> Action {
    let own = situation.task.id();
    if own.is_none() || refusal.system_id != own {
        let reason = "a `split_identity` that does not name this agent's id was dropped".to_owned();
        return untrusted(situation, "refusal_of_another", reason, jitter);
    }
    if situation.trusted.server_key.is_none() {
        return quarantined(situation, refusal, jitter);
    }
    Action {
        change: Change::StartAnew,
        standing: Standing::Unregistered,
        wait: schedule::within(Duration::from_secs(5), jitter),
        note: Note::Trouble(
            "another machine keeps this identity: it is set aside, and this machine registers with a new one"
                .to_owned(),
        ),
        ..heard(situation)
    }
}

fn cut_off(situation: &Situation, standing: Standing, refusal: &Refusal, jitter: &mut Jitter) -> Action {
    let wait_secs = refusal.retry_after_secs.unwrap_or(CUT_OFF_WAIT_SECS).max(60);
    let name = match standing {
        Standing::Denied => "denied this machine's key",
        _ => "revoked this system",
    };
    Action {
        standing,
        wait: schedule::asked_for(wait_secs, jitter),
        note: Note::Trouble(format!("an administrator {name}; the identity is kept")),
        ..heard(situation)
    }
}
