//! What cargo links into the shipped programs.

use crate::build::{cargo, root};
use crate::process::output;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// The programs that are handed out.
pub(super) const PROGRAMS: [&str; 3] = ["scmserver", "scmclient", "scmtui"];

/// A crate that is part of one.
pub(super) struct Library {
    pub name: String,
    pub version: String,
    /// As its manifest says, an SPDX expression.
    pub license: Option<String>,
    /// Where its source is kept.
    pub repository: Option<String>,
    /// SHA-256 of the archive that it was built from, in hexadecimal, as the lock file says.
    pub checksum: Option<String>,
    /// Its manifest on this machine.
    pub manifest: PathBuf,
}

impl Library {
    /// `name version`.
    pub(super) fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }
}

/// All that came from a registry, by name; ours are not among them.
pub(super) fn all() -> Result<Vec<Library>> {
    let metadata =
        output(cargo(&["metadata", "--locked", "--format-version=1"])).context("`cargo metadata` failed")?;
    let metadata: Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let checksums = checksums()?;
    let packages = metadata["packages"].as_array().context("cargo metadata")?;
    let foreign = packages.iter().filter(|package| !package["source"].is_null());
    let text = |package: &Value, member: &str| package[member].as_str().map(str::to_owned);
    foreign
        .map(|package| {
            let name = text(package, "name").context("cargo metadata: name")?;
            let version = text(package, "version").context("cargo metadata: version")?;
            Ok(Library {
                checksum: checksums.get(&format!("{name} {version}")).cloned(),
                license: text(package, "license"),
                repository: text(package, "repository"),
                manifest: text(package, "manifest_path")
                    .context("cargo metadata: manifest_path")?
                    .into(),
                name,
                version,
            })
        })
        .collect()
}

/// `name version` of everything that is linked into one of these programs, for a target of rustc; none: for this machine.
pub(super) fn linked_into(programs: &[&str], target: Option<&str>) -> Result<BTreeSet<String>> {
    let mut tree = cargo(&[
        "tree",
        "--locked",
        "--prefix=none",
        "--edges=normal",
        "--format={p}",
    ]);
    if let Some(target) = target {
        tree.args(["--target", target]);
    }
    for program in programs {
        tree.args(["--package", program]);
    }
    let tree = output(tree).context("`cargo tree` failed")?;
    let line = |line: &str| {
        let (name, version) = line.split_once(" v")?;
        let version = version.split_whitespace().next()?;
        Some(format!("{name} {version}"))
    };
    Ok(tree.lines().filter_map(line).collect())
}

/// The checksum of each `name version` in the lock file.
fn checksums() -> Result<BTreeMap<String, String>> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("Cargo.lock")?;
    let entry = |part: &str| {
        let member = |name: &str| {
            let begin = format!("{name} = \"");
            let line = part.lines().find_map(|line| line.strip_prefix(begin.as_str()))?;
            line.strip_suffix('"').map(str::to_owned)
        };
        let title = format!("{} {}", member("name")?, member("version")?);
        Some((title, member("checksum")?))
    };
    Ok(lock.split("[[package]]").filter_map(entry).collect())
}
