//! Deciding what a check-in means for the question who speaks for an identity; see `boots`.

use super::boots::{Bar, Boots, Evidence, Speaker, Verdict};
use super::decide::{Arrived, Known};
use scm_protocol::agent::HostFacts;
use scm_protocol::ids::UnixMillis;
use scm_protocol::refusal::{Refusal, RefusalCode};

/// What came to light: two machines with one identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Boot id of the run that is kept out.
    pub claimant: String,
    /// Boot id of the one that goes on.
    pub keeper: String,
    /// What gave it away; none when it was known before.
    pub evidence: Option<Evidence>,
    /// Where the claimant was last heard from.
    pub claimant_address: String,
    /// Where the other was.
    pub keeper_address: String,
    /// What the claimant says of its machine, where it said so now.
    pub facts: Option<HostFacts>,
}

/// A check-in that changes nothing but what is known of the conflict.
#[derive(Clone, Debug, PartialEq)]
pub struct Quarantine {
    /// What its sender is told.
    pub refusal: Refusal,
    /// What is noted.
    pub conflict: Conflict,
    /// Who may speak from now on, as stored; none when that stays.
    pub boots: Option<String>,
}

/// What is to become of a check-in.
#[derive(Debug)]
pub(super) enum Judged {
    /// It goes on.
    Speaks {
        /// The runs afterwards, where its own is the present one from now on; none: as before.
        present: Option<Boots>,
        /// The machine that it was mistaken for.
        conflict: Option<Box<Conflict>>,
    },
    /// It is kept out.
    KeptOut(Box<Quarantine>),
}

/// Judges a check-in with a number that was not used before, or one of a run that is barred. None: it is to be refused as
/// a replay.
pub(super) fn judge(
    known: &Known,
    arrived: &Arrived,
    fresh: bool,
    retry_secs: u32,
    now: UnixMillis,
) -> Option<Judged> {
    let present = known.boot_id.as_str();
    let boot_id = arrived.checkin.boot_id.as_str();
    let speaks = |present, conflict| fresh.then_some(Judged::Speaks { present, conflict });
    if boot_id == present {
        return match (fresh, known.replay_mark) {
            (false, Some(mark)) if arrived.sequence + 1 == known.replay.next() && mark != arrived.mark => {
                Some(same_number(known, arrived, retry_secs, now))
            }
            _ => speaks(None, None),
        };
    }
    let boots: Boots = known.boots.parse().unwrap_or_default();
    let speaker = Speaker {
        boot_id,
        previous: arrived.checkin.previous_boot_id.as_deref(),
        sequence: arrived.sequence,
    };
    let kept_out = |evidence, boots: Option<Boots>, bar| {
        let conflict = claimant(known, arrived, boot_id.to_owned(), evidence);
        let refusal = refusal(known, bar, retry_secs, now);
        let boots = boots.map(|boots| boots.to_string());
        Some(Judged::KeptOut(Box::new(Quarantine {
            refusal,
            conflict,
            boots,
        })))
    };
    match boots.judge(present, speaker) {
        Verdict::Barred(bar) => kept_out(None, None, bar),
        // By its own word; its number does not matter.
        Verdict::Claimant(Evidence::Successor, boots, bar) => {
            kept_out(Some(Evidence::Successor), Some(boots), bar)
        }
        Verdict::Claimant(evidence, boots, bar) if fresh => kept_out(Some(evidence), Some(boots), bar),
        Verdict::Claimant(..) => None,
        Verdict::Present | Verdict::Late => speaks(None, None),
        Verdict::Successor(boots) => speaks(Some(boots), None),
        Verdict::Original(boots) => {
            let conflict = Conflict {
                claimant: present.to_owned(),
                keeper: boot_id.to_owned(),
                evidence: Some(Evidence::FormerRun),
                claimant_address: known.address.clone(),
                keeper_address: arrived.address.clone(),
                facts: None,
            };
            speaks(Some(boots), Some(Box::new(conflict)))
        }
    }
}

/// Whether a check-in is of a run that is barred, by its boot id or by its own word about the run before. Its number, its
/// certificate and everything else say nothing more about it then.
pub(super) fn is_barred(known: &Known, arrived: &Arrived) -> bool {
    // The present run is the rule, and every check-in passes here: nothing is read of the others for it.
    if arrived.checkin.boot_id == known.boot_id {
        return false;
    }
    let boots: Boots = known.boots.parse().unwrap_or_default();
    let speaker = Speaker {
        boot_id: &arrived.checkin.boot_id,
        previous: arrived.checkin.previous_boot_id.as_deref(),
        sequence: arrived.sequence,
    };
    matches!(
        boots.judge(&known.boot_id, speaker),
        Verdict::Barred(_) | Verdict::Claimant(Evidence::Successor, ..)
    )
}

fn same_number(known: &Known, arrived: &Arrived, retry_secs: u32, now: UnixMillis) -> Judged {
    let boots: Boots = known.boots.parse().unwrap_or_default();
    let (name, boots) = boots.rename(&known.boot_id, arrived.mark);
    let conflict = claimant(known, arrived, name.clone(), Some(Evidence::SameNumber));
    let refusal = Refusal {
        boot_id: Some(name),
        ..refusal(known, Bar::Quarantined, retry_secs, now)
    };
    Judged::KeptOut(Box::new(Quarantine {
        refusal,
        conflict,
        boots: Some(boots.to_string()),
    }))
}

fn claimant(known: &Known, arrived: &Arrived, claimant: String, evidence: Option<Evidence>) -> Conflict {
    Conflict {
        claimant,
        keeper: known.boot_id.clone(),
        evidence,
        claimant_address: arrived.address.clone(),
        keeper_address: known.address.clone(),
        facts: arrived.checkin.facts.clone(),
    }
}

fn refusal(known: &Known, bar: Bar, retry_secs: u32, now: UnixMillis) -> Refusal {
    let (code, detail) = match bar {
        Bar::Quarantined => (
            RefusalCode::Quarantined,
            "another machine uses this identity and was first; an administrator decides",
        ),
        Bar::Split => (
            RefusalCode::SplitIdentity,
            "another machine keeps this identity: make a new one and register",
        ),
    };
    Refusal {
        system_id: Some(known.id),
        retry_after_secs: Some(retry_secs),
        ..Refusal::new(code, detail, now)
    }
}
