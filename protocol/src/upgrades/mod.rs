//! Upgrades of agents: what a release key says of a program ([`statement`], [`release`]), what a system is told ([`order`]),
//! what it says of its progress ([`progress`]), and how the console sees all of it ([`package`], [`upgrade`], [`rollout`]).
//!
//! A package is the bare program of an agent. Its signature is that of stock `minisign`, by a key that no server holds: a
//! server can hand out what was released, and nothing else.

pub mod offer;
pub mod order;
pub mod package;
pub mod platform;
pub mod progress;
pub mod release;
pub mod rollout;
pub mod statement;
pub mod upgrade;

use semver::Version;

/// The largest package, in bytes.
pub const MAX_PACKAGE_BYTES: i64 = 64 * 1024 * 1024;
/// The most of a package that one reply carries, in bytes.
pub const PACKAGE_PART_BYTES: usize = 256 * 1024;
/// Longest text of a signature, in bytes.
pub const MAX_SIGNATURE_BYTES: usize = 2 * 1024;
/// Longest text of a version, in bytes.
pub const MAX_VERSION_BYTES: usize = 64;

/// The version of a package: semver, without build metadata, because that does not say which of two is newer.
///
/// # Errors
/// Why it is none, for a person.
pub fn version(text: &str) -> Result<Version, String> {
    if text.len() > MAX_VERSION_BYTES {
        return Err(format!("must be at most {MAX_VERSION_BYTES} bytes"));
    }
    let version = Version::parse(text).map_err(|error| format!("is no version such as 1.4.0: {error}"))?;
    if !version.build.is_empty() {
        return Err("must have no build metadata (what follows a `+`)".to_owned());
    }
    Ok(version)
}

/// Whether `new` is strictly newer than `present`. What is no version is never compared: nothing is newer than it.
pub fn is_newer(new: &str, present: &str) -> bool {
    match (version(new), Version::parse(present)) {
        (Ok(new), Ok(present)) => new.cmp_precedence(&present).is_gt(),
        _ => false,
    }
}

/// Whether `present` is `wanted` or newer.
pub fn has_arrived(present: &str, wanted: &str) -> bool {
    match (Version::parse(present), version(wanted)) {
        (Ok(present), Ok(wanted)) => present.cmp_precedence(&wanted).is_ge(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_is_by_semver_and_strict() {
        for (new, present) in [("1.10.0", "1.9.9"), ("1.0.0", "1.0.0-rc.1"), ("0.2.0", "0.1.9+x")] {
            assert!(
                is_newer(new, present) && !is_newer(present, new),
                "{new} {present}"
            );
        }
        for same in [
            ("1.0.0", "1.0.0"),
            ("1.0.0", "1.0.0+build"),
            ("1.0.0", "dev"),
            ("v1.0.0", "0.1.0"),
        ] {
            assert!(!is_newer(same.0, same.1), "{same:?}");
        }
        assert!(has_arrived("1.0.0", "1.0.0") && has_arrived("1.0.1", "1.0.0"));
        assert!(!has_arrived("0.9.0", "1.0.0") && !has_arrived("dev", "1.0.0"));
    }

    #[test]
    fn a_version_is_short_and_without_build_metadata() {
        assert!(version("0.1.0").is_ok() && version("1.2.3-rc.1").is_ok());
        for bad in [
            "",
            "1",
            "1.2",
            "v1.2.3",
            "1.2.3+b",
            " 1.2.3",
            &format!("1.2.3-{}", "a".repeat(70)),
        ] {
            assert!(version(bad).is_err(), "{bad}");
        }
    }
}
