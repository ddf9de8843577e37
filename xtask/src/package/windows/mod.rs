//! The agent for Windows: the program as it is handed out, the installer (`msi`), and both tried under wine (`trial`).
//!
//! Invariants: the program is linked by mingw's gcc, whatever Rust's standard library comes from; everything that carries a time
//! or a random number gets the commit's time, and numbers that follow from the content.

mod msi;
mod trial;

pub(super) use msi::make as pack;
pub(super) use trial::{is_the_right_machine, must_be_possible, try_out};

use super::Release;
use super::programs::{Profile, reproducible};
use super::stage::Stage;
use super::standard::{self, Standard};
use crate::build::target;
use crate::needs::{self, Need, on_path};
use crate::process::run;
use anyhow::{Result, ensure};
use std::path::PathBuf;

/// As upgrades, signatures and files call it.
pub(super) const PLATFORM: &str = "x86_64-windows";
/// As rustc calls it.
pub(super) const TARGET: &str = "x86_64-pc-windows-gnu";
/// What links it.
const LINKER: &str = "x86_64-w64-mingw32-gcc";
/// By which cargo finds the linker, and libraries in C their compiler.
const LINKER_VARIABLES: [&str; 2] = [
    "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER",
    "CC_x86_64_pc_windows_gnu",
];
/// In the stage.
const STAGED: &str = "bin/x86_64-windows/scmclient.exe";

/// What building needs.
pub(super) const NEEDS: &[Need] = &[
    Need::debian(
        "mingw-w64's C compiler",
        "it links the agent for Windows",
        &["gcc-mingw-w64-x86-64-win32", "mingw-w64-x86-64-dev"],
        || on_path(LINKER).is_some(),
    ),
    Need::debian(
        "wixl and msibuild",
        "they make the installer for Windows",
        &["wixl", "msitools"],
        || on_path("wixl").is_some() && on_path("msibuild").is_some(),
    ),
    Need::debian(
        "faketime",
        "wixl writes the time into what it makes, and the same sources are to give the same bytes",
        &["faketime"],
        || on_path("faketime").is_some(),
    ),
];

/// Builds the program into the stage; of another version than the sources say, where that is given.
pub(super) fn build(release: &Release, stage: &Stage, profile: Profile, version: Option<&str>) -> Result<()> {
    needs::ensure(NEEDS)?;
    let standard = standard::library(TARGET)?;
    println!("agent for {PLATFORM}: {standard}");
    let mut build = standard.cargo(&["build", "--locked", "--profile", profile.cargo()]);
    build.args(["--package", "scmclient", "--target", TARGET]);
    // The linker's own time stamp would differ each time.
    let flags = format!("{} -Clink-arg=-Wl,--no-insert-timestamp", standard.flags(false));
    let mut build = reproducible(build, release, &flags)?;
    build
        .envs(LINKER_VARIABLES.map(|name| (name, LINKER)))
        .env("CARGO_PROFILE_DEV_STRIP", "symbols")
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .envs(version.map(|version| ("OPENSCM_VERSION", version)));
    run(build)?;
    let built = target()?
        .join(TARGET)
        .join(profile.folder())
        .join("scmclient.exe");
    ensure!(built.is_file(), "cargo built no {}", built.display());
    stage.copy(&built, STAGED)
}

/// Holds the code for Windows to what the rest is held to. Needs what [`build`] needs.
pub(super) fn lint() -> Result<()> {
    let standard = standard::library(TARGET)?;
    let mut lint = standard.cargo(&[
        "clippy",
        "--locked",
        "--package",
        "scmclient",
        "--package",
        "scm-windows",
    ]);
    lint.args(["--target", TARGET])
        .envs(LINKER_VARIABLES.map(|name| (name, LINKER)));
    // Debian's own compiler has no clippy.
    if let Standard::Installed | Standard::Fetched = standard {
        lint.args(["--", "-D", "warnings"]);
        return run(lint);
    }
    println!("\nNOT DONE: clippy for Windows: {standard}\n");
    Ok(())
}

/// The program in the stage.
pub(super) fn staged(stage: &Stage) -> PathBuf {
    stage.folder().join(STAGED)
}

/// The name of the bare program.
pub(super) fn file(release: &Release) -> String {
    format!("scmclient-{}-{PLATFORM}", release.version)
}
