//! `cargo xtask fuzz`: runs the fuzz targets over everything that is read before it is verified.
//!
//! Built with the coverage instrumentation that the stable compiler has, so that no other toolchain is needed. What was
//! found interesting is kept in `fuzz/corpus`, one folder a target, and every run begins with it.

use crate::build::{self, cargo};
use crate::needs::{self, CPLUSPLUS, Need};
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is needed beyond a C compiler: libFuzzer is C++.
pub(crate) const NEEDS: &[Need] = &[CPLUSPLUS];

/// Coverage for libFuzzer, from passes that the stable compiler lets one choose.
const INSTRUMENTATION: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "--cfg=fuzzing",
];

/// Time for each target, and what to do with what was found.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target.
    #[arg(long, default_value_t = 60, value_name = "SECS")]
    seconds: u32,
    /// Only this target.
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// Add inputs that reached something new to the corpora in the repository.
    #[arg(long)]
    keep: bool,
}

/// Builds the targets and runs them one after the other.
pub(crate) fn run(options: &Options) -> Result<()> {
    let all = targets()?;
    let chosen: Vec<String> = match &options.target {
        Some(name) if all.contains(name) => vec![name.clone()],
        Some(name) => bail!("there is no fuzz target `{name}`, there are {}", all.join(", ")),
        None => all,
    };
    fuzz(&chosen, options.seconds, options.keep)
}

/// Every target for `seconds`, leaving the repository as it is.
pub(crate) fn all_for(seconds: u32) -> Result<()> {
    fuzz(&targets()?, seconds, false)
}

fn fuzz(targets: &[String], seconds: u32, keep: bool) -> Result<()> {
    needs::ensure(NEEDS)?;
    let programs = build(targets)?;
    let scratch = tempfile::tempdir().context("cannot make a folder for new inputs")?;
    for target in targets {
        let found = scratch.path().join(target);
        fs::create_dir_all(&found).context("cannot make a folder for new inputs")?;
        fuzz_one(&programs.join(target), target, &found, seconds)?;
        if keep {
            let mut merge = Command::new(programs.join(target));
            merge.arg("-set_cover_merge=1").arg(corpus(target)).arg(&found);
            process::run(merge)?;
        }
    }
    Ok(())
}

/// One target: new inputs go to `found`, an input that breaks something to `fuzz/artifacts`.
fn fuzz_one(program: &Path, target: &str, found: &Path, seconds: u32) -> Result<()> {
    let artifacts = folder().join("artifacts").join(target);
    fs::create_dir_all(&artifacts).with_context(|| format!("cannot make {}", artifacts.display()))?;
    let corpus = corpus(target);
    if fs::read_dir(&corpus).map_or(0, Iterator::count) == 0 {
        bail!("{} holds no inputs to begin with", corpus.display());
    }
    let mut command = Command::new(program);
    command
        .arg(found)
        .arg(&corpus)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        // An input that takes this long, or this much memory, is a fault of its own.
        .args([
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-verbosity=0",
            "-print_final_stats=1",
        ]);
    process::run(command).with_context(|| {
        format!(
            "the fuzz target {target} broke; run its program with the file in {} to see it again",
            artifacts.display()
        )
    })
}

/// Builds the targets with instrumentation; gives the folder that they are in.
fn build(targets: &[String]) -> Result<PathBuf> {
    let host = host()?;
    let mut command = cargo(&["build", "--locked", "--target", &host]);
    command
        .arg("--manifest-path")
        .arg(folder().join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", build::target()?)
        .env("CARGO_ENCODED_RUSTFLAGS", INSTRUMENTATION.join("\u{1f}"));
    for target in targets {
        command.args(["--bin", target]);
    }
    process::run(command)?;
    Ok(build::target()?.join(host).join("debug"))
}

/// The name of this machine's kind, as rustc gives it.
fn host() -> Result<String> {
    let mut rustc = Command::new("rustc");
    rustc.arg("-vV");
    let about = process::output(rustc).context("`rustc -vV` failed")?;
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not name its host")
}

/// The targets: one file each.
fn targets() -> Result<Vec<String>> {
    let folder = folder().join("targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.context("cannot read a folder")?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
        }
    }
    names.sort();
    Ok(names)
}

fn folder() -> PathBuf {
    build::root().join("fuzz")
}

fn corpus(target: &str) -> PathBuf {
    folder().join("corpus").join(target)
}
