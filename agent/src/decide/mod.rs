//! What follows from an answer: a pure function from situation, answer and time to an action.
//!
//! Invariants: nothing untrusted changes anything but the time of the next attempt; no answer ever costs the key; only a
//! refusal `unknown_system` that names the agent's own id costs the id, and once a server key is pinned only one that the
//! pinned key signed; a wait never ends at once more than once each for the clock, the sequence and the certificate.

mod refused;

use crate::random::Jitter;
use crate::schedule::{self, DEFAULT_INTERVAL_SECS, MAX_INTERVAL_SECS};
use crate::wire::{Answer, Evidence, Trusted};
use scm_protocol::agent::{AgentStatus, CheckInReply, RegisterReply};
use scm_protocol::certificates::CertificateReply;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::rotation::RotateReply;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Where the agent stands, by the server's last trusted word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Never registered, or the id was given up.
    #[default]
    Unregistered,
    /// Waits for an administrator.
    Pending,
    /// Approved.
    Active,
    /// Its key is blocked.
    Denied,
    /// It was cut off; this can be undone.
    Revoked,
    /// Another machine uses the identity and was first; an administrator decides.
    Quarantined,
}

/// What the next attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Registers.
    Register,
    /// Checks in.
    CheckIn(SystemId),
    /// Asks for a client certificate.
    Certificate(SystemId),
    /// Offers the next key.
    Rotate(SystemId),
    /// Checks in with the next key: a reply that would have said that it is accepted may have been lost.
    TryNextKey(SystemId),
}

impl Task {
    /// The id that it is about.
    pub fn id(self) -> Option<SystemId> {
        match self {
            Task::Register => None,
            Task::CheckIn(id) | Task::Certificate(id) | Task::Rotate(id) | Task::TryNextKey(id) => Some(id),
        }
    }
}

/// All that a decision depends on besides the answer and the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Situation {
    /// The organization that the agent is configured for.
    pub organization: Organization,
    /// What was attempted.
    pub task: Task,
    /// Whose word is taken.
    pub trusted: Trusted,
    /// The key that is to take the place of the present one.
    pub next_key: Option<PublicKey>,
    /// Where the agent stands.
    pub standing: Standing,
    /// Length of the check-in interval.
    pub interval_secs: u32,
    /// Server's clock minus the host's.
    pub clock_offset_ms: i64,
    /// Failures in a row.
    pub failures: u32,
    /// Whether the request was made with a client certificate.
    pub with_certificate: bool,
    /// What was put right within this attempt already.
    pub corrected: Corrected,
}

/// Corrections that an attempt may make once each, and then goes on at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Corrected {
    /// The clock.
    pub clock: bool,
    /// The sequence.
    pub sequence: bool,
    /// The client certificate: one was asked for, whatever came of it.
    pub certificate: bool,
}

/// What is to be made durable before the rest of an action is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// Keep this id.
    TakeId(SystemId),
    /// Give up the id and register anew, with the same key.
    GiveUpId,
    /// Pin this key.
    Pin(PublicKey),
    /// Go on at this sequence number.
    JumpTo(u64),
    /// Keep this client certificate.
    TakeCertificate(Box<CertificateReply>),
    /// Drop the client certificate.
    DropCertificate,
    /// Call this run so from now on: 32 hexadecimal digits.
    RenameBoot([u8; 16]),
    /// Another machine keeps the identity: set it aside and make a new one.
    StartAnew,
    /// Make another key, to be offered next.
    BeginRotation,
    /// The next key is the one that is accepted.
    PromoteKey,
    /// The next key is not wanted.
    DropNextKey,
}

/// What is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Nothing went wrong.
    Fine,
    /// The attempt failed; for the log and `scmclient status`.
    Trouble(String),
    /// Someone may be attacking.
    Security {
        /// Stable name.
        event: &'static str,
        /// What happened.
        reason: String,
    },
}

/// What to do about an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What to make durable.
    pub change: Change,
    /// Where the agent stands from now on.
    pub standing: Standing,
    /// The interval from now on.
    pub interval_secs: u32,
    /// The clock's correction from now on.
    pub clock_offset_ms: i64,
    /// Failures in a row from now on.
    pub failures: u32,
    /// A client certificate is to be asked for next.
    pub ask_certificate: bool,
    /// Corrections made within the attempt; reset by every wait.
    pub corrected: Corrected,
    /// When the next attempt follows; zero: at once, as part of this one.
    pub wait: Duration,
    /// Whether the server's word was heard and could be trusted.
    pub contact: bool,
    /// What to log.
    pub note: Note,
}

