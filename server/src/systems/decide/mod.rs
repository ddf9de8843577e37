//! What a check-in means: a pure function from a system's row, a verified check-in and the time to an outcome.
//!
//! Nothing here reads or writes; `batch.rs` does both around it, for many at once.

use super::boots::Boots;
use super::conflict::{self, Conflict, Judged, Quarantine};
use super::replay::ReplayWindow;
use crate::certificates::{self, Credential, Issued, judge};
use scm_protocol::agent::{AgentStatus, CheckIn, CheckInReply, HostFacts};
use scm_protocol::commands::report::Tasks;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::systems::SystemStatus;
use scm_protocol::telemetry::Telemetry;

/// Least time between two stored samples of a system, in milliseconds.
const SAMPLE_EVERY_MS: i64 = 20_000;
/// Seconds after which a revoked or denied agent may ask again.
const ASK_AGAIN_SECS: u32 = 3600;

/// Intervals that agents are told, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// For Active systems.
    pub active_secs: u32,
    /// For Pending ones.
    pub pending_secs: u32,
}

impl Intervals {
    /// After how long a machine that is kept out may ask again.
    fn quarantine_secs(self) -> u32 {
        self.active_secs.saturating_mul(4).clamp(1, ASK_AGAIN_SECS)
    }
}

/// What is stored of a system, as far as a check-in is decided by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Its id.
    pub id: SystemId,
    /// The registered key, in its raw bytes: decoding it costs as much as half of what else a batch does for a system.
    pub public_key: [u8; 32],
    /// What an administrator decided.
    pub status: SystemStatus,
    /// Which sequence numbers were used.
    pub replay: ReplayWindow,
    /// Mark of the request with the highest number.
    pub replay_mark: Option<i64>,
    /// Boot id of the agent.
    pub boot_id: String,
    /// Which of its runs there were, and which may not speak; see `boots`.
    pub boots: String,
    /// Where it was last heard from.
    pub address: String,
    /// Tells the actions that it offers, as far as known, from others.
    pub actions: String,
    /// When it was last heard of.
    pub last_seen: Option<UnixMillis>,
    /// When its machine was last seen to have restarted.
    pub rebooted: Option<UnixMillis>,
    /// The last telemetry, fields that were not sent being absent.
    pub telemetry: Telemetry,
    /// Version of the agent.
    pub agent_version: String,
    /// Its client certificates that count.
    pub certificates: Issued,
    /// An administrator asks for another key.
    pub key_rotation_asked: bool,
}

/// A check-in whose signature held, by the key that it held with.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// The system that signed.
    pub id: SystemId,
    /// The key that the signature verified with.
    pub verified_with: PublicKey,
    /// Its sequence number.
    pub sequence: u64,
    /// Tells this request from another one with the same number.
    pub mark: i64,
    /// When the agent says that it signed, in seconds since the epoch.
    pub created_secs: i64,
    /// The message.
    pub checkin: CheckIn,
    /// Address of the peer.
    pub address: String,
    /// The client certificate that it came with.
    pub credential: Credential,
}

/// What becomes of a check-in.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Accepted: this is to be stored, then answered.
    Accepted(Box<Accepted>),
    /// Refused: nothing changes.
    Refused(Box<Refusal>),
    /// Another machine's: refused, and noted.
    Quarantined(Box<Quarantine>),
}

/// What an accepted check-in changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The reply.
    pub reply: CheckInReply,
    /// The system afterwards.
    pub after: Known,
    /// Its clock minus the server's, in milliseconds.
    pub clock_skew_ms: i64,
    /// Whether its telemetry goes into the history.
    pub sample: bool,
    /// What the machine says of itself, where it differs in this check-in.
    pub facts: Option<HostFacts>,
    /// The machine that it was mistaken for, when that came to light now.
    pub conflict: Option<Box<Conflict>>,
    /// There may be commands to hand out; read with the batch, after the decision.
    pub commands: bool,
}

