//! `.deb` and `.rpm`.

use super::Release;
use super::libraries::PROGRAMS;
use super::programs::AGENT_PLATFORM;
use super::stage::Stage;
use super::tools::Tools;
use crate::build::root;
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

const FORMATS: [&str; 2] = ["deb", "rpm"];
const ARCHITECTURE: &str = "amd64";

/// Packs everything of the stage.
pub(super) fn pack(tools: &Tools, release: &Release, stage: &Stage, out: &Path) -> Result<()> {
    let glibc = glibc()?;
    for package in PROGRAMS {
        for format in FORMATS {
            let mut pack = tools.command("nfpm");
            pack.args(["package", "--packager", format, "--config"])
                .arg(format!("packaging/linux/{package}.yaml"))
                .arg("--target")
                .arg(out)
                .current_dir(root())
                .env("SOURCE_DATE_EPOCH", &release.epoch)
                .env("VERSION", &release.version)
                .env("ARCH", ARCHITECTURE)
                .env("AGENT", AGENT_PLATFORM)
                .env("GLIBC", &glibc)
                .env("STAGE", stage.folder());
            run(pack)?;
        }
    }
    Ok(())
}

/// The version of this machine's C library, which server and console are linked with.
fn glibc() -> Result<String> {
    let mut getconf = Command::new("getconf");
    getconf.arg("GNU_LIBC_VERSION");
    let version = output(getconf).context("packages are built on a system with glibc")?;
    Ok(version.trim_start_matches("glibc ").to_owned())
}