/// Decides. `now` is the host's uncorrected clock.
pub fn next(situation: &Situation, answer: &Answer, now: UnixMillis, jitter: &mut Jitter) -> Action {
    match answer {
        Answer::Registered(evidence) if believed(situation, evidence) => {
            registered(situation, evidence.get(), jitter)
        }
        Answer::Rotated(Evidence::Pinned(reply)) => rotated(situation, reply.get(), jitter),
        Answer::CheckedIn(evidence) if believed(situation, evidence) => {
            let action = checked_in(situation, evidence.get(), Change::Nothing, now);
            with_keys(situation, evidence.get(), action, jitter)
        }
        Answer::Introduced { key, reply } if situation.trusted.server_key.is_none() => {
            introduced(situation, *key, reply.get(), now)
        }
        Answer::Refused(evidence) if believed(situation, evidence) => {
            refused::refused(situation, evidence.get(), now, jitter)
        }
        Answer::Certified(evidence) if believed(situation, evidence) => certified(situation, evidence.get()),
        Answer::Untrusted { event, reason } => untrusted(situation, event, reason.clone(), jitter),
        Answer::Barred {
            reason,
            retry_after_secs,
        }
        | Answer::Failed {
            reason,
            retry_after_secs,
        } => failed(situation, reason.clone(), *retry_after_secs, jitter),
        // A pinned key and an answer without its signature never meet, because replies are read with the pinned key; if
        // they ever do, it is not believed.
        _ => untrusted(
            situation,
            "reply_unsigned",
            "a reply without the pinned key's signature was dropped".to_owned(),
            jitter,
        ),
    }
}

/// A failure of the agent's own host (disk full, say): nothing changes, another attempt follows.
pub fn failed_here(situation: &Situation, reason: String, jitter: &mut Jitter) -> Action {
    failed(situation, reason, None, jitter)
}

fn believed<T>(situation: &Situation, evidence: &Evidence<T>) -> bool {
    matches!(evidence, Evidence::Pinned(_)) || situation.trusted.server_key.is_none()
}

fn registered(situation: &Situation, reply: &RegisterReply, jitter: &mut Jitter) -> Action {
    if reply.organization != situation.organization || reply.system_id.0 <= 0 {
        let reason = format!(
            "the server registered system {} of `{}`, which was not asked for",
            reply.system_id, reply.organization
        );
        return failed(situation, reason, None, jitter);
    }
    let interval_secs = interval(reply.next_checkin_secs);
    // Soon, so that a new machine is seen with its telemetry; not at once, because many may be installed together.
    let span = Duration::from_secs(u64::from(interval_secs.min(5)));
    Action {
        change: Change::TakeId(reply.system_id),
        standing: standing(reply.status),
        interval_secs,
        wait: schedule::within(span, jitter),
        ..heard(situation)
    }
}

fn checked_in(situation: &Situation, reply: &CheckInReply, change: Change, now: UnixMillis) -> Action {
    let interval_secs = interval(reply.next_checkin_secs);
    let unproven = situation.trusted.server_key.is_none() && change == Change::Nothing;
    // Active is only what a signature says: an approval without a key is none yet.
    let (standing, note) = match (reply.status, unproven) {
        (AgentStatus::Active, true) => (
            Standing::Pending,
            Note::Trouble("the server says active and delivers no key; waiting for it".to_owned()),
        ),
        (status, _) => (standing(status), Note::Fine),
    };
    let wait = match situation.task {
        Task::CheckIn(id) | Task::Rotate(id) | Task::TryNextKey(id) => {
            schedule::until_slot(id, interval_secs, now.plus(situation.clock_offset_ms))
        }
        Task::Register | Task::Certificate(_) => Duration::from_secs(u64::from(interval_secs)),
    };
    Action {
        change,
        standing,
        interval_secs,
        wait,
        note,
        ..heard(situation)
    }
}

