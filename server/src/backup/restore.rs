//! Puts a backup in the place of the database: unpacked beside it, verified there, exchanged as a whole. What was there is
//! set aside. Until the exchange nothing is changed.

use super::manifest::{Backend, Manifest};
use super::store::Restore;
use super::{archive, name, postgres, postgres_store, store, verify};
use crate::storage::{Conn, DatabaseUrl, transaction};
use anyhow::{Context, bail, ensure};
use scm_protocol::ids::UnixMillis;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// What to restore, and where to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub backup: &'a Path,
    pub url: &'a DatabaseUrl,
    /// A folder for what is unpacked on the way to PostgreSQL.
    pub state: &'a Path,
    pub programs: Option<&'a Path>,
    /// Replace a database that holds something.
    pub force: bool,
    pub now: UnixMillis,
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Restored {
    pub created: String,
    /// Where what was there is now.
    pub aside: Option<String>,
}

const FORCE: &str = "the database holds data already: with --force it is set aside and replaced";

/// How what is unpacked is called, beside the database.
const STAGED: &str = ".openscm-restore-";

/// How long the sessions of a server that was just stopped, or killed, may take to end: PostgreSQL notices only after the
/// process is gone. As long as it waits itself before it refuses to rename a database.
const SESSIONS_END: Duration = Duration::from_secs(5);

/// Verifies and restores.
///
/// # Errors
/// What is wrong; nothing was changed then.
pub(super) fn restore(wanted: Wanted<'_>) -> anyhow::Result<Restored> {
    let folder = match wanted.url {
        DatabaseUrl::Sqlite(path) => path.parent().unwrap_or(Path::new("/")),
        DatabaseUrl::Postgres(_) => wanted.state,
    };
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    clear_left_over(folder);
    let staged = folder.join(format!("{STAGED}{}", wanted.now.0));
    let restored = restore_staged(wanted, &staged);
    clear_left_over(folder);
    restored
}

fn restore_staged(wanted: Wanted<'_>, staged: &Path) -> anyhow::Result<Restored> {
    let refused = || format!("{} cannot be restored", wanted.backup.display());
    let manifest = archive::extract(wanted.backup, staged).with_context(refused)?;
    verify::unpacked(staged, &manifest, wanted.programs).with_context(refused)?;
    let sha256 = archive::sums(wanted.backup)?.sha256;
    let note = Restore {
        at_ms: wanted.now.0,
        backup_created: manifest.created.clone(),
        sha256,
    };
    match (wanted.url, manifest.backend) {
        (DatabaseUrl::Sqlite(path), Backend::Sqlite) => {
            let aside = replace_sqlite(wanted, path, staged, &note)?;
            Ok(Restored {
                created: manifest.created,
                aside: aside.map(|aside| aside.display().to_string()),
            })
        }
        (DatabaseUrl::Postgres(url), Backend::Postgres) => {
            restore_postgres(wanted, url, staged, &manifest, &note)
        }
        (_, backend) => bail!("it is of {backend:?}, and the configuration names {}", wanted.url),
    }
}

fn replace_sqlite(
    wanted: Wanted<'_>,
    path: &Path,
    staged: &Path,
    note: &Restore,
) -> anyhow::Result<Option<PathBuf>> {
    if path.exists() {
        check_unused(wanted, path)?;
    }
    let staged_url = DatabaseUrl::Sqlite(staged.to_owned());
    let mut conn = staged_url.connect()?;
    transaction(&mut conn, |conn| store::note_restore(conn, note))?;
    store::close_up(&mut conn)?;
    drop(conn);
    File::open(staged)?.sync_all()?;
    let aside = with_suffix(path, &format!(".before-restore-{}", name::time(wanted.now)));
    let kept = keep_aside(path, &aside)?;
    // One step: whoever looks sees the old database or the new one, also after a crash.
    fs::rename(staged, path).context("putting the restored database in its place")?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
        eprintln!(
            "it was restored, and {} could not be synchronized: {error}",
            folder.display()
        );
    }
    Ok(kept.then_some(aside))
}

