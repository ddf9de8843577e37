//! The agents, one for each platform: built, handed out as bare programs, and put where the server's package takes them from.

use super::Release;
use super::programs::{Profile, reproducible};
use super::signing::Key;
use super::stage::Stage;
use super::standard;
use super::tools::Tools;
use crate::build::{NEXT_VERSION, next_agent, target};
use crate::process::run;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the stage with what the server's package carries for upgrades.
pub(super) const CARRIED: &str = "carried";

/// An agent for one platform.
pub(super) struct Agent {
    /// As files are called.
    pub name: &'static str,
    /// As upgrades and signatures call what it runs on.
    pub platform: &'static str,
    /// As rustc calls it.
    pub target: &'static str,
    /// The oldest C library that it runs with; none where it brings its own.
    pub glibc: Option<&'static str>,
    /// As packages call the machine; none where it is in no package.
    pub architecture: Option<&'static str>,
}

/// Those for Linux. With glibc 2.17 they run on distributions from 2014 on; the static one runs without any C library.
pub(super) const AGENTS: [Agent; 3] = [
    Agent {
        name: "x86_64-linux",
        platform: "x86_64-linux",
        target: "x86_64-unknown-linux-gnu",
        glibc: Some("2.17"),
        architecture: Some("amd64"),
    },
    Agent {
        name: "aarch64-linux",
        platform: "aarch64-linux",
        target: "aarch64-unknown-linux-gnu",
        glibc: Some("2.17"),
        architecture: Some("arm64"),
    },
    Agent {
        name: "x86_64-linux-static",
        platform: "x86_64-linux",
        target: "x86_64-unknown-linux-musl",
        glibc: None,
        architecture: None,
    },
];

impl Agent {
    /// The one that runs on the machine that builds, as the tests build it as well.
    pub(super) fn is_native(&self) -> bool {
        self.architecture == Some("amd64")
    }

    /// Whether the server's package carries it: one for each platform.
    fn is_carried(&self) -> bool {
        self.architecture.is_some()
    }

    /// The name of the bare program.
    pub(super) fn file(&self, release: &Release) -> String {
        format!("scmclient-{}-{}", release.version, self.name)
    }

    /// The program in the stage.
    pub(super) fn staged(&self, stage: &Stage) -> PathBuf {
        stage.folder().join("bin").join(self.name).join("scmclient")
    }

    /// With the C library that is the oldest, as the linker wants it.
    fn linked_for(&self) -> String {
        match self.glibc {
            Some(glibc) => format!("{}.{glibc}", self.target),
            None => self.target.to_owned(),
        }
    }

    /// What servers and agents want to read of a program that agents are upgraded to (docs/upgrades.md): `PackageStatement`
    /// in `scm-protocol`, which developer commands do not wait for.
    fn statement(&self, version: &str, hash: &str) -> String {
        statement(self.platform, version, hash)
    }
}

/// As [`Agent::statement`], for any platform.
fn statement(platform: &str, version: &str, hash: &str) -> String {
    format!("openscm scmclient {version} {platform} sha256:{hash}")
}

/// Builds all of them into the stage.
pub(super) fn build(tools: &Tools, release: &Release, stage: &Stage, profile: Profile) -> Result<()> {
    for agent in &AGENTS {
        let built = if profile == Profile::Quick && agent.is_native() {
            // Built with the server and the console already, for this machine's C library.
            target()?.join(profile.folder()).join("scmclient")
        } else {
            link(tools, release, agent, profile, None)?
        };
        take(agent, stage, &built, profile)?;
    }
    Ok(())
}

/// Puts a really newer agent in the place of the native one, to try upgrades with; `built` says that the tests left one.
pub(super) fn build_next(
    tools: &Tools,
    release: &Release,
    stage: &Stage,
    (profile, built): (Profile, bool),
) -> Result<()> {
    for agent in AGENTS.iter().filter(|agent| agent.is_native()) {
        let next = if profile == Profile::Quick {
            if !built {
                next_agent()?;
            }
            target()?.join(profile.folder()).join("scmclient-next")
        } else {
            link(tools, release, agent, profile, Some(NEXT_VERSION))?
        };
        take(agent, stage, &next, profile)?;
    }
    Ok(())
}

fn take(agent: &Agent, stage: &Stage, built: &Path, profile: Profile) -> Result<()> {
    let staged = format!("bin/{}/scmclient", agent.name);
    stage.copy(built, &staged)?;
    // The linker strips the others, which the tools of this machine may not know.
    if profile == Profile::Quick && agent.is_native() {
        super::programs::strip(&stage.folder().join(staged))?;
    }
    Ok(())
}

fn link(
    tools: &Tools,
    release: &Release,
    agent: &Agent,
    profile: Profile,
    version: Option<&str>,
) -> Result<PathBuf> {
    let standard = standard::library(agent.target)?;
    println!("agent for {}: {standard}", agent.name);
    let mut build = standard.cargo(&["zigbuild", "--locked", "--profile", profile.cargo()]);
    build.args(["--package", "scmclient", "--target", &agent.linked_for()]);
    tools.also_found_by(&mut build);
    let mut build = reproducible(build, release, &standard.flags(agent.glibc.is_none()))?;
    build
        .env("CARGO_PROFILE_DEV_STRIP", "symbols")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .envs(version.map(|version| ("OPENSCM_VERSION", version)));
    run(build)?;
    let built = target()?
        .join(agent.target)
        .join(profile.folder())
        .join("scmclient");
    ensure!(built.is_file(), "cargo built no {}", built.display());
    if agent.glibc.is_none() {
        ensure_static(&built)?;
    }
    Ok(built)
}

/// A program that looks for a C library after all would not start where there is none.
fn ensure_static(program: &Path) -> Result<()> {
    let mut headers = Command::new("readelf");
    headers.args(["--program-headers", "--wide"]).arg(program);
    let headers = crate::process::output(headers).context("readelf of the static agent")?;
    ensure!(
        !headers.contains("INTERP"),
        "{} is linked dynamically",
        program.display()
    );
    Ok(())
}

/// Puts the bare programs with their signatures into `out`, and into the stage what the server's package carries of them.
pub(super) fn hand_out(release: &Release, stage: &Stage, key: &Key, out: &Path) -> Result<()> {
    super::stage::empty(&stage.part(CARRIED))?;
    for agent in &AGENTS {
        let name = agent.file(release);
        let program = out.join(&name);
        fs::copy(agent.staged(stage), &program).with_context(|| format!("copying {name}"))?;
        let hash = super::signing::sha256(&program)?;
        let signature = key.sign(&program, &agent.statement(&release.version, &hash))?;
        if agent.is_carried() {
            carry(stage, &program, &signature, &name)?;
        }
    }
    Ok(())
}

/// The same for a program of another kind of system, which was built into the stage as `staged`.
pub(super) fn hand_out_other(
    (release, stage, key): (&Release, &Stage, &Key),
    (platform, staged): (&str, &Path),
    out: &Path,
) -> Result<()> {
    let name = format!("scmclient-{}-{platform}", release.version);
    let program = out.join(&name);
    fs::copy(staged, &program).with_context(|| format!("copying {name}"))?;
    let hash = super::signing::sha256(&program)?;
    let signature = key.sign(&program, &statement(platform, &release.version, &hash))?;
    carry(stage, &program, &signature, &name)
}

/// Has the server's package bring a program.
fn carry(stage: &Stage, program: &Path, signature: &Path, name: &str) -> Result<()> {
    stage.copy(program, &format!("{CARRIED}/{name}"))?;
    stage.copy(signature, &format!("{CARRIED}/{name}.minisig"))
}
