//! The fields that a condition can ask about; what each is stands in `fields.rs`.

use super::fields::FIELDS;
use super::operator::{Kind, Operator};
use super::suggestion::{did_you_mean, printable};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// What is known of a system and can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is described for its users in `fields.rs`")]
pub enum Field {
    Hostname,
    Ip,
    Status,
    Os,
    OsFamily,
    Arch,
    Platform,
    Ver,
    MemTotalMb,
    DiskTotalGb,
    UptimeSecs,
    ContainersExists,
    HasRuntime,
    AnyContainerImage,
    Tag,
    Id,
    Presence,
    Group,
    New,
    Rebooted,
    CpuPercent,
    MemUsedPercent,
    DiskUsedPercent,
    ContainerCount,
    LastSeenSecs,
    FirstSeenSecs,
    ClaimedIp,
    Kernel,
    Note,
}

/// A field as menus, documentation and checks need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldInfo {
    /// Which.
    pub field: Field,
    /// Its name everywhere.
    pub name: &'static str,
    /// Type of its values.
    pub kind: Kind,
    /// Rules may use it; otherwise only filters, because it changes without a check-in.
    pub in_rules: bool,
    /// A system can have several values.
    pub several: bool,
    /// A number of seconds: `90s`, `5m`, `2h` and `7d` can be written.
    pub seconds: bool,
    /// What it is and what is expected.
    pub hint: &'static str,
    /// A value that can be.
    pub example: &'static str,
    /// The names of an enum, or `true` and `false`; empty for other types.
    pub values: &'static [&'static str],
}

impl FieldInfo {
    /// What it can be compared by.
    pub fn operators(&self) -> &'static [Operator] {
        self.kind.operators()
    }
}

impl Field {
    /// Every field, those of rules first.
    pub fn all() -> impl Iterator<Item = &'static FieldInfo> {
        FIELDS.iter()
    }

    /// What it is.
    pub fn info(self) -> &'static FieldInfo {
        // The table is in the order of the enum: a test holds them together.
        &FIELDS[self as usize]
    }

    /// Its name everywhere.
    pub fn as_str(self) -> &'static str {
        self.info().name
    }

    /// Type of its values.
    pub fn kind(self) -> Kind {
        self.info().kind
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown field `{name}`{suggestion}")]
pub struct UnknownField {
    /// The name, cut where it is long.
    pub name: String,
    /// `, did you mean …?` or nothing.
    pub suggestion: String,
}

impl FromStr for Field {
    type Err = UnknownField;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = FIELDS.iter().find(|known| known.name == name);
        found.map(|info| info.field).ok_or_else(|| {
            let known: Vec<&'static str> = FIELDS.iter().map(|info| info.name).collect();
            UnknownField {
                name: printable(name),
                suggestion: did_you_mean(name, &known),
            }
        })
    }
}

impl Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        name.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, info) in FIELDS.iter().enumerate() {
            assert_eq!(info.field as usize, index, "{}", info.name);
            assert_eq!(info.name.parse(), Ok(info.field));
            let wire = serde_json::to_value(info.field).unwrap();
            assert_eq!(wire, info.name);
        }
        assert_eq!(FIELDS.len(), Field::Note as usize + 1);
    }

    #[test]
    fn enums_and_booleans_name_their_values_and_nothing_else_does() {
        for info in FIELDS {
            let named = matches!(info.kind, Kind::Enum | Kind::Boolean);
            assert_eq!(!info.values.is_empty(), named, "{}", info.name);
            assert!(!info.seconds || info.kind == Kind::Number);
        }
    }

    #[test]
    fn an_unknown_name_comes_with_what_was_meant() {
        let error = "hostnme".parse::<Field>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown field `hostnme`, did you mean `hostname`?"
        );
        let error = "zzz".parse::<Field>().unwrap_err();
        assert_eq!(error.to_string(), "unknown field `zzz`");
        let error = "containz".parse::<Operator>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown operator `containz`, did you mean `contains`?"
        );
    }
}
