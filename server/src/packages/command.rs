//! `scmserver packages`: for whoever administers the server's machine.

use super::file::{Program, release_keys};
use super::recorded::{hold_all, record};
use super::service;
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Config;
use crate::say;
use crate::storage::{Conn, DatabaseUrl, transaction};
use anyhow::Context;
use scm_protocol::upgrades::platform::Platform;
use serde_json::json;
use std::path::Path;

/// Whom the audit names.
const BY: &str = "command-line";

/// Verifies a program and stores it, whether the server runs or not.
///
/// # Errors
/// Why it is not a released program of an agent, and what to do; nothing was stored then.
pub fn add(config: &Config, file: &Path, signature: Option<&Path>) -> anyhow::Result<()> {
    let keys = release_keys(config)?;
    let refused = || format!("{} was not added", file.display());
    let program = Program::read(&keys, file, signature).with_context(refused)?;
    let now = SystemClock.now();
    let mut conn = connect(config)?;
    let added = transaction(&mut conn, |conn| program.add(conn, (BY, now)));
    added.with_context(refused)?;
    let (statement, released) = (program.released().statement(), program.released());
    say!(
        "{} {} for {}: {} bytes, SHA-256 {}",
        statement.product,
        statement.version,
        statement.platform,
        released.size_bytes(),
        statement.sha256
    );
    Ok(())
}

/// Prints what there is.
///
/// # Errors
/// When the database cannot be read.
pub fn list(config: &Config) -> anyhow::Result<()> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    let packages = service::all(&mut url.connect_read_only()?)?;
    if packages.is_empty() {
        say!("no packages");
    }
    for package in packages {
        say!(
            "{:<20} {:<16} {:>10} bytes  {}  {}{}",
            package.platform.as_str(),
            package.version,
            package.size_bytes,
            package.sha256,
            rfc3339(package.added_ms),
            if package.offered { "  offered" } else { "" }
        );
    }
    Ok(())
}

/// Removes a package that no upgrade under way needs.
///
/// # Errors
/// Why it is not removed.
pub fn remove(config: &Config, platform: &Platform, version: &str) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let target = format!("package:{platform}/{version}");
    let mut conn = connect(config)?;
    let removed = transaction(&mut conn, |conn| {
        hold_all(conn)?;
        service::remove(conn, platform, version)?;
        record(conn, ("packages.remove", &target), &json!({}), (BY, now))
    });
    removed.context("nothing was removed")?;
    say!("{version} for {platform} was removed");
    Ok(())
}

fn connect(config: &Config) -> anyhow::Result<Conn> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    // Says so where there is none, instead of making an empty one.
    drop(url.connect_read_only()?);
    Ok(url.connect()?)
}
