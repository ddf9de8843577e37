//! What a program runs on: architecture and system, `x86_64-linux`.

use crate::agent::HostFacts;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Longest name, in bytes.
const MAX_BYTES: usize = 32;

/// A platform: 1 to 32 characters of `a-z`, `0-9`, `_` and `-`, such as `x86_64-linux`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Platform(String);

/// Why a text is no platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform: 1 to 32 characters of a-z, 0-9, _ and -, such as x86_64-linux")]
pub struct InvalidPlatform(String);

impl Platform {
    /// Its name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The platform of a machine, by what it says of itself; none where it does not say.
    pub fn of(arch: &str, os_family: &str) -> Option<Self> {
        if arch.is_empty() || os_family.is_empty() {
            return None;
        }
        format!("{arch}-{os_family}").parse().ok()
    }

    /// As [`Platform::of`].
    pub fn of_facts(facts: &HostFacts) -> Option<Self> {
        Platform::of(&facts.arch, &facts.os_family)
    }

    /// The platform that this very program was built for.
    pub fn of_this_program() -> Option<Self> {
        Platform::of(std::env::consts::ARCH, std::env::consts::OS)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
        if (1..=MAX_BYTES).contains(&text.len()) && text.chars().all(allowed) {
            Ok(Platform(text.to_owned()))
        } else {
            let shown = text.chars().filter(|c| !c.is_control()).take(MAX_BYTES + 8);
            Err(InvalidPlatform(shown.collect()))
        }
    }
}

impl TryFrom<String> for Platform {
    type Error = InvalidPlatform;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_is_architecture_and_system() {
        assert_eq!(Platform::of("x86_64", "linux").unwrap().as_str(), "x86_64-linux");
        assert!(Platform::of("", "linux").is_none() && Platform::of("x86_64", "").is_none());
        assert!(Platform::of("x86/64", "linux").is_none());
        for bad in ["", "X86", "a b", "a/b", "..", "é", "a\n", &"x".repeat(33)] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
        assert!(Platform::of_this_program().is_some());
    }
}