/// A database that is too damaged to be opened is replaced all the same: that is what backups are for.
fn check_unused(wanted: Wanted<'_>, path: &Path) -> anyhow::Result<()> {
    let Ok(mut conn) = wanted.url.connect() else {
        ensure!(wanted.force, "{FORCE}");
        return Ok(());
    };
    ensure!(wanted.force || !store::has_data(&mut conn), "{FORCE}");
    match store::close_up(&mut conn) {
        Err(error) if error.to_string().contains("locked") => bail!(
            "a program has {} open: stop every scmserver that uses it first",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// Gives a database a second name, under which it stays; false when there is none.
fn keep_aside(path: &Path, aside: &Path) -> anyhow::Result<bool> {
    if !path.exists() {
        return Ok(false);
    }
    fs::hard_link(path, aside).with_context(|| format!("setting {} aside", path.display()))?;
    // Only a database that could not be opened still has these. Left behind, they would be applied to the restored one.
    for suffix in ["-wal", "-shm", "-journal"] {
        let file = with_suffix(path, suffix);
        if file.exists() {
            fs::rename(&file, with_suffix(aside, suffix))?;
        }
    }
    Ok(true)
}

/// Deletes what a restore that was killed has left. No other one runs: the state folder is locked.
fn clear_left_over(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn restore_postgres(
    wanted: Wanted<'_>,
    url: &str,
    staged: &Path,
    manifest: &Manifest,
    note: &Restore,
) -> anyhow::Result<Restored> {
    let file = staged.to_str().context("the state folder's path is not UTF-8")?;
    let scratch = format!("openscm_restore_{}", wanted.now.0);
    let (scratch_url, target) = postgres::beside(url, &scratch)?;
    let (maintenance, _) = postgres::beside(url, "postgres")?;
    let aside = postgres::name_beside(&target, &format!("_before_restore_{}", wanted.now.0));
    let mut maintenance = DatabaseUrl::Postgres(maintenance)
        .connect()
        .context("restoring needs a connection to the database `postgres` beside the configured one")?;
    let conn = &mut maintenance;
    let exists = postgres_store::exists(conn, &target)?;
    if exists {
        let connected = left_connected(conn, &target)?;
        ensure!(
            connected == 0,
            "{connected} connections to the database {} are open: stop every scmserver that uses it first",
            wanted.url
        );
        ensure!(
            wanted.force || !store::has_data(&mut wanted.url.connect()?),
            "{FORCE}"
        );
    }
    postgres_store::create(conn, &scratch).context(
        "making a database to verify in: the configured user needs the right CREATEDB for a restore",
    )?;
    let aside = exists.then_some(aside);
    let done = fill_postgres(wanted, (&scratch, &scratch_url), file, manifest, note).and_then(|()| {
        postgres_store::exchange(conn, &target, &scratch, aside.as_deref()).with_context(|| {
            format!(
                "exchanging the databases: stop every scmserver that uses {} first",
                wanted.url
            )
        })
    });
    if done.is_err() {
        let _ = postgres_store::drop(conn, &scratch);
    }
    done?;
    Ok(Restored {
        created: manifest.created.clone(),
        aside: aside.map(|aside| format!("database {aside}")),
    })
}

/// Connections to a database that are still there after [`SESSIONS_END`].
fn left_connected(conn: &mut Conn, database: &str) -> anyhow::Result<i64> {
    let started = Instant::now();
    loop {
        let connected = postgres_store::connections(conn, database)?;
        if connected == 0 || started.elapsed() >= SESSIONS_END {
            return Ok(connected);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Restores into a new database, and verifies it there.
fn fill_postgres(
    wanted: Wanted<'_>,
    (scratch, scratch_url): (&str, &str),
    file: &str,
    manifest: &Manifest,
    note: &Restore,
) -> anyhow::Result<()> {
    let dbname = format!("--dbname={scratch}");
    let arguments = [
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--no-password",
        dbname.as_str(),
        file,
    ];
    let refused = || format!("{} cannot be restored", wanted.backup.display());
    postgres::run(wanted.programs, "pg_restore", Some(scratch_url), &arguments).with_context(refused)?;
    let mut conn = DatabaseUrl::Postgres(scratch_url.to_owned()).connect()?;
    verify::database(&mut conn, manifest).with_context(refused)?;
    transaction(&mut conn, |conn| store::note_restore(conn, note))?;
    Ok(())
}
