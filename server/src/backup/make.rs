//! Makes one backup. Blocking; the database is read as of one moment and never waited for.

use super::manifest::{Backend, DatabaseFile, Facts, Manifest};
use super::{archive, checked, name, postgres, store, verify};
use crate::audit::verify::snapshot;
use crate::clock::rfc3339;
use crate::error::Error;
use crate::storage::{Conn, DatabaseUrl};
use anyhow::{Context, ensure};
use scm_protocol::ids::UnixMillis;
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// How work in progress is called; whatever of it is older than a day was left by a process that died.
const PARTIAL: &str = ".openscm-partial-";
const DAY_MS: i64 = 86_400_000;

/// A backup that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub path: PathBuf,
    pub created: UnixMillis,
    pub sums: DatabaseFile,
    /// Why it could not be restored: what is wrong with the database that it is of.
    pub fault: Option<String>,
}

/// A name for work in progress.
pub(super) fn partial(now: UnixMillis) -> String {
    format!("{PARTIAL}{}-{}", now.0, std::process::id())
}

/// Makes a backup under its own name in `folder`.
///
/// # Errors
/// What failed, and what to do; nothing is left behind then.
pub(super) fn into_folder(
    url: &DatabaseUrl,
    programs: Option<&Path>,
    folder: &Path,
    now: UnixMillis,
) -> anyhow::Result<Made> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    to_file(url, programs, &folder.join(name::of(now)), now)
}

/// Makes a backup.
///
/// # Errors
/// As [`into_folder`], and when the file is there already.
pub(super) fn to_file(
    url: &DatabaseUrl,
    programs: Option<&Path>,
    target: &Path,
    now: UnixMillis,
) -> anyhow::Result<Made> {
    ensure!(
        !target.exists(),
        "{} is there already: name another file",
        target.display()
    );
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    clear_left_over(folder, now);
    let work = folder.join(partial(now));
    DirBuilder::new()
        .mode(0o700)
        .create(&work)
        .with_context(|| format!("creating {}", work.display()))?;
    let made = make(url, programs, &work, now).and_then(|(file, sums, fault)| {
        archive::write_sums(target, &sums.sha256)?;
        checked::write(target, now, fault.clone())?;
        fs::rename(&file, target).inspect_err(|_| remove_beside(target))?;
        File::open(folder)?.sync_all()?;
        Ok(Made {
            path: target.to_owned(),
            created: now,
            sums,
            fault,
        })
    });
    let _ = fs::remove_dir_all(&work);
    made
}

fn make(
    url: &DatabaseUrl,
    programs: Option<&Path>,
    work: &Path,
    now: UnixMillis,
) -> anyhow::Result<(PathBuf, DatabaseFile, Option<String>)> {
    let database = work.join("database");
    let (backend, facts) = match url {
        DatabaseUrl::Sqlite(path) => (Backend::Sqlite, copy_sqlite(url, path, &database)?),
        DatabaseUrl::Postgres(text) => (Backend::Postgres, dump_postgres(url, text, programs, &database)?),
    };
    let manifest = Manifest::new(backend, facts, rfc3339(now), archive::sums(&database)?);
    let file = work.join("backup");
    let sums = archive::write(&file, &manifest, &database)?;
    archive::check(&file).context("reading back what was written")?;
    // The database may have been damaged before: then this is still the best copy of it that there is.
    let fault = verify::unpacked(&database, &manifest, programs).err();
    Ok((file, sums, fault.map(|error| format!("{error:#}"))))
}

/// Deletes what lies beside a backup.
pub(super) fn remove_beside(backup: &Path) {
    for path in [archive::sums_path(backup), checked::path(backup)] {
        let _ = fs::remove_file(path);
    }
}

fn copy_sqlite(url: &DatabaseUrl, path: &Path, to: &Path) -> anyhow::Result<Facts> {
    ensure!(path.is_file(), "there is no database {}", path.display());
    let name = to.to_str().context("the folder's path is not UTF-8")?;
    store::copy_into(&mut url.connect()?, name).context("copying the database")?;
    // Of the copy, not of the database: that has gone on.
    let mut copy = DatabaseUrl::Sqlite(to.to_owned()).connect_read_only()?;
    Ok(store::facts(&mut copy)?)
}

fn dump_postgres(url: &DatabaseUrl, text: &str, programs: Option<&Path>, to: &Path) -> anyhow::Result<Facts> {
    let file = format!(
        "--file={}",
        to.to_str().context("the folder's path is not UTF-8")?
    );
    let dump = |conn: &mut Conn| {
        let snapshot = format!("--snapshot={}", store::export_snapshot(conn)?);
        let arguments = [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            "--no-password",
            snapshot.as_str(),
            file.as_str(),
        ];
        let facts = store::facts(conn)?;
        let dumped = postgres::run(programs, "pg_dump", Some(text), &arguments);
        dumped.map_err(|error| failed(&error))?;
        Ok(facts)
    };
    Ok(snapshot(&mut url.connect()?, dump)?)
}

/// Why there is no backup, for whoever asked for it.
pub(super) fn failed(error: &anyhow::Error) -> Error {
    Error::Conflict {
        code: "backup_failed",
        detail: format!("no backup was made: {error:#}"),
    }
}

fn clear_left_over(folder: &Path, now: UnixMillis) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let begun = name.strip_prefix(PARTIAL).and_then(|rest| rest.split('-').next());
        let begun = begun.and_then(|ms| ms.parse().ok());
        if begun.is_some_and(|ms: i64| now.0.saturating_sub(ms) > DAY_MS) {
            let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
        }
    }
}
