//! Groups of systems: manual ones, and automatic ones whose members follow a rule.

use crate::ids::{GroupId, SystemId, UnixMillis};
use crate::rules::{Condition, ConditionOutcome};
use crate::systems::SystemSummary;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a group's name.
pub const MAX_NAME_CHARS: usize = 64;
/// Most characters of a group's description.
pub const MAX_DESCRIPTION_CHARS: usize = 256;
/// Most systems that one request adds or removes.
pub const MAX_MEMBER_CHANGES: usize = 10_000;

/// Who decides on the members. Chosen at creation, never changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// People.
    Manual,
    /// The group's rule alone.
    Auto,
}

impl GroupKind {
    /// The stable name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupKind::Manual => "manual",
            GroupKind::Auto => "auto",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [GroupKind::Manual, GroupKind::Auto]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// A group as the list shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its id, never used again.
    pub id: GroupId,
    /// Its name, unique within the organization.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Who decides on the members.
    pub kind: GroupKind,
    /// How many systems are in it.
    pub members: i64,
    /// The rule of an automatic group, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<GroupRule>,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// Who created it.
    pub created_by: String,
}

/// The rule of an automatic group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupRule {
    /// All of them must hold.
    pub conditions: Vec<Condition>,
    /// The same as a filter's text.
    pub filter: String,
    /// Off: the group is empty and the rule is kept.
    pub enabled: bool,
    /// Rises with every change.
    pub version: i64,
    /// When it was last changed.
    pub changed_ms: UnixMillis,
    /// Who changed it.
    pub changed_by: String,
}

/// `GET /api/v1/groups`: manual ones first, each kind by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupList {
    /// All of them.
    pub items: Vec<Group>,
}

/// `POST /api/v1/groups`. Answered with [`Group`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateGroup {
    /// 1 to 64 printable characters, no space at either end; unique within the organization.
    pub name: String,
    /// At most 256 printable characters.
    #[serde(default)]
    pub description: String,
    /// Cannot be changed later.
    pub kind: GroupKind,
    /// The first members; a manual group only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SystemId>,
}

/// `PUT /api/v1/groups/{id}`. Answered with [`Group`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeGroup {
    /// Its name from now on.
    pub name: String,
    /// Its description from now on.
    pub description: String,
    /// May be given, and must be what it is: a group's kind cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<GroupKind>,
}

/// `POST /api/v1/groups/{id}/members`: what one look at the two lists changed. Answered with [`MembersChanged`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMembers {
    /// These join.
    #[serde(default)]
    pub add: Vec<SystemId>,
    /// These leave.
    #[serde(default)]
    pub remove: Vec<SystemId>,
}

/// What a change of members did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MembersChanged {
    /// How many joined that were not in it.
    pub added: i64,
    /// How many left that were in it.
    pub removed: i64,
    /// How many are in it now.
    pub members: i64,
}

/// `GET /api/v1/groups/{id}/members?cursor=&limit=`: by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MemberPage {
    /// The members.
    pub items: Vec<SystemSummary>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many are in it.
    pub total: i64,
}

/// A group and why a system is in it or is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemGroup {
    /// The group.
    pub id: GroupId,
    /// Its name.
    pub name: String,
    /// Who decides on the members.
    pub kind: GroupKind,
    /// Whether the system is in it.
    pub member: bool,
    /// Who added it, and when; none when it is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_by: Option<String>,
    /// When it was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_ms: Option<UnixMillis>,
    /// Of an automatic group: whether its rule is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_enabled: Option<bool>,
    /// Of an automatic group: its conditions with what was observed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<ConditionOutcome>,
    /// Of an automatic group: the rule takes only active systems, and this one is not.
    #[serde(default)]
    pub not_active: bool,
}

/// `GET /api/v1/systems/{id}/groups`: the manual groups that it is in, and every automatic one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemGroups {
    /// Those that it is in first.
    pub items: Vec<SystemGroup>,
}

/// Why a text cannot be the name of a group or a saved filter.
pub fn name_problem(name: &str) -> Option<String> {
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Some(format!("must have 1 to {MAX_NAME_CHARS} characters"));
    }
    if name.trim() != name {
        return Some("must not begin or end with a space".to_owned());
    }
    unprintable(name)
}

/// Why a text cannot be a description.
pub fn description_problem(description: &str) -> Option<String> {
    if description.chars().count() > MAX_DESCRIPTION_CHARS {
        return Some(format!("must have at most {MAX_DESCRIPTION_CHARS} characters"));
    }
    unprintable(description)
}

/// Names the first character that shows nothing or turns the direction of what follows: two names that look alike would
/// not be.
pub(crate) fn unprintable(text: &str) -> Option<String> {
    let invisible = |c: char| {
        matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
    };
    let odd = text.chars().find(|c| c.is_control() || invisible(*c));
    odd.map(|c| format!("must have printable characters only, not U+{:04X}", u32::from(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_descriptions_are_short_and_printable() {
        for good in ["a", "Büro 2", &"é".repeat(64)] {
            assert_eq!(name_problem(good), None);
        }
        for bad in ["", " a", "a ", "a\n", "a\u{202e}b", &"é".repeat(65)] {
            assert!(name_problem(bad).is_some(), "{bad:?}");
        }
        assert_eq!(description_problem(""), None);
        assert!(description_problem(&"x".repeat(257)).is_some() && description_problem("a\u{1b}").is_some());
    }

    #[test]
    fn kinds_have_one_name() {
        for kind in [GroupKind::Manual, GroupKind::Auto] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(GroupKind::parse(kind.as_str()), Some(kind));
        }
    }
}
