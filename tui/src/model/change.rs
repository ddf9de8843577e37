//! The changes that can be asked of the server, on whom, and what came of it.

use super::dialog::Tier;
use super::row::{Row, clean};
use super::subject::SubjectKind;
use crate::keys::{Action, Danger, binding};
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{
    ConflictDecision, ConflictState, Presence, StatusChange, SystemDetail, SystemStatus,
};
use serde::Serialize;

/// A change of systems: of their status, of who keeps an identity, of their tags and groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Pending becomes Active.
    Approve,
    /// A Pending request is deleted.
    Reject,
    /// The system's key is blocked.
    Deny,
    /// Active is cut off.
    Revoke,
    /// Revoked becomes Active, Denied becomes Pending.
    Restore,
    /// The system is removed.
    Delete,
    /// The machine that is kept out registers anew.
    Split,
    /// The machine that is kept out has the identity, the other is kept out.
    Swap,
    /// Both are one machine.
    Dismiss,
    /// A tag is put on.
    Tag,
    /// A tag is taken off.
    Untag,
    /// They join a manual group.
    Join,
    /// They leave a manual group.
    Leave,
    /// The agent makes another key.
    RotateKey,
    /// They run an action.
    Run,
    /// The agent becomes the newest one that is offered.
    Upgrade,
}

impl Change {
    /// Every change, in the order of the menu.
    pub const ALL: [Change; 16] = [
        Change::Approve,
        Change::Reject,
        Change::Deny,
        Change::Revoke,
        Change::Restore,
        Change::Delete,
        Change::Tag,
        Change::Untag,
        Change::Join,
        Change::Leave,
        Change::Upgrade,
        Change::Split,
        Change::Swap,
        Change::Dismiss,
        Change::RotateKey,
        Change::Run,
    ];

    /// Its line in the key table.
    pub fn action(self) -> Action {
        match self {
            Change::Approve => Action::Approve,
            Change::Reject => Action::Reject,
            Change::Deny => Action::Deny,
            Change::Revoke => Action::Revoke,
            Change::Restore => Action::Restore,
            Change::Delete => Action::Delete,
            Change::Split => Action::Split,
            Change::Swap => Action::Swap,
            Change::Dismiss => Action::Dismiss,
            Change::Tag => Action::Tag,
            Change::Untag => Action::Untag,
            Change::Join => Action::Join,
            Change::Leave => Action::Leave,
            Change::RotateKey => Action::RotateKey,
            Change::Run => Action::RunMany,
            Change::Upgrade => Action::Upgrade,
        }
    }

    /// The change that an action asks for.
    pub fn of(action: Action) -> Option<Self> {
        Self::ALL.into_iter().find(|change| change.action() == action)
    }

    /// The name of its route.
    pub fn route(self) -> &'static str {
        binding(self.action())
            .and_then(|binding| binding.route)
            .unwrap_or_default()
    }

    /// `approve`.
    pub fn verb(self) -> &'static str {
        binding(self.action())
            .map(|binding| binding.name)
            .unwrap_or_default()
    }

    /// `approved`.
    pub fn past(self) -> &'static str {
        match self {
            Change::Approve => "approved",
            Change::Reject => "rejected",
            Change::Deny => "denied",
            Change::Revoke => "revoked",
            Change::Restore => "restored",
            Change::Delete => "deleted",
            Change::Split => "split",
            Change::Swap => "swapped",
            Change::Dismiss => "dismissed",
            Change::Tag => "tagged",
            Change::Untag => "untagged",
            Change::Join => "grouped",
            Change::Leave => "ungrouped",
            Change::RotateKey => "asked for another key of",
            Change::Run => "ran on",
            Change::Upgrade => "queued upgrades of",
        }
    }

    /// What it does, in a sentence for the dialog.
    pub fn consequence(self) -> &'static str {
        match self {
            Change::Approve => "The system gets the server's key and becomes active.",
            Change::Reject => "The request is deleted. The machine may ask again.",
            Change::Deny => "The key is blocked for good: no machine can register with it again.",
            Change::Revoke => "The system is cut off at once. Its history stays, it can be restored.",
            Change::Restore => "A revoked system is let in again, a denied one waits for approval again.",
            Change::Delete => "The system and its history are removed. A running agent asks anew.",
            Change::Split => {
                "The quarantined machine makes a new identity and waits for approval. The other stays."
            }
            Change::RotateKey => {
                "The agent makes another key under the same id: see the new words on its page."
            }
            Change::Swap => "The quarantined machine has the identity from now on. The other is quarantined.",
            Change::Dismiss => {
                "The quarantined machine may speak again. If there are two after all, it is seen again."
            }
            Change::Tag => "The tag is put on each. Automatic groups whose rules ask for it follow at once.",
            Change::Untag => {
                "The tag is taken off each. Automatic groups whose rules ask for it follow at once."
            }
            Change::Join => "Each joins the group. Those that are in it stay.",
            Change::Leave => "Each leaves the group. The systems stay.",
            Change::Run => "Each runs it as its own configuration says. What was begun is not taken back.",
            Change::Upgrade => {
                "Each becomes the package that is offered to it; one that does not prove itself goes back. See :upgrades."
            }
        }
    }

    /// Whether it decides who keeps an identity.
    pub fn settles(self) -> bool {
        matches!(self, Change::Split | Change::Swap | Change::Dismiss)
    }

    /// Whether it is done by a job even to one system.
    pub fn is_always_a_job(self) -> bool {
        self == Change::Upgrade
    }

    /// What it has to be told besides the systems.
    pub fn asks_for(self) -> Option<SubjectKind> {
        match self {
            Change::Tag | Change::Untag => Some(SubjectKind::Tag),
            Change::Join | Change::Leave => Some(SubjectKind::Group),
            Change::Run => Some(SubjectKind::Run),
            _ => None,
        }
    }

    /// Why it cannot be done to a system of this status, of which there are two machines or not; none when it can.
    pub fn obstacle(self, status: SystemStatus, cloned: bool) -> Option<String> {
        if self.settles() && !cloned {
            return Some("is one machine".to_owned());
        }
        let fits = match self {
            Change::Split | Change::Swap | Change::Dismiss => {
                matches!(status, SystemStatus::Active | SystemStatus::Pending)
            }
            Change::Approve | Change::Reject => status == SystemStatus::Pending,
            Change::Revoke | Change::RotateKey | Change::Run | Change::Upgrade => {
                status == SystemStatus::Active
            }
            Change::Restore => matches!(status, SystemStatus::Revoked | SystemStatus::Denied),
            // Deleting a denied system would let its key register again.
            Change::Deny | Change::Delete => status != SystemStatus::Denied,
            Change::Tag | Change::Untag | Change::Join | Change::Leave => true,
        };
        (!fits).then(|| format!("is {}", status.as_str()))
    }

    /// The change that takes this one back, and the status that it starts from; `was` is the one before this change.
    pub fn reverse(self, was: SystemStatus) -> Option<(Self, SystemStatus)> {
        match (self, was) {
            (Change::Restore, SystemStatus::Revoked) => Some((Change::Revoke, SystemStatus::Active)),
            (Change::Revoke, _) => Some((Change::Restore, SystemStatus::Revoked)),
            _ => None,
        }
    }
}

