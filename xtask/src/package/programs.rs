//! The programs, as they are shipped.

use super::Release;
use super::stage::Stage;
use super::tools::Tools;
use crate::build::{cargo, root, target};
use crate::process::run;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The oldest C library that the agent runs on, by target: distributions from 2014 on.
const AGENT_TARGET: &str = "x86_64-unknown-linux-gnu.2.17";
const AGENT_FOLDER: &str = "x86_64-unknown-linux-gnu";
/// The platform as upgrades name it.
pub(super) const AGENT_PLATFORM: &str = "x86_64-linux";

/// Builds server, console and agent, and the program that describes their command lines.
pub(super) fn build(tools: &Tools, release: &Release, stage: &Stage, quick: bool) -> Result<()> {
    let (profile, folder) = if quick {
        ("dev", "debug")
    } else {
        ("release", "release")
    };
    let mut native = cargo(&["build", "--locked", "--workspace", "--bins", "--profile", profile]);
    if !quick {
        native = reproducible(native, release)?;
    }
    run(native)?;
    let built = target()?.join(folder);
    for program in ["scmserver", "scmtui", "scm-manuals"] {
        stage.copy(&built.join(program), &format!("bin/{program}"))?;
    }
    let mut agent = cargo(&[
        "zigbuild",
        "--locked",
        "--profile",
        profile,
        "--package",
        "scmclient",
    ]);
    agent.args(["--target", AGENT_TARGET]);
    tools.also_found_by(&mut agent);
    if !quick {
        agent = reproducible(agent, release)?;
    }
    run(agent)?;
    let built = target()?.join(AGENT_FOLDER).join(folder).join("scmclient");
    ensure!(built.is_file(), "cargo built no {}", built.display());
    stage.copy(&built, &format!("bin/{AGENT_PLATFORM}/scmclient"))?;
    if quick {
        // Release builds are stripped by their profile; packages of unstripped programs would be ten times as large.
        for program in [
            "bin/scmserver",
            "bin/scmtui",
            &format!("bin/{AGENT_PLATFORM}/scmclient"),
        ] {
            let mut strip = Command::new("strip");
            strip.arg(stage.folder().join(program));
            run(strip)?;
        }
    }
    Ok(())
}

/// The file name of the bare agent, which upgrades are made of.
pub(super) fn agent_name(release: &Release) -> String {
    format!("scmclient-{}-{AGENT_PLATFORM}", release.version)
}

/// Puts the bare agent beside the packages.
pub(super) fn hand_out_agent(release: &Release, stage: &Stage, out: &Path) -> Result<()> {
    let program = stage.folder().join(format!("bin/{AGENT_PLATFORM}/scmclient"));
    let to = out.join(agent_name(release));
    fs::copy(&program, &to).with_context(|| format!("copying {}", program.display()))?;
    Ok(())
}

/// The paths of this machine do not go into what is built, nor does its clock.
fn reproducible(mut command: Command, release: &Release) -> Result<Command> {
    let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
    let folders = [(root(), "/openscm"), (cargo_home()?, "/cargo")];
    for (folder, name) in folders {
        flags.push_str(&format!(" --remap-path-prefix={}={name}", folder.display()));
    }
    command
        .env("RUSTFLAGS", flags.trim())
        .env("SOURCE_DATE_EPOCH", &release.epoch);
    Ok(command)
}

fn cargo_home() -> Result<PathBuf> {
    let own = env::var_os("CARGO_HOME").map(PathBuf::from);
    let usual = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    own.or(usual).context("neither CARGO_HOME nor HOME is set")
}
