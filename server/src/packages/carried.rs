//! The agents that the server's own package brought along, taken into the catalogue when the server starts.
//!
//! Invariants: as by hand, only what a configured release key signed is taken, and without a release key nothing is; each
//! program is looked at once, so that what an administrator removed does not come back with the next start.

use super::file::{Program, SIGNATURE, release_keys};
use super::service;
use crate::config::Config;
use crate::error::Error;
use crate::private_file;
use crate::storage::{Conn, Storage};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::release::ReleaseKey;
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom the audit names.
const BY: &str = "server-package";
/// The file of the state folder with platform, version and SHA-256 of every program that was taken, or was there already.
const SEEN: &str = "agents-seen";

/// Takes what is new in the folder of carried agents. What cannot be taken is logged, and no reason not to serve.
///
/// # Errors
/// When the database fails.
pub async fn take_carried(storage: &Storage, config: &Config, now: UnixMillis) -> Result<(), Error> {
    let folder = &config.packages.folder;
    let files = match programs(folder) {
        Ok(files) if files.is_empty() => return Ok(()),
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "the agents that came with this server cannot be read");
            return Ok(());
        }
    };
    let Ok(keys) = release_keys(config) else {
        tracing::info!(
            folder = %folder.display(),
            packages = files.len(),
            "agents came with this server; none is offered, because no release key is configured ([packages] release_keys)"
        );
        return Ok(());
    };
    let list = config.server.state_folder.join(SEEN);
    let mut seen = Seen::read(&list);
    for file in files {
        take(storage, &keys, &file, &mut seen, now).await?;
    }
    if let Err(error) = seen.write(&list) {
        tracing::warn!(file = %list.display(), %error, "cannot be written: packages that are removed would come back");
    }
    Ok(())
}

async fn take(
    storage: &Storage,
    keys: &[ReleaseKey],
    file: &Path,
    seen: &mut Seen,
    now: UnixMillis,
) -> Result<(), Error> {
    let program = match Program::read(keys, file, None) {
        Ok(program) => Arc::new(program),
        Err(error) => {
            tracing::warn!(file = %file.display(), error = %format!("{error:#}"), "an agent that came with this server is not offered");
            return Ok(());
        }
    };
    let statement = program.released().statement();
    let name = format!(
        "{} {} {}",
        statement.platform, statement.version, statement.sha256
    );
    if seen.programs.contains(&name) {
        return Ok(());
    }
    let shared = Arc::clone(&program);
    if storage
        .writer
        .run(move |conn| add_if_new(conn, &shared, now))
        .await?
    {
        tracing::info!(package.platform = %statement.platform, package.version = %statement.version, "an agent that came with this server is offered");
    }
    seen.programs.insert(name);
    Ok(())
}

/// Whether it was new; another server on the same database may have taken it.
fn add_if_new(conn: &mut Conn, program: &Program, now: UnixMillis) -> Result<bool, Error> {
    let statement = program.released().statement();
    if service::find(conn, statement.platform.as_str(), &statement.version)?.is_some() {
        return Ok(false);
    }
    match program.add(conn, (BY, now)) {
        Err(Error::Conflict { .. }) => Ok(false),
        added => added.map(|()| true),
    }
}

/// The files of a folder that have a signature beside them, in order; none where there is no folder.
fn programs(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut programs = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if let Some(program) = path.to_str().and_then(|path| path.strip_suffix(SIGNATURE)) {
            programs.push(PathBuf::from(program));
        }
    }
    programs.sort();
    Ok(programs)
}

/// The programs that were looked at before.
struct Seen {
    programs: BTreeSet<String>,
    before: usize,
}

impl Seen {
    /// Nothing was, where the file cannot be read: what is in the catalogue is found there.
    fn read(list: &Path) -> Self {
        let text = std::fs::read_to_string(list).unwrap_or_default();
        let programs: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        Seen {
            before: programs.len(),
            programs,
        }
    }

    fn write(&self, list: &Path) -> io::Result<()> {
        if self.programs.len() == self.before {
            return Ok(());
        }
        let text: String = self.programs.iter().map(|name| format!("{name}\n")).collect();
        private_file::replace(list, text.as_bytes())
    }
}
