//! `.deb` and `.rpm`.

use super::agents::{AGENTS, Agent};
use super::programs::Profile;
use super::{Release, Workshop};
use crate::build::root;
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

const FORMATS: [&str; 2] = ["deb", "rpm"];
/// That of the machine that builds, for server and console.
const ARCHITECTURE: &str = "amd64";

/// Packs everything of the stage.
pub(super) fn pack(workshop: &Workshop, release: &Release, out: &Path) -> Result<()> {
    let glibc = glibc()?;
    for format in FORMATS {
        for package in ["scmserver", "scmtui"] {
            let mut pack = packer(workshop, release, out, (package, format));
            pack.env("ARCH", ARCHITECTURE).env("GLIBC", &glibc);
            run(pack)?;
        }
        for agent in &AGENTS {
            let Some(architecture) = agent.architecture else {
                continue;
            };
            let mut pack = packer(workshop, release, out, ("scmclient", format));
            pack.env("ARCH", architecture).env("AGENT", agent.name);
            pack.env("GLIBC", needed_by(agent, workshop.profile, &glibc));
            run(pack)?;
        }
    }
    Ok(())
}

fn packer(workshop: &Workshop, release: &Release, out: &Path, (package, format): (&str, &str)) -> Command {
    let mut pack = workshop.tools.command("nfpm");
    pack.args(["package", "--packager", format, "--config"])
        .arg(format!("packaging/linux/{package}.yaml"))
        .arg("--target")
        .arg(out)
        .current_dir(root())
        .env("SOURCE_DATE_EPOCH", &release.epoch)
        .env("VERSION", &release.version)
        .env("STAGE", workshop.stage.folder());
    pack
}

/// The C library of an agent: the oldest, but for a quick one, which is linked as the tests link it.
fn needed_by<'a>(agent: &Agent, profile: Profile, machine: &'a str) -> &'a str {
    match agent.glibc {
        Some(oldest) if !(profile == Profile::Quick && agent.is_native()) => oldest,
        _ => machine,
    }
}

/// The version of this machine's C library, which server and console are linked with.
fn glibc() -> Result<String> {
    let mut getconf = Command::new("getconf");
    getconf.arg("GNU_LIBC_VERSION");
    let version = output(getconf).context("packages are built on a system with glibc")?;
    Ok(version.trim_start_matches("glibc ").to_owned())
}