/// How much asking a change of so many systems takes.
pub fn tier(change: Change, count: usize) -> Tier {
    let danger = binding(change.action()).map_or(Danger::Destructive, |binding| binding.danger);
    match (danger, count) {
        (Danger::Destructive, _) | (_, 10..) => Tier::Typed,
        (Danger::Reversible | Danger::None, 0..=1) => Tier::AtOnce,
        _ => Tier::Ask,
    }
}

/// A system as it was when the dialog was drawn: what the request names, so that nothing else can be hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its id.
    pub id: SystemId,
    /// Its host name, fit for the terminal.
    pub hostname: String,
    /// Its key; none where the list alone was asked, for many at once.
    pub fingerprint: Option<Fingerprint>,
    /// The words of its key.
    pub words: String,
    /// Its status.
    pub status: SystemStatus,
    /// Whether it is heard of.
    pub presence: Presence,
    /// The address that the server saw.
    pub address: String,
    /// The conflict that waits for a decision, and where its claimant is.
    pub conflict: Option<(i64, String)>,
}

impl Target {
    /// The target of a detail answer.
    pub fn new(detail: &SystemDetail) -> Self {
        Target {
            id: detail.summary.id,
            hostname: clean(&detail.summary.hostname),
            fingerprint: Some(detail.fingerprint),
            words: clean(&detail.fingerprint_words),
            status: detail.summary.status,
            presence: detail.summary.presence,
            address: clean(&detail.summary.address),
            conflict: detail
                .conflicts
                .iter()
                .find(|conflict| conflict.state == ConflictState::Open)
                .map(|conflict| (conflict.id, clean(&conflict.claimant_address))),
        }
    }

    /// The target of a row of the list.
    pub fn of_row(row: &Row) -> Self {
        Target {
            id: row.id,
            hostname: row.hostname.to_string(),
            fingerprint: None,
            words: String::new(),
            status: row.status,
            presence: row.presence,
            address: row.address.to_string(),
            conflict: None,
        }
    }

    /// The body of the request; none where the key was not looked at.
    pub fn request(&self, change: Change) -> Option<ChangeBody> {
        let fingerprint = self.fingerprint?;
        Some(match &self.conflict {
            Some((conflict, _)) if change.settles() => ChangeBody::Conflict(ConflictDecision {
                fingerprint,
                conflict: *conflict,
            }),
            _ => ChangeBody::Status(StatusChange {
                fingerprint,
                expected_status: self.status,
            }),
        })
    }
}

/// What a change is asked for with: what the administrator was shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ChangeBody {
    /// Of a status.
    Status(StatusChange),
    /// Of who keeps an identity.
    Conflict(ConflictDecision),
}

/// What came of a change of one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not answered yet.
    Waiting,
    /// Done.
    Done,
    /// Refused or lost, with the reason.
    Failed(String),
}
