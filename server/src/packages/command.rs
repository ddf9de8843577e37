//! `scmserver packages`: for whoever administers the server's machine.

use super::service;
use crate::audit::{Actor, Entry, Outcome, record_all};
use crate::clock::{Clock, SystemClock, rfc3339};
use crate::config::Config;
use crate::error::Error;
use crate::signing;
use crate::storage::{Conn, DatabaseUrl, hold_organization, transaction};
use anyhow::{Context, bail};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::release::{ReleaseKey, Released};
use scm_protocol::upgrades::{MAX_PACKAGE_BYTES, MAX_SIGNATURE_BYTES};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Whom the audit names.
const BY: &str = "command-line";

/// Verifies a program and stores it, whether the server runs or not.
///
/// # Errors
/// Why it is not a released program of an agent, and what to do; nothing was stored then.
pub fn add(config: &Config, file: &Path, signature: Option<&Path>) -> anyhow::Result<()> {
    let keys = release_keys(config)?;
    let beside = beside(file);
    let signature = signature.unwrap_or(&beside);
    let refused = || format!("{} was not added", file.display());
    let text = read_signature(signature).with_context(refused)?;
    // What is verified is what is stored, whatever becomes of the file meanwhile.
    let program = read_program(file)?;
    let released = Released::verify(&keys, &text, program.as_slice()).with_context(refused)?;
    let now = SystemClock.now();
    let statement = released.statement().clone();
    let (target, detail) = (
        format!("package:{}/{}", statement.platform, statement.version),
        json!({ "sha256": statement.sha256, "size_bytes": released.size_bytes() }),
    );
    let mut conn = connect(config)?;
    let added = transaction(&mut conn, |conn| {
        hold_all(conn)?;
        service::add(conn, &released, &text, &program, (BY, now))?;
        record(conn, ("packages.add", &target), &detail, now)
    });
    added.with_context(refused)?;
    println!(
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
        println!("no packages");
    }
    for package in packages {
        println!(
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
        record(conn, ("packages.remove", &target), &json!({}), now)
    });
    removed.context("nothing was removed")?;
    println!("{version} for {platform} was removed");
    Ok(())
}

/// The keys that releases are signed with: those of packages, and that of the server's own program.
fn release_keys(config: &Config) -> anyhow::Result<Vec<ReleaseKey>> {
    let keys = config.release_keys().map(ReleaseKey::parse);
    let keys: Vec<ReleaseKey> = keys.collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    if keys.is_empty() {
        bail!(
            "no release key is configured, so no package can be verified: set release_keys in [packages] to the public key of \
             whoever signs your releases (docs/upgrades.md)"
        );
    }
    Ok(keys)
}

fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// At most a byte more than a package may have: enough to refuse it.
fn read_program(path: &Path) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_PACKAGE_BYTES).unwrap_or(u64::MAX) + 1;
    let mut program = Vec::new();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    file.take(limit)
        .read_to_end(&mut program)
        .with_context(|| format!("reading {}", path.display()))?;
    Ok(program)
}

fn read_signature(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_SIGNATURE_BYTES).unwrap_or(u64::MAX) + 1;
    let opened = File::open(path).with_context(|| {
        format!(
            "its signature {} cannot be read; --signature names it elsewhere",
            path.display()
        )
    })?;
    opened
        .take(limit)
        .read_to_string(&mut text)
        .with_context(|| format!("{} is no signature of minisign", path.display()))?;
    Ok(text)
}

fn connect(config: &Config) -> anyhow::Result<Conn> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    // Says so where there is none, instead of making an empty one.
    drop(url.connect_read_only()?);
    Ok(url.connect()?)
}

/// In the order of their ids, as whoever records in several does.
fn hold_all(conn: &mut Conn) -> Result<(), Error> {
    let mut ids: Vec<i64> = signing::names(conn)?.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    ids.into_iter().try_for_each(|id| hold_organization(conn, id))
}

/// Packages are every organization's.
fn record(
    conn: &mut Conn,
    (action, target): (&str, &str),
    detail: &Value,
    at: UnixMillis,
) -> Result<(), Error> {
    let actor = Actor {
        name: BY.to_owned(),
        address: String::new(),
    };
    let mut ids: Vec<i64> = signing::names(conn)?.into_iter().map(|(_, id)| id).collect();
    ids.sort_unstable();
    let entry = |organization_id: &i64| Entry {
        organization_id: *organization_id,
        at,
        actor: &actor,
        action,
        target,
        outcome: Outcome::Done,
        detail: detail.clone(),
    };
    let entries: Vec<Entry<'_>> = ids.iter().map(entry).collect();
    record_all(conn, &entries)
}
