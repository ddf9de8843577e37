//! `cargo xtask package`: what is installed, built, described, packed and signed.
//!
//! Invariants: the same commit, key and machine give the same bytes (every time stamp is that of the commit, every path of this
//! machine is taken out), which `--twice` proves; nothing is downloaded that a lock file or a pinned version does not name;
//! what is missing is installed or named.

mod agents;
mod boot;
mod documents;
mod gates;
mod libraries;
mod linux;
mod programs;
mod sbom;
mod signing;
mod stage;
mod standard;
mod tools;
mod trial;
mod twice;
mod windows;

use crate::build::{NEXT_VERSION, root, target};
use crate::needs::{self, LIBPQ, MINISIGN, Need};
use crate::process;
use anyhow::{Context, Result};
use programs::Profile;
use signing::Key;
use stage::Stage;
use std::path::{Path, PathBuf};
use std::process::Command;
use tools::Tools;

/// What building packages needs beyond what building the programs needs.
const NEEDS: &[Need] = &[LIBPQ, MINISIGN];

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
    #[arg(long = "try", conflicts_with_all = ["twice", "key"])]
    trial: bool,
    /// Build and try only the agent for Windows and its installer, under wine
    #[arg(long, conflicts_with_all = ["twice", "trial", "key", "out"])]
    try_windows: bool,
    /// Build everything twice from nothing, and compare every byte
    #[arg(long)]
    twice: bool,
}

/// What every step needs to know.
struct Release {
    /// As in `Cargo.toml`.
    version: String,
    /// Unix seconds of the commit.
    epoch: String,
}

/// What packages are made with.
struct Workshop {
    tools: Tools,
    release: Release,
    stage: Stage,
    profile: Profile,
    key: Key,
}

/// Builds the packages, and checks them as far as that was asked for.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.twice {
        return twice::compare(options.quick, options.key.as_deref());
    }
    if options.try_windows {
        return try_windows();
    }
    if options.trial {
        boot::must_be_possible().context("the packages cannot be tried here")?;
    }
    let profile = if options.quick {
        Profile::Quick
    } else {
        Profile::Release
    };
    let out = match &options.out {
        Some(folder) => std::path::absolute(folder).context("--out")?,
        None => target()?.join("packages"),
    };
    let workshop = Workshop::open(profile, options.key.as_deref())?;
    workshop.make(&out)?;
    if options.trial {
        gates::check(&out)?;
        workshop.try_out(&out, false)?;
        windows::must_be_possible().context("the agent for Windows cannot be tried here")?;
        workshop.try_windows(&out)?;
    }
    println!("\npackages: {}", out.display());
    Ok(())
}

/// After the tests, which built the programs: quick packages, checked, and tried where that is possible. What is
/// not possible on this machine is said; what root could do must be done.
pub(crate) fn check() -> Result<()> {
    if needs::on_path("apt-get").is_none() {
        not_done(
            "building and trying the packages",
            "it needs Debian or a relative",
        );
        return Ok(());
    }
    let all = [NEEDS, gates::NEEDS, windows::NEEDS].concat();
    if let Err(missing) = needs::ensure(&all) {
        if boot::is_root() {
            return Err(missing);
        }
        not_done("building and trying the packages", &format!("{missing:#}"));
        return Ok(());
    }
    let out = target()?.join("packages-tested");
    let workshop = Workshop::open(Profile::Quick, None)?;
    workshop.make(&out)?;
    gates::check(&out)?;
    windows::lint()?;
    match boot::must_be_possible() {
        Ok(()) => workshop.try_out(&out, true)?,
        Err(reason) => not_done("trying the packages on a booted Debian", &format!("{reason:#}")),
    }
    match windows::must_be_possible() {
        Ok(()) => workshop.try_windows(&out),
        Err(missing) if boot::is_root() && windows::is_the_right_machine() => Err(missing),
        Err(reason) => {
            not_done("trying the agent for Windows under wine", &format!("{reason:#}"));
            Ok(())
        }
    }
}

/// Only the agent for Windows.
fn try_windows() -> Result<()> {
    windows::must_be_possible().context("the agent for Windows cannot be tried here")?;
    let out = target()?.join("packages-windows");
    let workshop = Workshop::open(Profile::Quick, None)?;
    programs::build(&workshop.release, &workshop.stage, workshop.profile)?;
    windows::build(&workshop.release, &workshop.stage, workshop.profile, None)?;
    documents::write(&workshop.release, &workshop.stage)?;
    stage::empty(&out)?;
    workshop.pack_windows(&workshop.release, &out)?;
    workshop.try_windows(&out)?;
    println!("\npackages: {}", out.display());
    Ok(())
}

fn not_done(what: &str, reason: &str) {
    println!("\nNOT DONE: {what}: {reason}\n");
}

impl Workshop {
    fn open(profile: Profile, key: Option<&Path>) -> Result<Self> {
        needs::ensure(NEEDS)?;
        Ok(Workshop {
            tools: Tools::installed()?,
            release: Release::of_this_commit()?,
            stage: Stage::new()?,
            profile,
            key: match key {
                Some(key) => Key::of_release(key)?,
                None => Key::throw_away()?,
            },
        })
    }

    /// Builds everything, into `out`.
    fn make(&self, out: &Path) -> Result<()> {
        programs::build(&self.release, &self.stage, self.profile)?;
        agents::build(&self.tools, &self.release, &self.stage, self.profile)?;
        windows::build(&self.release, &self.stage, self.profile, None)?;
        documents::write(&self.release, &self.stage)?;
        self.pack(&self.release, out)?;
        sbom::write(&self.release, out)?;
        signing::sign(&self.release, &self.key, out)
    }

    /// Packs what is in the stage.
    fn pack(&self, release: &Release, out: &Path) -> Result<()> {
        stage::empty(out)?;
        agents::hand_out(release, &self.stage, &self.key, out)?;
        self.pack_windows(release, out)?;
        linux::pack(self, release, out)
    }

    /// The bare agent for Windows, and its installer.
    fn pack_windows(&self, release: &Release, out: &Path) -> Result<()> {
        let staged = windows::staged(&self.stage);
        let what = (release, &self.stage, &self.key);
        agents::hand_out_other(what, (windows::PLATFORM, &staged), out)?;
        windows::pack(release, &self.stage, &staged, out)
    }

    /// Tries the installer in `out`, and upgrading from it.
    fn try_windows(&self, out: &Path) -> Result<()> {
        windows::build(&self.release, &self.stage, self.profile, Some(NEXT_VERSION))?;
        let (next, folder) = (self.release.next(), self.stage.part("next-windows"));
        stage::empty(&folder)?;
        self.pack_windows(&next, &folder)?;
        let server = self.stage.part("bin/scmserver");
        windows::try_out(&server, (&self.release, out), (&next, &folder))
    }

    /// Tries what is in `out`, and upgrading to what comes after it; `built` says that the tests built that.
    fn try_out(&self, out: &Path, built: bool) -> Result<()> {
        agents::build_next(&self.tools, &self.release, &self.stage, (self.profile, built))?;
        let next = self.stage.part("next");
        self.pack(&self.release.next(), &next)?;
        trial::run(out, &next)
    }
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

    /// The version after it, to try upgrades.
    fn next(&self) -> Self {
        Release {
            version: NEXT_VERSION.to_owned(),
            epoch: self.epoch.clone(),
        }
    }
}
