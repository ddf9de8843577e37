//! The changes that can be asked of the server, on whom, and what came of it.

use super::dialog::Tier;
use super::row::clean;
use crate::keys::{Action, Danger, binding};
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{Presence, StatusChange, SystemDetail, SystemStatus};

/// A change of a system's status.
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
}

impl Change {
    /// Every change, in the order of the menu.
    pub const ALL: [Change; 6] = [
        Change::Approve,
        Change::Reject,
        Change::Deny,
        Change::Revoke,
        Change::Restore,
        Change::Delete,
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
        }
    }

    /// Why it cannot be done to a system of this status; none when it can.
    pub fn obstacle(self, status: SystemStatus) -> Option<String> {
        let fits = match self {
            Change::Approve | Change::Reject => status == SystemStatus::Pending,
            Change::Revoke => status == SystemStatus::Active,
            Change::Restore => matches!(status, SystemStatus::Revoked | SystemStatus::Denied),
            // Deleting a denied system would let its key register again.
            Change::Deny | Change::Delete => status != SystemStatus::Denied,
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
    /// Its key.
    pub fingerprint: Fingerprint,
    /// The words of its key.
    pub words: String,
    /// Its status.
    pub status: SystemStatus,
    /// Whether it is heard of.
    pub presence: Presence,
    /// The address that the server saw.
    pub address: String,
}

impl Target {
    /// The target of a detail answer.
    pub fn new(detail: &SystemDetail) -> Self {
        Target {
            id: detail.summary.id,
            hostname: clean(&detail.summary.hostname),
            fingerprint: detail.fingerprint,
            words: clean(&detail.fingerprint_words),
            status: detail.summary.status,
            presence: detail.summary.presence,
            address: clean(&detail.summary.address),
        }
    }

    /// The body of the request.
    pub fn request(&self) -> StatusChange {
        StatusChange {
            fingerprint: self.fingerprint,
            expected_status: self.status,
        }
    }
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
