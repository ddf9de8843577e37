//! The programs, as they are shipped.

use super::Release;
use super::stage::Stage;
use crate::build::{cargo, root, target};
use crate::process::run;
use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How thoroughly to build.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// As the tests build: nothing is built twice.
    Quick,
    /// As it is handed out.
    Release,
}

impl Profile {
    /// As cargo calls it.
    pub(super) fn cargo(self) -> &'static str {
        match self {
            Profile::Quick => "dev",
            Profile::Release => "release",
        }
    }

    /// As cargo calls its folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Profile::Quick => "debug",
            Profile::Release => "release",
        }
    }
}

/// Builds server and console, and the program that describes their command lines and settings.
pub(super) fn build(release: &Release, stage: &Stage, profile: Profile) -> Result<()> {
    let mut native = cargo(&["build", "--locked", "--workspace", "--bins"]);
    native.args(["--profile", profile.cargo()]);
    if profile == Profile::Release {
        native = reproducible(native, release, WIDE)?;
    }
    run(native)?;
    let built = target()?.join(profile.folder());
    for program in ["scmserver", "scmtui", "scm-manuals"] {
        stage.copy(&built.join(program), &format!("bin/{program}"))?;
    }
    if profile == Profile::Quick {
        // Release builds are stripped by their profile; packages of unstripped programs would be ten times as large.
        strip(&stage.folder().join("bin/scmserver"))?;
        strip(&stage.folder().join("bin/scmtui"))?;
    }
    Ok(())
}

/// Takes the symbols out of a program for this machine.
pub(super) fn strip(program: &Path) -> Result<()> {
    let mut strip = Command::new("strip");
    strip.arg(program);
    run(strip)
}

/// As `.cargo/config.toml` says, whose flags give way to those of the environment.
const WIDE: &str = if cfg!(target_arch = "x86_64") {
    "--cfg curve25519_dalek_backend=\"avx512\""
} else {
    ""
};

/// The paths of this machine do not go into what is built, nor does its clock. `flags` go to the compiler as well.
pub(super) fn reproducible(mut command: Command, release: &Release, flags: &str) -> Result<Command> {
    let mut all = env::var("RUSTFLAGS").unwrap_or_default();
    // Of two that fit, the compiler takes the last.
    let folders = [
        (root(), "/openscm"),
        (target()?, "/openscm/target"),
        (cargo_home()?, "/cargo"),
    ];
    for (folder, name) in folders {
        all.push_str(&format!(" --remap-path-prefix={}={name}", folder.display()));
    }
    command
        .env("RUSTFLAGS", format!("{all} {flags}").trim())
        .env("SOURCE_DATE_EPOCH", &release.epoch);
    Ok(command)
}

fn cargo_home() -> Result<PathBuf> {
    let own = env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    own.or(usual).context("neither CARGO_HOME nor HOME is set")
}
