//! A clock of its own for one program.

use anyhow::{Context, Result};
use std::process::Command;

/// Words before a command line that shift its time of day: `env` with what `faketime` would set, because `faketime`
/// itself stays between us and the program. `offset` is `+1d`, `-90m` and the like.
///
/// # Errors
/// When `faketime` is not installed.
pub fn faketime(offset: &str) -> Result<Vec<String>> {
    let output = Command::new("faketime").args(["-f", offset, "env"]).output();
    let output = output.context("faketime is missing: `cargo xtask test` installs it")?;
    let preload = String::from_utf8(output.stdout)?;
    let preload = preload
        .lines()
        .find(|line| line.starts_with("LD_PRELOAD="))
        .context("faketime sets no LD_PRELOAD")?;
    // Only the time of day: with a shifted monotonic clock, every wait of the program would last as long.
    let offset = format!("FAKETIME={offset}");
    let settings = [
        offset.as_str(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "DONT_FAKE_MONOTONIC=1",
    ];
    let words = ["env", preload].into_iter().chain(settings);
    Ok(words.map(str::to_owned).collect())
}
