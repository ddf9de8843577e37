//! What many systems offer, for whoever is about to run something on them.

use super::catalogue::OfferedAction;
use crate::ids::SystemId;
use crate::jobs::MAX_TARGETS;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /api/v1/commands/offered`: which systems: `systems`, or everything that matches `filter`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferedQuery {
    /// These, at most 100,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<SystemId>,
    /// Everything that matches this text of the condition language; an empty one matches all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// What they offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Offered {
    /// How many systems that is.
    pub systems: i64,
    /// By name; one that is defined differently here and there is listed once for each definition, the commonest first.
    pub actions: Vec<OfferedBy>,
}

/// An action, and how many systems offer it so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferedBy {
    /// The action.
    pub action: OfferedAction,
    /// How many.
    pub systems: i64,
}

impl OfferedQuery {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        match (&self.filter, self.systems.len()) {
            (Some(_), 1..) => Some(("systems", "cannot be given beside `filter`".to_owned())),
            (None, 0) => Some((
                "systems",
                "must name at least one system, unless `filter` is given".to_owned(),
            )),
            (_, count) if count > MAX_TARGETS => Some((
                "systems",
                format!("names {count} systems, at most {MAX_TARGETS} are allowed"),
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_named_or_filtered() {
        let field = |systems: Vec<i64>, filter: Option<&str>| {
            let query = OfferedQuery {
                systems: systems.into_iter().map(SystemId).collect(),
                filter: filter.map(ToOwned::to_owned),
            };
            query.problem().map(|(field, _)| field)
        };
        assert_eq!(field(vec![1], None), None);
        assert_eq!(field(Vec::new(), Some("")), None);
        assert_eq!(field(Vec::new(), None), Some("systems"));
        assert_eq!(field(vec![1], Some("web")), Some("systems"));
        assert_eq!(field((1..=100_001).collect(), None), Some("systems"));
    }
}
