//! Questions about groups, rules and tags, and their answers.

use super::Failure;
use scm_protocol::annotations::{ChangeNote, ChangeTags, SystemTags};
use scm_protocol::groups::{
    ChangeGroup, ChangeMembers, CreateGroup, Group, GroupList, MembersChanged, SystemGroups,
};
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::rules::{ExplainRule, PreviewRule, RuleExplained, RulePreview, RuleSaved, SaveRule};
use scm_protocol::systems::SystemCount;

/// A question.
#[derive(Debug)]
pub enum GroupCall {
    /// `GET /api/v1/groups`.
    List,
    /// `POST /api/v1/groups`.
    Create {
        /// Which form.
        ticket: u64,
        /// The `Idempotency-Key`.
        key: String,
        /// What was typed.
        body: CreateGroup,
    },
    /// `PUT /api/v1/groups/{id}`.
    Change {
        /// Which form.
        ticket: u64,
        /// Which group.
        id: GroupId,
        /// What was typed.
        body: ChangeGroup,
    },
    /// `DELETE /api/v1/groups/{id}`.
    Delete {
        /// Which group.
        id: GroupId,
        /// Its name, for the message.
        name: String,
    },
    /// Every member of a group, over all pages.
    Members(GroupId),
    /// `POST /api/v1/groups/{id}/members`.
    ChangeMembers {
        /// Which group.
        id: GroupId,
        /// Who joins and who leaves.
        body: ChangeMembers,
    },
    /// Turns a rule on or off.
    Switch {
        /// Which group.
        id: GroupId,
        /// Its name, for the message.
        name: String,
        /// On.
        enabled: bool,
    },
    /// `POST /api/v1/rules/preview`; takes the place of one that is under way.
    Preview {
        /// Which draft.
        round: u64,
        /// The draft.
        body: PreviewRule,
    },
    /// `POST /api/v1/rules/explain`.
    Explain(ExplainRule),
    /// `PUT /api/v1/groups/{id}/rule`.
    Save {
        /// Which group.
        id: GroupId,
        /// The rule.
        body: SaveRule,
    },
    /// `GET /api/v1/systems?filter=`, over all pages: the ids alone.
    Matching(String),
    /// `GET /api/v1/systems/count?filter=`, of all that match and of those that are not heard of.
    Count {
        /// Which dialog.
        ticket: u64,
        /// The filter.
        filter: String,
    },
    /// `GET /api/v1/systems/{id}/groups`.
    OfSystem(SystemId),
    /// `POST /api/v1/systems/{id}/tags`.
    Tags {
        /// Which system.
        id: SystemId,
        /// What is put on and taken off.
        body: ChangeTags,
    },
    /// `PUT /api/v1/systems/{id}/note`.
    Note {
        /// Which system.
        id: SystemId,
        /// The note.
        body: ChangeNote,
    },
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum GroupReply {
    List(Result<GroupList, Failure>),
    /// Of a creation, or of a change of the texts.
    Written {
        ticket: u64,
        created: bool,
        result: Result<Box<Group>, Failure>,
    },
    Deleted {
        name: String,
        result: Result<(), Failure>,
    },
    Members {
        id: GroupId,
        result: Result<Vec<SystemId>, Failure>,
    },
    MembersChanged {
        id: GroupId,
        result: Result<MembersChanged, Failure>,
    },
    Switched {
        name: String,
        enabled: bool,
        result: Result<RuleSaved, Failure>,
    },
    Preview {
        round: u64,
        result: Result<Box<RulePreview>, Failure>,
    },
    Explained(Result<Box<RuleExplained>, Failure>),
    Saved {
        id: GroupId,
        result: Result<RuleSaved, Failure>,
    },
    Matching {
        text: String,
        result: Result<Vec<SystemId>, Failure>,
    },
    /// How many match, and how many of them are not heard of.
    Counted {
        ticket: u64,
        result: Result<(SystemCount, SystemCount), Failure>,
    },
    OfSystem {
        id: SystemId,
        result: Result<Box<SystemGroups>, Failure>,
    },
    Tags {
        id: SystemId,
        result: Result<SystemTags, Failure>,
    },
    Note {
        id: SystemId,
        result: Result<(), Failure>,
    },
}
