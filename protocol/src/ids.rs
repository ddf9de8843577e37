//! Identifiers and instants, as types that cannot be confused with each other.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// A system's id: positive, given by the server at registration, never used again, not even after deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct SystemId(pub i64);

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An enrollment token's id: positive, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct TokenId(pub i64);

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Defines an id that is never used again.
macro_rules! id {
    ($(#[$doc:meta] $name:ident),* $(,)?) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// A user's id: positive, never used again.
    UserId,
    /// A session's id: positive, never used again.
    SessionId,
    /// An API token's id: positive, never used again.
    ApiTokenId,
    /// A registered SSH key's id: positive, never used again.
    SshKeyId,
    /// A group's id: positive, never used again.
    GroupId,
    /// A saved filter's id: positive, never used again.
    FilterId,
    /// A command's id: positive, never used again.
    CommandId,
    /// A bulk job's id: positive, never used again.
    JobId,
    /// A package's id: positive, never used again.
    PackageId,
    /// An upgrade's id: positive, never used again.
    UpgradeId,
    /// A rollout's id: positive, never used again.
    RolloutId,
}

/// An instant as milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Milliseconds from `earlier` to `self`; negative when `earlier` lies after it.
    pub fn since(self, earlier: UnixMillis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This instant moved by `millis`.
    pub fn plus(self, millis: i64) -> UnixMillis {
        UnixMillis(self.0.saturating_add(millis))
    }

    /// Whole seconds since the epoch, rounded down: the unit of RFC 9421's `created`.
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// An organization's name: 1 to 63 characters of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Organization(String);

/// Why a text is not an organization's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not an organization name: 1 to 63 characters of a-z, 0-9 and -, beginning and ending with a letter or digit"
)]
pub struct InvalidOrganization(String);

impl Organization {
    /// The organization that every server starts with.
    pub const DEFAULT: &'static str = "default";

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Organization {
    fn default() -> Self {
        Organization(Self::DEFAULT.to_owned())
    }
}

impl fmt::Display for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Organization {
    type Err = InvalidOrganization;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let inner = text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if text.len() <= 63 && inner && edge(text.chars().next()) && edge(text.chars().last()) {
            Ok(Organization(text.to_owned()))
        } else {
            Err(InvalidOrganization(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Organization {
    type Error = InvalidOrganization;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Organization> for String {
    fn from(name: Organization) -> String {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organization_names_are_short_slugs() {
        for good in ["default", "a", "site-7", "0"] {
            assert_eq!(good.parse::<Organization>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "a b", "a/b", "é", &"x".repeat(64)] {
            assert!(bad.parse::<Organization>().is_err(), "{bad} was accepted");
        }
    }
}
