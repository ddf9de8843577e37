//! Types of fields, and the operators that each type allows.

use super::suggestion::{did_you_mean, printable};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Free text.
    Text,
    /// An IPv4 or IPv6 address.
    Ip,
    /// One of a known set of names.
    Enum,
    /// A number.
    Number,
    /// A version, ordered as semver orders it.
    Version,
    /// `true` or `false`.
    Boolean,
}

impl Kind {
    /// What this type can be compared by, in the order of menus.
    pub fn operators(self) -> &'static [Operator] {
        use Operator::*;
        match self {
            Kind::Text => &[
                Equals,
                NotEquals,
                Contains,
                NotContains,
                StartsWith,
                EndsWith,
                Regex,
            ],
            Kind::Ip => &[
                Equals,
                NotEquals,
                Contains,
                NotContains,
                StartsWith,
                EndsWith,
                Regex,
                InCidr,
            ],
            Kind::Enum => &[Equals, NotEquals, Contains, NotContains, In, NotIn],
            Kind::Number => &[Eq, Ne, Lt, Le, Gt, Ge],
            Kind::Version => &[
                Equals,
                NotEquals,
                Contains,
                NotContains,
                StartsWith,
                EndsWith,
                Regex,
                Lt,
                Le,
                Gt,
                Ge,
            ],
            Kind::Boolean => &[Equals, NotEquals],
        }
    }

    /// Whether the operator is allowed.
    pub fn allows(self, operator: Operator) -> bool {
        self.operators().contains(&operator)
    }

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Ip => "ip",
            Kind::Enum => "enum",
            Kind::Number => "number",
            Kind::Version => "version",
            Kind::Boolean => "boolean",
        }
    }
}

/// How a field is compared with a value.
///
/// A field with several values (images, tags) satisfies an operator when one value does, and a negated one when none
/// does; so a missing value satisfies no positive operator and every negated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum Operator {
    /// The same text, address, name or boolean; letter by letter.
    Equals,
    /// Not [`Operator::Equals`].
    NotEquals,
    /// Has the value in it, in any case.
    Contains,
    /// Not [`Operator::Contains`].
    NotContains,
    /// Begins with the value, in any case.
    StartsWith,
    /// Ends with the value, in any case.
    EndsWith,
    /// Matches a regular expression somewhere; `(?i)` ignores case.
    Regex,
    /// An address within a network such as `10.0.0.0/8`.
    InCidr,
    /// One of several names.
    In,
    /// Not [`Operator::In`].
    NotIn,
    /// The same number.
    Eq,
    /// Not [`Operator::Eq`].
    Ne,
    /// Less.
    Lt,
    /// Less or the same.
    Le,
    /// Greater.
    Gt,
    /// Greater or the same.
    Ge,
}

impl Operator {
    /// Every operator.
    pub const ALL: [Operator; 16] = [
        Operator::Equals,
        Operator::NotEquals,
        Operator::Contains,
        Operator::NotContains,
        Operator::StartsWith,
        Operator::EndsWith,
        Operator::Regex,
        Operator::InCidr,
        Operator::In,
        Operator::NotIn,
        Operator::Eq,
        Operator::Ne,
        Operator::Lt,
        Operator::Le,
        Operator::Gt,
        Operator::Ge,
    ];

    /// The name in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Equals => "equals",
            Operator::NotEquals => "not_equals",
            Operator::Contains => "contains",
            Operator::NotContains => "not_contains",
            Operator::StartsWith => "starts_with",
            Operator::EndsWith => "ends_with",
            Operator::Regex => "regex",
            Operator::InCidr => "in_cidr",
            Operator::In => "in",
            Operator::NotIn => "not_in",
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Lt => "lt",
            Operator::Le => "le",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
        }
    }

    /// How it is written in a filter.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Equals | Operator::Eq => "=",
            Operator::NotEquals | Operator::Ne => "!=",
            Operator::Regex => "~",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
            other => other.as_str(),
        }
    }

    /// The operator that holds exactly where this one does not, missing values included; none for those without.
    pub fn negation(self) -> Option<Operator> {
        const PAIRS: [(Operator, Operator); 4] = [
            (Operator::Equals, Operator::NotEquals),
            (Operator::Contains, Operator::NotContains),
            (Operator::In, Operator::NotIn),
            (Operator::Eq, Operator::Ne),
        ];
        PAIRS.iter().find_map(|(positive, negated)| {
            if *positive == self {
                Some(*negated)
            } else {
                (*negated == self).then_some(*positive)
            }
        })
    }

    /// Holds where its positive partner does not.
    pub fn is_negated(self) -> bool {
        matches!(
            self,
            Operator::NotEquals | Operator::NotContains | Operator::NotIn | Operator::Ne
        )
    }

    /// Takes a list of values.
    pub fn takes_list(self) -> bool {
        matches!(self, Operator::In | Operator::NotIn)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown operator `{name}`{suggestion}")]
pub struct UnknownOperator {
    name: String,
    suggestion: String,
}

impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Operator::ALL.into_iter().find(|known| known.as_str() == name);
        found.ok_or_else(|| UnknownOperator {
            name: printable(name),
            suggestion: did_you_mean(name, &Operator::ALL.map(Operator::as_str)),
        })
    }
}

impl Serialize for Operator {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Operator {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}