/// Decides one check-in.
pub(super) fn decide(
    known: Option<&Known>,
    arrived: &Arrived,
    server_key: &PublicKey,
    intervals: Intervals,
    now: UnixMillis,
) -> Outcome {
    let signer = (arrived.id, &arrived.verified_with);
    let spoken = may_speak(known, signer, arrived.sequence, now).map(|(_, replay)| replay);
    let refuse = |refusal| Outcome::Refused(Box::new(refusal));
    let known = match (known, &spoken) {
        (Some(known), Ok(_)) => known,
        // A number that was used, or a run that is kept out, may give another machine away.
        (Some(known), Err(refusal))
            if refusal.code == RefusalCode::Replayed && cut_off(known.status, known.id, now).is_none() =>
        {
            known
        }
        (_, Err(refusal)) => return refuse(refusal.clone()),
        (None, Ok(_)) => {
            let detail = "no system has this id";
            return refuse(refusal(RefusalCode::UnknownSystem, detail, arrived.id, now));
        }
    };
    // A run that is barred is told so whatever else is wrong: the certificate that it shows is not its system's newest any
    // more, and refused for that it would never learn why.
    if !conflict::is_barred(known, arrived)
        && let Some(doubt) = doubt(known, arrived, now)
    {
        return refuse(spoken.err().unwrap_or(doubt));
    }
    let retry_secs = intervals.quarantine_secs();
    let judged = conflict::judge(known, arrived, spoken.is_ok(), retry_secs, now);
    match (judged, spoken) {
        (Some(Judged::KeptOut(quarantine)), _) => Outcome::Quarantined(quarantine),
        (_, Err(replayed)) => refuse(replayed),
        (judged, Ok(replay)) => {
            let (present, conflict) = match judged {
                Some(Judged::Speaks { present, conflict }) => (present, conflict),
                _ => (None, None),
            };
            let speaks = Speaks {
                replay,
                present,
                conflict,
            };
            Outcome::Accepted(Box::new(accept(
                known, arrived, speaks, server_key, intervals, now,
            )))
        }
    }
}

/// What else is wrong with a check-in: its client certificate, or a member.
fn doubt(known: &Known, arrived: &Arrived, now: UnixMillis) -> Option<Refusal> {
    if let Err(fault) = judge(&arrived.credential, &known.certificates, now) {
        return Some(certificates::invalid(fault, known.id, now));
    }
    let (field, reason) = field_problem(&arrived.checkin)?;
    let detail = format!("`{field}` {reason}");
    Some(Refusal {
        field: Some(field),
        ..refusal(RefusalCode::InvalidRequest, &detail, known.id, now)
    })
}

/// Who a check-in that is accepted is from.
struct Speaks {
    replay: ReplayWindow,
    /// The runs afterwards, where its own is the present one from now on.
    present: Option<Boots>,
    conflict: Option<Box<Conflict>>,
}

/// Whether a system may speak, by its row and the signer's id and key; also its sequence numbers with this one used up.
///
/// # Errors
/// The refusal.
pub(super) fn may_speak<'a>(
    known: Option<&'a Known>,
    (id, verified_with): (SystemId, &PublicKey),
    sequence: u64,
    now: UnixMillis,
) -> Result<(&'a Known, ReplayWindow), Refusal> {
    let Some(known) = known else {
        return Err(refusal(
            RefusalCode::UnknownSystem,
            "no system has this id",
            id,
            now,
        ));
    };
    if known.public_key != *verified_with.as_bytes() {
        return Err(other_key(id, now));
    }
    let Some(replay) = known.replay.accept(sequence) else {
        let detail = "this sequence number was used before";
        return Err(Refusal {
            next_sequence: Some(known.replay.next()),
            ..refusal(RefusalCode::Replayed, detail, known.id, now)
        });
    };
    match cut_off(known.status, known.id, now) {
        Some(refusal) => Err(refusal),
        None => Ok((known, replay)),
    }
}

fn accept(
    known: &Known,
    arrived: &Arrived,
    speaks: Speaks,
    server_key: &PublicKey,
    intervals: Intervals,
    now: UnixMillis,
) -> Accepted {
    let active = known.status == SystemStatus::Active;
    let checkin = &arrived.checkin;
    let telemetry = checkin.telemetry.clone().unwrap_or_default();
    let restarted = matches!(
        (known.telemetry.uptime_secs, telemetry.uptime_secs),
        (Some(before), Some(after)) if after < before
    );
    let due = known
        .last_seen
        .is_none_or(|last| now.0.div_euclid(SAMPLE_EVERY_MS) != last.0.div_euclid(SAMPLE_EVERY_MS));
    let mut reply = reply(known.status, checkin.has_server_key, server_key, intervals, now);
    // What is known of the machine may be what the other one said.
    reply.send_facts = speaks.conflict.is_some();
    reply.rotate_key = active && known.key_rotation_asked;
    // Only where the reply is verified: what is asked for is told to nobody but the server.
    reply.send_actions =
        active && checkin.has_server_key && checkin.actions.as_deref().unwrap_or_default() != known.actions;
    let highest = speaks.replay.next() == arrived.sequence.saturating_add(1);
    let (boot_id, boots) = match &speaks.present {
        Some(boots) => (checkin.boot_id.clone(), boots.to_string()),
        None => (known.boot_id.clone(), known.boots.clone()),
    };
    Accepted {
        reply,
        after: Known {
            replay: speaks.replay,
            replay_mark: if highest {
                Some(arrived.mark)
            } else {
                known.replay_mark
            },
            boot_id,
            boots,
            address: arrived.address.clone(),
            last_seen: Some(now),
            rebooted: if restarted { Some(now) } else { known.rebooted },
            telemetry,
            agent_version: checkin.agent_version.clone(),
            ..known.clone()
        },
        clock_skew_ms: UnixMillis(arrived.created_secs.saturating_mul(1000))
            .since(now)
            .saturating_sub(checkin.clock_offset_ms.unwrap_or(0)),
        sample: active && due && checkin.telemetry.is_some(),
        facts: checkin.facts.clone(),
        conflict: speaks.conflict,
        commands: false,
    }
}

