//! What a job does to each of its systems.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job does to each of its systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Pending becomes Active.
    Approve,
    /// A Pending request is deleted.
    Reject,
    /// The key is blocked.
    Deny,
    /// Active is cut off.
    Revoke,
    /// Revoked becomes Active, Denied becomes Pending.
    Restore,
    /// The system is removed with its history.
    Delete,
    /// A tag is put on.
    Tag,
    /// A tag is taken off.
    Untag,
    /// The system joins a manual group.
    GroupAdd,
    /// The system leaves a manual group.
    GroupRemove,
    /// The system runs an action that its own configuration allows.
    RunAction,
    /// An upgrade of its agent is queued.
    Upgrade,
}

/// What a job changes of a system, which says what it has to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAbout {
    /// Its status: nothing more to tell.
    Status,
    /// A tag of it: which.
    Tag,
    /// A group that it is in: which.
    Group,
    /// Nothing of what the server knows: what it is to run.
    Run,
    /// The version of its agent: which, or the one that is offered.
    Version,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [JobKind; 12] = [
        JobKind::Approve,
        JobKind::Reject,
        JobKind::Deny,
        JobKind::Revoke,
        JobKind::Restore,
        JobKind::Delete,
        JobKind::Tag,
        JobKind::Untag,
        JobKind::GroupAdd,
        JobKind::GroupRemove,
        JobKind::RunAction,
        JobKind::Upgrade,
    ];

    /// The stable name in the database, the API and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Approve => "approve",
            JobKind::Reject => "reject",
            JobKind::Deny => "deny",
            JobKind::Revoke => "revoke",
            JobKind::Restore => "restore",
            JobKind::Delete => "delete",
            JobKind::Tag => "tag",
            JobKind::Untag => "untag",
            JobKind::GroupAdd => "group_add",
            JobKind::GroupRemove => "group_remove",
            JobKind::RunAction => "run_action",
            JobKind::Upgrade => "upgrade",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// What it changes.
    pub fn about(self) -> JobAbout {
        match self {
            JobKind::Approve
            | JobKind::Reject
            | JobKind::Deny
            | JobKind::Revoke
            | JobKind::Restore
            | JobKind::Delete => JobAbout::Status,
            JobKind::Tag | JobKind::Untag => JobAbout::Tag,
            JobKind::GroupAdd | JobKind::GroupRemove => JobAbout::Group,
            JobKind::RunAction => JobAbout::Run,
            JobKind::Upgrade => JobAbout::Version,
        }
    }

    /// The route that does the same to one system, or to the systems of one group: whoever may call it may create such a
    /// job, and it is the action of the audit entry of each system.
    pub fn route(self) -> &'static str {
        match self {
            JobKind::Approve => "systems.approve",
            JobKind::Reject => "systems.reject",
            JobKind::Deny => "systems.deny",
            JobKind::Revoke => "systems.revoke",
            JobKind::Restore => "systems.restore",
            JobKind::Delete => "systems.delete",
            JobKind::Tag | JobKind::Untag => "annotations.tags.change",
            JobKind::GroupAdd | JobKind::GroupRemove => "groups.members.change",
            JobKind::RunAction => "commands.create",
            JobKind::Upgrade => "upgrades.create",
        }
    }
}
