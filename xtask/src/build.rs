//! Where the sources and the built programs are, and building them.

use crate::{needs, process};
use anyhow::{Context, Result, ensure};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Newer than whatever the sources say.
pub(crate) const NEXT_VERSION: &str = "99.0.0";

/// How thoroughly to optimize.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// As it is shipped.
    Release,
}

impl Profile {
    fn folder(self) -> &'static str {
        match self {
            Profile::Dev => "debug",
            Profile::Release => "release",
        }
    }
}

/// The root of the repository: where cargo runs this from, not where it was once compiled, which differ when two clones share
/// a target folder.
pub(crate) fn root() -> PathBuf {
    let running = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let roots = running.iter().filter_map(|package| package.parent());
    let mut here = roots.filter(|root| root.join("xtask/Cargo.toml").is_file());
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.next().or(compiled.parent()).unwrap_or(compiled).to_owned()
}

/// Cargo, as it was called, in the root of the repository.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}

/// Cargo's target folder.
pub(crate) fn target() -> Result<PathBuf> {
    let metadata = process::output(cargo(&["metadata", "--no-deps", "--format-version=1"]))
        .context("`cargo metadata` failed")?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata).context("cargo metadata")?;
    let folder = metadata["target_directory"].as_str().context("cargo metadata")?;
    Ok(folder.into())
}

/// Builds an agent of another version, which tests upgrade to, as `scmclient-next`. Before the others, whose agent takes the
/// place of what is built here: only its own crate is built twice.
pub(crate) fn next_agent() -> Result<()> {
    let mut build = cargo(&["build", "--workspace", "--bin", "scmclient"]);
    build.env("OPENSCM_VERSION", NEXT_VERSION);
    process::run(build)?;
    let folder = target()?.join(Profile::Dev.folder());
    let (from, to) = (folder.join("scmclient"), folder.join("scmclient-next"));
    std::fs::copy(&from, &to)
        .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Builds the programs, and gives the folder that they are in.
pub(crate) fn programs(profile: Profile) -> Result<PathBuf> {
    needs::ensure(&[needs::LIBPQ])?;
    // All packages, as the tests build them: with other ones, their libraries would be built once more with other features.
    let mut arguments = vec!["build", "--workspace", "--bins"];
    if profile == Profile::Release {
        arguments.push("--release");
    }
    process::run(cargo(&arguments))?;
    let folder = target()?.join(profile.folder());
    for program in ["scmserver", "scmclient", "scmtui", "fleet"] {
        let path = folder.join(program);
        ensure!(path.is_file(), "cargo built no {}", path.display());
    }
    Ok(folder)
}
