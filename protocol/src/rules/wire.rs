//! What the routes of rules say: the catalogue, previews, explanations.

use super::condition::Condition;
use super::field::{Field, FieldInfo};
use super::operator::{Kind, Operator};
use crate::ids::{GroupId, SystemId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A field of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldDescription {
    /// Its name.
    pub name: String,
    /// Type of its values.
    pub kind: Kind,
    /// What it can be compared by.
    pub operators: Vec<Operator>,
    /// Rules may use it; otherwise only filters.
    pub in_rules: bool,
    /// A system can have several values.
    pub several: bool,
    /// What it is and what is expected.
    pub hint: String,
    /// A value that can be.
    pub example: String,
    /// The values of an enum or boolean.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl From<&FieldInfo> for FieldDescription {
    fn from(info: &FieldInfo) -> Self {
        FieldDescription {
            name: info.name.to_owned(),
            kind: info.kind,
            operators: info.operators().to_vec(),
            in_rules: info.in_rules,
            several: info.several,
            hint: info.hint.to_owned(),
            example: info.example.to_owned(),
            values: info.values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }
}

/// `GET /api/v1/rules/fields`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldCatalogue {
    /// Every field, those of rules first.
    pub items: Vec<FieldDescription>,
}

impl FieldCatalogue {
    /// The catalogue of this version.
    pub fn of_this_version() -> Self {
        FieldCatalogue {
            items: Field::all().map(FieldDescription::from).collect(),
        }
    }
}

/// `PUT /api/v1/groups/{id}/rule`. Answered with [`RuleSaved`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaveRule {
    /// 1 to 8, all of which must hold.
    pub conditions: Vec<Condition>,
    /// The version that was edited; refused when the rule was changed since. Absent: whatever there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// How many systems leave, when that is more than the share that is saved without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm_removals: Option<i64>,
}

/// What saving, enabling or disabling a rule did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleSaved {
    /// The version in force.
    pub version: i64,
    /// How many systems are in the group.
    pub members: i64,
    /// How many joined.
    pub joined: i64,
    /// How many left.
    pub left: i64,
}

/// `POST /api/v1/rules/preview`. Answered with [`RulePreview`]; changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRule {
    /// The draft.
    pub conditions: Vec<Condition>,
    /// The group that it is for, when there is one already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
}

/// Most systems that a preview names of each kind.
pub const MAX_SAMPLE: usize = 50;

/// A system that a preview names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SampleSystem {
    /// Its id.
    pub id: SystemId,
    /// Its host name.
    pub hostname: String,
}

/// What a draft would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RulePreview {
    /// How many systems match.
    pub matching: i64,
    /// How many of them are not in the group yet.
    pub joins: i64,
    /// How many are in the group and would leave it.
    pub leaves: i64,
    /// How many are in the group as it is.
    pub saved: i64,
    /// How many systems each condition alone holds for, in their order.
    pub holds: Vec<i64>,
    /// Some that would join, by name.
    pub joining: Vec<SampleSystem>,
    /// Some that would leave, by name.
    pub leaving: Vec<SampleSystem>,
    /// Some that would stay, by name.
    pub staying: Vec<SampleSystem>,
    /// How many systems were looked at.
    pub systems: i64,
}

/// `POST /api/v1/rules/explain`. Answered with [`RuleExplained`]; changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRule {
    /// The draft.
    pub conditions: Vec<Condition>,
    /// The system.
    pub system: SystemId,
}

/// Why a system matches a draft, or does not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleExplained {
    /// Its host name.
    pub hostname: String,
    /// Whether it matches.
    pub matches: bool,
    /// The rule takes only active systems, and this one is not.
    pub not_active: bool,
    /// The conditions with what was observed.
    pub conditions: Vec<ConditionOutcome>,
}

/// A condition and how a system stands to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConditionOutcome {
    /// The condition.
    pub condition: Condition,
    /// What it was compared with; none when nothing is known.
    pub observed: Option<String>,
    /// Whether it holds.
    pub holds: bool,
}
