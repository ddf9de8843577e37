//! What is offered to a system: a pure function, the same for the server that queues and for the console that shows.

use super::package::Package;
use super::platform::Platform;
use super::{is_newer, version};
use semver::Version;

/// Why nothing is offered; each as a person is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOffered {
    /// It never said what it runs on.
    #[error("it has not said yet what it runs on")]
    UnknownPlatform,
    /// Nothing for its platform.
    #[error("there is no package for {0}")]
    NoPackage(Platform),
    /// Not this version for its platform.
    #[error("there is no package {version} for {platform}")]
    NoSuchPackage {
        /// The version.
        version: String,
        /// The platform.
        platform: Platform,
    },
    /// What runs there cannot be compared.
    #[error("its agent calls itself `{0}`, which is no version to compare with")]
    UnknownVersion(String),
    /// As new already.
    #[error("it runs {present}, and the package for {platform} is {offered}: only a newer one is offered")]
    AsNew {
        /// What runs there.
        present: String,
        /// The platform.
        platform: Platform,
        /// The package.
        offered: String,
    },
}

/// The version that is offered for a platform: the newest release, or the newest at all where there are only pre-releases.
pub fn newest<'a>(versions: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known = versions.filter_map(|text| version(text).ok().map(|version| (text, version)));
    let order = |version: &Version| (version.pre.is_empty(), version.clone());
    known
        .max_by(|(_, one), (_, other)| order(one).cmp(&order(other)))
        .map(|(text, _)| text)
}

/// Marks the packages that are offered, and puts them in order: by platform, the newest first.
pub fn arrange(packages: &mut [Package]) {
    let key = |package: &Package| {
        (
            package.platform.clone(),
            std::cmp::Reverse(version(&package.version).ok()),
        )
    };
    packages.sort_by_cached_key(key);
    let all: Vec<(Platform, String)> = packages
        .iter()
        .map(|package| (package.platform.clone(), package.version.clone()))
        .collect();
    for package in packages {
        let same = all.iter().filter(|(platform, _)| *platform == package.platform);
        package.offered = newest(same.map(|(_, version)| version.as_str())) == Some(&package.version);
    }
}

/// The package for a system: the one that is offered for its platform, or that of the version that is `wanted`, where it is
/// strictly newer than what runs there.
///
/// # Errors
/// Why there is none.
pub fn offer<'a>(
    packages: &'a [Package],
    platform: Option<&Platform>,
    present: &str,
    wanted: Option<&str>,
) -> Result<&'a Package, NotOffered> {
    let platform = platform.ok_or(NotOffered::UnknownPlatform)?;
    let mut own = packages.iter().filter(|package| package.platform == *platform);
    let found = match wanted {
        None => own
            .find(|package| package.offered)
            .ok_or_else(|| NotOffered::NoPackage(platform.clone()))?,
        Some(wanted) => {
            own.find(|package| package.version == wanted)
                .ok_or_else(|| NotOffered::NoSuchPackage {
                    version: wanted.to_owned(),
                    platform: platform.clone(),
                })?
        }
    };
    if Version::parse(present).is_err() {
        let shown = present.chars().filter(|c| !c.is_control()).take(40);
        return Err(NotOffered::UnknownVersion(shown.collect()));
    }
    if is_newer(&found.version, present) {
        return Ok(found);
    }
    Err(NotOffered::AsNew {
        present: present.to_owned(),
        platform: platform.clone(),
        offered: found.version.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{PackageId, UnixMillis};

    fn packages() -> Vec<Package> {
        let all = [
            ("x86_64-linux", "1.2.0"),
            ("aarch64-linux", "1.9.0-rc.2"),
            ("x86_64-linux", "2.0.0-rc.1"),
            ("x86_64-linux", "1.10.0"),
            ("aarch64-linux", "1.9.0-rc.10"),
        ];
        let package = |(id, (platform, version)): (i64, (&str, &str))| Package {
            id: PackageId(id),
            platform: platform.parse().unwrap(),
            version: version.to_owned(),
            size_bytes: 1,
            sha256: String::new(),
            added_ms: UnixMillis(0),
            added_by: String::new(),
            offered: false,
        };
        let mut packages: Vec<Package> = (1..).zip(all).map(package).collect();
        arrange(&mut packages);
        packages
    }

    fn offered(platform: &str, present: &str, wanted: Option<&str>) -> Result<String, NotOffered> {
        let platform: Option<Platform> = platform.parse().ok();
        offer(&packages(), platform.as_ref(), present, wanted).map(|package| package.version.clone())
    }

    #[test]
    fn the_newest_release_of_each_platform_is_offered() {
        let order: Vec<(String, bool)> = packages()
            .into_iter()
            .map(|package| {
                (
                    format!("{} {}", package.platform, package.version),
                    package.offered,
                )
            })
            .collect();
        assert_eq!(
            order,
            [
                ("aarch64-linux 1.9.0-rc.10".to_owned(), true),
                ("aarch64-linux 1.9.0-rc.2".to_owned(), false),
                ("x86_64-linux 2.0.0-rc.1".to_owned(), false),
                ("x86_64-linux 1.10.0".to_owned(), true),
                ("x86_64-linux 1.2.0".to_owned(), false),
            ]
        );
    }

    #[test]
    fn only_what_is_strictly_newer_is_offered_and_otherwise_the_reason_is_told() {
        assert_eq!(offered("x86_64-linux", "1.9.0", None).as_deref(), Ok("1.10.0"));
        assert_eq!(
            offered("x86_64-linux", "1.9.0", Some("2.0.0-rc.1")).as_deref(),
            Ok("2.0.0-rc.1")
        );
        let refused = |platform, present, wanted| offered(platform, present, wanted).unwrap_err().to_string();
        assert!(refused("x86_64-linux", "1.10.0", None).contains("only a newer one"));
        assert!(refused("x86_64-linux", "1.11.0", None).contains("only a newer one"));
        assert!(refused("x86_64-linux", "1.10.0", Some("1.2.0")).contains("only a newer one"));
        assert!(refused("x86_64-linux", "1.2.0", Some("1.3.0")).contains("no package 1.3.0"));
        assert!(refused("x86_64-windows", "1.2.0", None).contains("no package for x86_64-windows"));
        assert!(refused("", "1.2.0", None).contains("not said"));
        assert!(refused("x86_64-linux", "unknown", None).contains("no version"));
    }
}
