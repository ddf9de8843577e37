//! `cargo xtask test`: every test, with what the tests need.

use crate::build::{self, Profile};
use crate::needs::{self, on_path};
use crate::postgres::{Cluster, Durability};
use crate::process;
use crate::{fuzz, package};
use anyhow::Result;
use std::process::Command;

/// Seconds for each fuzz target: enough to try every kept input and some hundred thousand more.
const FUZZ_SECONDS: u32 = 10;

/// Every test, unit to end to end.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this.
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Only the tests of this file in `tests/tests`; nothing else is built. Can be given several times.
    #[arg(long, value_name = "FILE")]
    test: Vec<String>,
    /// Then build packages of what was tested, check them, and try them on a booted Debian: as root, on Debian or a relative
    #[arg(long)]
    packages: bool,
}

/// Builds, makes ready, tests.
pub(crate) fn run(options: &Options) -> Result<()> {
    needs::ensure(needs::ALL)?;
    build::next_agent()?;
    let programs = build::programs(Profile::Dev)?;
    let python = needs::venv()?;
    let cluster = Cluster::start(Durability::Off)?;
    let with_surroundings = |mut command: Command| {
        command
            .env("SCM_BIN_DIR", &programs)
            .env("SCM_PYTHON", &python)
            .env("SCM_POSTGRES_BIN_DIR", cluster.programs())
            .env("SCM_TEST_POSTGRES_URL", cluster.url());
        command
    };
    process::run(with_surroundings(all_but_documentation(options)))?;
    if options.only.is_none() && options.test.is_empty() {
        process::run(with_surroundings(build::cargo(&[
            "test",
            "--workspace",
            "--doc",
            "--quiet",
        ])))?;
        fuzz::all_for(FUZZ_SECONDS)?;
    }
    if options.packages {
        package::check()?;
    }
    Ok(())
}

/// Nextest when it is there: one process a test, and a time limit on each.
fn all_but_documentation(options: &Options) -> Command {
    let mut command = if on_path("cargo-nextest").is_some() {
        build::cargo(&[
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--no-tests=fail",
        ])
    } else {
        println!("cargo-nextest is not installed: using cargo test");
        let mut command = build::cargo(&["test", "--workspace", "--no-fail-fast"]);
        if options.test.is_empty() {
            command.args(["--lib", "--bins", "--tests"]);
        }
        command
    };
    for file in &options.test {
        command.args(["--test", file]);
    }
    command.args(&options.only);
    command
}
