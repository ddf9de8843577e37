//! `cargo xtask package`: what is installed, built, described, packed and signed.
//!
//! Invariants: the same commit on the same machine gives the same bytes (every time stamp is that of the commit, every path of
//! this machine is taken out); nothing is downloaded that a lock file or a pinned version does not name; what is missing is
//! installed or named.

mod documents;
mod libraries;
mod linux;
mod programs;
mod sbom;
mod signing;
mod stage;
mod tools;
mod trial;

use crate::build::{root, target};
use crate::needs::{self, LIBPQ, MINISIGN, Need};
use crate::process;
use anyhow::{Context, Result};
use stage::Stage;
use std::path::PathBuf;
use std::process::Command;
use tools::Tools;

/// What building packages needs beyond what building the programs needs.
pub(crate) const NEEDS: &[Need] = &[LIBPQ, MINISIGN];

/// Where to, and by which key.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Folder for the packages; its former content is replaced [default: target/packages]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Secret key of `minisign -G` that signs; without it a throw-away one is made, whose signatures prove nothing
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Build as quickly as possible instead of as well as possible: to try the packages, never to hand them out
    #[arg(long)]
    quick: bool,
    /// Then check the packages and try them on a Debian booted in a container, as root
    #[arg(long = "try")]
    trial: bool,
}

/// What every step needs to know.
struct Release {
    /// As in `Cargo.toml`.
    version: String,
    /// Unix seconds of the commit.
    epoch: String,
}

/// Builds the packages, and tries them where that was asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::ensure(NEEDS)?;
    let tools = Tools::installed()?;
    let release = Release::of_this_commit()?;
    let stage = Stage::new()?;
    programs::build(&tools, &release, &stage, options.quick)?;
    documents::write(&release, &stage)?;
    let out = match &options.out {
        Some(folder) => std::path::absolute(folder).context("--out")?,
        None => target()?.join("packages"),
    };
    stage::empty(&out)?;
    linux::pack(&tools, &release, &stage, &out)?;
    programs::hand_out_agent(&release, &stage, &out)?;
    sbom::write(&release, &out)?;
    signing::sign(&release, &out, options.key.as_deref())?;
    if options.trial {
        let next = stage.part("next");
        stage::empty(&next)?;
        linux::pack(&tools, &release.next(), &stage, &next)?;
        trial::run_trial(&out, &next)?;
    }
    println!("\npackages: {}", out.display());
    Ok(())
}

impl Release {
    fn of_this_commit() -> Result<Self> {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).context("Cargo.toml")?;
        let version = manifest
            .lines()
            .find_map(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
            .context("Cargo.toml names no version")?;
        let mut log = Command::new("git");
        log.args(["log", "-1", "--format=%ct"]).current_dir(root());
        let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => process::output(log)
                .context("this is no git clone: set SOURCE_DATE_EPOCH to the release's Unix time")?,
        };
        Ok(Release {
            version: version.to_owned(),
            epoch,
        })
    }

    /// The same as a later version, to try an upgrade.
    fn next(&self) -> Self {
        Release {
            version: format!("{}.1", self.version),
            epoch: self.epoch.clone(),
        }
    }
}
