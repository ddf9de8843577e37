//! `scmserver backup` and `scmserver restore`.

use super::make;
use super::restore::{Wanted, restore as restore_verified};
use super::service::record_everywhere;
use crate::audit::{Actor, Outcome};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::run;
use crate::say;
use crate::storage::{DatabaseUrl, transaction};
use anyhow::Context;
use serde_json::json;
use std::path::Path;

/// What every backup needs beside it.
const KEEP_APART: &str = "It does not hold master.key and pki/ of the state folder: keep them apart from it. Without \
    master.key nothing that is sealed in it can be opened";

/// Makes a backup, whether the server runs or not, and says where it is.
///
/// # Errors
/// What failed, and what to do.
pub fn backup(config: &Config, to: Option<&Path>) -> anyhow::Result<()> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    // Says so where there is none, instead of making an empty one.
    drop(url.connect_read_only()?);
    let now = SystemClock.now();
    let place = config.backup_place();
    let programs = place.postgres_programs.as_deref();
    let made = match to {
        Some(file) => make::to_file(&url, programs, file, now)?,
        None => make::into_folder(&url, programs, &place.folder, now)?,
    };
    let actor = Actor {
        name: "command-line".to_owned(),
        address: String::new(),
    };
    let name = made.path.file_name().unwrap_or_default().to_string_lossy();
    let target = format!("backup:{name}");
    let detail =
        json!({ "size_bytes": made.sums.size_bytes, "sha256": made.sums.sha256, "fault": made.fault });
    let mut conn = url.connect()?;
    transaction(&mut conn, |conn| {
        record_everywhere(
            conn,
            &actor,
            ("backups.create", &target),
            Outcome::Done,
            &detail,
            now,
        )
    })
    .context("the backup was made and could not be recorded in the audit")?;
    if let Some(fault) = &made.fault {
        eprintln!("A restore would refuse it: {fault}");
    }
    say!(
        "{}: {} bytes, SHA-256 {}\n{KEEP_APART}.",
        made.path.display(),
        made.sums.size_bytes,
        made.sums.sha256
    );
    Ok(())
}

/// Verifies a backup and puts it in the place of the database, which no server may be using.
///
/// # Errors
/// What is wrong with it, and what to do; nothing was changed then.
pub fn restore(config: &Config, backup: &Path, force: bool) -> anyhow::Result<()> {
    let state = &config.server.state_folder;
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    run::create_state_folder(state)?;
    let _lock = run::lock(state)?;
    let place = config.backup_place();
    let restored = restore_verified(Wanted {
        backup,
        url: &url,
        state,
        programs: place.postgres_programs.as_deref(),
        force,
        now: SystemClock.now(),
    })
    .context("nothing was changed")?;
    say!("{url} is as it was at {}", restored.created);
    if let Some(aside) = restored.aside {
        say!("What was there is now {aside}; delete it once it is needed no more");
    }
    if !state.join("master.key").exists() {
        say!(
            "{} has no master.key yet: put back the one that belongs to this backup before the server starts",
            state.display()
        );
    }
    say!(
        "Every session has ended. What was decided after the backup is to be decided again (docs/backup.md)"
    );
    Ok(())
}
