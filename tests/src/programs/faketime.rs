//! A clock of its own for one program.

use anyhow::{Context, Result};
use std::process::Command;

/// The environment that shifts a program's time of day: what `faketime` would set, because `faketime` itself stays between
/// us and the program. `offset` is `+1d`, `-90m` and the like.
pub(super) fn shifted(offset: &str) -> Result<Vec<(String, String)>> {
    let output = Command::new("faketime").args(["-f", offset, "env"]).output();
    let output = output.context("faketime is missing: `cargo xtask test` installs it")?;
    let preload = String::from_utf8(output.stdout)?;
    let preload = preload.lines().find_map(|line| line.strip_prefix("LD_PRELOAD="));
    // Only the time of day: with a shifted monotonic clock, every wait of the program would last as long.
    let settings = [
        ("LD_PRELOAD", preload.context("faketime sets no LD_PRELOAD")?),
        ("FAKETIME", offset),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    Ok(settings
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec())
}

/// The same as words before a command line.
///
/// # Errors
/// When `faketime` is not installed.
pub fn faketime(offset: &str) -> Result<Vec<String>> {
    let settings = shifted(offset)?;
    let assigned = settings.iter().map(|(name, value)| format!("{name}={value}"));
    Ok(std::iter::once("env".to_owned()).chain(assigned).collect())
}