/// The first member of a check-in with a value that cannot be.
fn field_problem(checkin: &CheckIn) -> Option<(String, String)> {
    let short = |field: &str, text: &str| {
        (text.len() > 64 || text.chars().any(char::is_control)).then(|| {
            (
                field.to_owned(),
                "must be at most 64 characters without control characters".to_owned(),
            )
        })
    };
    let within = |member: &str, problem: Option<(&str, String)>| {
        problem.map(|(field, reason)| (format!("{member}.{field}"), reason))
    };
    short("agent_version", &checkin.agent_version)
        .or_else(|| short("boot_id", &checkin.boot_id))
        .or_else(|| short("actions", checkin.actions.as_deref().unwrap_or("")))
        .or_else(|| {
            short(
                "previous_boot_id",
                checkin.previous_boot_id.as_deref().unwrap_or(""),
            )
        })
        .or_else(|| within("facts", checkin.facts.as_ref().and_then(HostFacts::problem)))
        .or_else(|| {
            within(
                "telemetry",
                checkin.telemetry.as_ref().and_then(Telemetry::problem),
            )
        })
}

fn refusal(code: RefusalCode, detail: &str, id: SystemId, now: UnixMillis) -> Refusal {
    Refusal {
        system_id: Some(id),
        ..Refusal::new(code, detail, now)
    }
}

/// The refusal for a key that was replaced since its signature held: whoever has the former one gives up nothing for it.
fn other_key(id: SystemId, now: UnixMillis) -> Refusal {
    let detail = "the system has another key by now";
    refusal(RefusalCode::BadSignature, detail, id, now)
}

/// The refusal for a system that may not speak.
fn cut_off(status: SystemStatus, id: SystemId, now: UnixMillis) -> Option<Refusal> {
    let (code, detail) = match status {
        SystemStatus::Denied => (RefusalCode::Denied, "this key is blocked"),
        SystemStatus::Revoked => (
            RefusalCode::Revoked,
            "this system was revoked by an administrator",
        ),
        SystemStatus::Pending | SystemStatus::Active => return None,
    };
    Some(Refusal {
        retry_after_secs: Some(ASK_AGAIN_SECS),
        ..refusal(code, detail, id, now)
    })
}

/// What a held reply tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldStanding {
    pub status: SystemStatus,
    /// Its key.
    pub public_key: PublicKey,
    /// An administrator asks for another key.
    pub key_rotation_asked: bool,
}

/// The reply to a check-in that was held, by what the system is now: none when it is gone.
///
/// # Errors
/// The refusal that its next check-in would get.
pub(super) fn reply_after_hold(
    (id, verified_with, standing): (SystemId, &PublicKey, Option<HeldStanding>),
    has_server_key: bool,
    server_key: &PublicKey,
    intervals: Intervals,
    now: UnixMillis,
) -> Result<CheckInReply, Refusal> {
    let Some(HeldStanding {
        status,
        public_key,
        key_rotation_asked,
    }) = standing
    else {
        return Err(refusal(
            RefusalCode::UnknownSystem,
            "no system has this id",
            id,
            now,
        ));
    };
    if public_key != *verified_with {
        return Err(other_key(id, now));
    }
    match cut_off(status, id, now) {
        Some(refusal) => Err(refusal),
        None => Ok(CheckInReply {
            rotate_key: status == SystemStatus::Active && key_rotation_asked,
            ..reply(status, has_server_key, server_key, intervals, now)
        }),
    }
}

/// What a system that may speak is told.
fn reply(
    status: SystemStatus,
    has_server_key: bool,
    server_key: &PublicKey,
    intervals: Intervals,
    now: UnixMillis,
) -> CheckInReply {
    let active = status == SystemStatus::Active;
    CheckInReply {
        status: if active {
            AgentStatus::Active
        } else {
            AgentStatus::Pending
        },
        next_checkin_secs: if active {
            intervals.active_secs
        } else {
            intervals.pending_secs
        },
        server_time_ms: now,
        server_public_key: (active && !has_server_key).then_some(*server_key),
        send_facts: false,
        rotate_key: false,
        send_actions: false,
        tasks: Tasks::default(),
    }
}

#[cfg(test)]
mod tests;