/// A certificate is kept, and the attempt goes on with the check-in, which shows it.
fn certified(situation: &Situation, reply: &CertificateReply) -> Action {
    Action {
        change: Change::TakeCertificate(Box::new(reply.clone())),
        failures: situation.failures,
        wait: Duration::ZERO,
        corrected: Corrected {
            certificate: true,
            ..situation.corrected
        },
        ..heard(situation)
    }
}

/// What a check-in that was taken means for the keys: the next one is accepted, or another is asked for.
fn with_keys(situation: &Situation, reply: &CheckInReply, action: Action, jitter: &mut Jitter) -> Action {
    let proven = situation.trusted.server_key.is_some() && action.standing == Standing::Active;
    match situation.task {
        Task::TryNextKey(_) => Action {
            change: Change::PromoteKey,
            ..action
        },
        Task::CheckIn(_) if reply.rotate_key && proven && situation.next_key.is_none() => Action {
            change: Change::BeginRotation,
            wait: schedule::within(Duration::from_secs(2), jitter),
            ..action
        },
        _ => action,
    }
}

/// The server accepts the next key from now on, and no other.
fn rotated(situation: &Situation, reply: &RotateReply, jitter: &mut Jitter) -> Action {
    if Some(reply.public_key) != situation.next_key || Some(reply.system_id) != situation.task.id() {
        let reason = "a reply to a rotation names another key or system".to_owned();
        return untrusted(situation, "rotation_of_another", reason, jitter);
    }
    Action {
        change: Change::PromoteKey,
        wait: schedule::within(Duration::from_secs(2), jitter),
        ..heard(situation)
    }
}

fn introduced(situation: &Situation, key: PublicKey, reply: &CheckInReply, now: UnixMillis) -> Action {
    match situation.trusted.server_key_pin {
        Some(pin) if pin != key.fingerprint() => {
            let reason = format!("a server key other than the configured {pin} was delivered");
            Action {
                note: Note::Security {
                    event: "server_key_mismatch",
                    reason,
                },
                wait: Duration::from_secs(u64::from(situation.interval_secs)),
                ..unheard(situation)
            }
        }
        _ => checked_in(situation, reply, Change::Pin(key), now),
    }
}

fn untrusted(situation: &Situation, event: &'static str, reason: String, jitter: &mut Jitter) -> Action {
    Action {
        note: Note::Security { event, reason },
        ..failed(situation, String::new(), None, jitter)
    }
}

fn failed(
    situation: &Situation,
    reason: String,
    retry_after_secs: Option<u32>,
    jitter: &mut Jitter,
) -> Action {
    if let Task::Certificate(_) = situation.task {
        // A certificate is worth having; checking in is worth more.
        return Action {
            wait: Duration::ZERO,
            corrected: Corrected {
                certificate: true,
                ..situation.corrected
            },
            note: Note::Trouble(format!("no client certificate: {reason}")),
            ..unheard(situation)
        };
    }
    let failures = situation.failures.saturating_add(1);
    let backoff = schedule::backoff(failures, jitter);
    // Nobody vouches for this Retry-After, so it delays by an hour at most.
    let asked = retry_after_secs.map(|secs| schedule::asked_for(secs.min(3600), jitter));
    Action {
        failures,
        wait: asked.map_or(backoff, |asked| asked.max(backoff)),
        note: Note::Trouble(reason),
        ..unheard(situation)
    }
}

/// Nothing changes, the server was heard.
fn heard(situation: &Situation) -> Action {
    Action {
        failures: 0,
        contact: true,
        ..unheard(situation)
    }
}

/// Nothing changes.
fn unheard(situation: &Situation) -> Action {
    Action {
        change: Change::Nothing,
        standing: situation.standing,
        interval_secs: situation.interval_secs,
        clock_offset_ms: situation.clock_offset_ms,
        failures: situation.failures,
        ask_certificate: false,
        corrected: Corrected::default(),
        wait: Duration::from_secs(u64::from(situation.interval_secs)),
        contact: false,
        note: Note::Fine,
    }
}

fn interval(next_checkin_secs: u32) -> u32 {
    match next_checkin_secs {
        0 => DEFAULT_INTERVAL_SECS,
        secs => secs.min(MAX_INTERVAL_SECS),
    }
}

fn standing(status: AgentStatus) -> Standing {
    match status {
        AgentStatus::Pending => Standing::Pending,
        AgentStatus::Active => Standing::Active,
    }
}

#[cfg(test)]
mod tests;
