//! A PostgreSQL cluster for one test run: on a Unix socket in a temporary folder, gone afterwards.
//!
//! PostgreSQL refuses to run as root, so root hands it to `postgres` or `nobody`. Tests need no durability: nothing here outlives
//! the run, and they kill our server, never this one.

use crate::needs::on_path;
use crate::process::{Program, output, run};
use crate::signals::wait_for;
use anyhow::{Context, Result, bail};
use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// Whether what was committed outlives a crash of the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Not: quick, for tests.
    Off,
    /// Yes: for measurements, on the second processor.
    Synced,
}

/// A running cluster.
pub(crate) struct Cluster {
    // Declared before the folder: stopped before its files go.
    _server: Program,
    folder: TempDir,
    programs: PathBuf,
}

impl Cluster {
    /// Makes and starts one.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed")?;
        let folder = tempfile::Builder::new().prefix("scm-postgres-").tempdir()?;
        let user = user()?;
        let data = folder.path().join("data");
        make_folder(folder.path(), &data, user)?;
        let mut initdb = as_user(user, &programs.join("initdb"));
        initdb.arg("-D").arg(&data);
        initdb.args([
            "-U",
            "scm",
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ]);
        if output(initdb).is_none() {
            bail!("initdb failed in {}", data.display());
        }
        let mut postgres = as_user(user, &programs.join("postgres"));
        if durability == Durability::Synced {
            postgres = on_second_processor(&postgres);
        }
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path());
        let mut settings = vec!["listen_addresses=", "max_connections=200"];
        if durability == Durability::Off {
            settings.extend(["fsync=off", "full_page_writes=off"]);
        }
        for setting in settings {
            postgres.args(["-c", setting]);
        }
        let log = folder.path().join("log");
        let mut server = Program::background("postgres", postgres, &log)?;
        let socket = folder.path().join(".s.PGSQL.5432");
        wait_for("PostgreSQL", Duration::from_secs(30), || {
            server.must_run()?;
            Ok((socket.exists() && accepts(&programs, folder.path())).then_some(()))
        })?;
        println!("PostgreSQL runs on a socket in {}", folder.path().display());
        Ok(Cluster {
            _server: server,
            folder,
            programs,
        })
    }

    /// Where to connect as a user that may create databases.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres:///postgres?host={}&user=scm",
            self.folder.path().display()
        )
    }

    /// The folder of `createdb` and the others.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }
}

/// The folder of PostgreSQL's programs, where all that are needed are in it.
pub(crate) fn programs() -> Option<PathBuf> {
    let mut config = Command::new("pg_config");
    config.arg("--bindir");
    let on_path = on_path("initdb").and_then(|file| Some(file.parent()?.to_owned()));
    let installed = fs::read_dir("/usr/lib/postgresql").ok();
    let installed = installed
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"));
    let candidates = output(config)
        .map(PathBuf::from)
        .into_iter()
        .chain(on_path)
        .chain(installed);
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "createdb", "pg_isready"]
            .iter()
            .all(|program| folder.join(program).exists())
    };
    candidates.into_iter().find(complete)
}

fn accepts(programs: &Path, socket: &Path) -> bool {
    let mut ready = Command::new(programs.join("pg_isready"));
    ready.arg("-q").arg("-h").arg(socket);
    output(ready).is_some()
}

/// Whom root hands it to.
fn user() -> Result<Option<&'static str>> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let exists = |name: &&str| {
        let mut id = Command::new("id");
        id.arg("-u").arg(name);
        output(id).is_some()
    };
    match ["postgres", "nobody"].into_iter().find(exists) {
        Some(user) => Ok(Some(user)),
        None => bail!("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`"),
    }
}

fn make_folder(folder: &Path, data: &Path, user: Option<&str>) -> Result<()> {
    fs::create_dir(data)?;
    // Tests connect as whoever runs them; the socket itself is open to all, the folder's name is not guessable.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    fs::set_permissions(data, fs::Permissions::from_mode(0o700))?;
    let Some(user) = user else {
        return Ok(());
    };
    let mut chown = Command::new("chown");
    chown.arg("-R").arg(user).arg(folder);
    run(chown)
}

fn on_second_processor(command: &Command) -> Command {
    let mut pinned = Command::new("taskset");
    pinned.args(["-c", "1"]).arg(command.get_program());
    pinned.args(command.get_args());
    pinned
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .args(["--init-groups", "--reset-env"])
        .arg(program);
    command
}
