//! A database of its own for one test.

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Where a server keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file in the server's folder.
    Sqlite,
    /// A new database in the cluster at `SCM_TEST_POSTGRES_URL`.
    Postgres,
}

impl Database {
    /// A new, empty one; its URL.
    pub(super) fn create(self, state: &Path) -> Result<String> {
        match self {
            Database::Sqlite => Ok(format!("sqlite://{}", state.join("openscm.db").display())),
            Database::Postgres => create_postgres(),
        }
    }
}

fn create_postgres() -> Result<String> {
    let cluster = env::var("SCM_TEST_POSTGRES_URL")
        .context("SCM_TEST_POSTGRES_URL is not set: `cargo xtask test` starts PostgreSQL and sets it")?;
    let (scheme, rest) = cluster
        .split_once("://")
        .context("SCM_TEST_POSTGRES_URL is no URL")?;
    let (authority, rest) = rest
        .split_once('/')
        .context("SCM_TEST_POSTGRES_URL names no database")?;
    let parameters = rest
        .split_once('?')
        .map(|(_, parameters)| format!("?{parameters}"));
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("scm_{}_{number}", std::process::id());
    let created = Command::new(program("createdb"))
        .args(["--maintenance-db", &cluster, &name])
        .output()
        .context("createdb cannot be started")?;
    if !created.status.success() {
        bail!("createdb: {}", String::from_utf8_lossy(&created.stderr));
    }
    Ok(format!(
        "{scheme}://{authority}/{name}{}",
        parameters.unwrap_or_default()
    ))
}

/// Everything that is stored there, as text and bytes to search in.
pub(super) fn dump(url: &str, state: &Path) -> Result<String> {
    if url.starts_with("sqlite:") {
        let files = ["openscm.db", "openscm.db-wal"].map(|name| std::fs::read(state.join(name)));
        let bytes: Vec<u8> = files.into_iter().flat_map(Result::unwrap_or_default).collect();
        anyhow::ensure!(!bytes.is_empty(), "there is no database in {}", state.display());
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    let dumped = Command::new(program("pg_dump"))
        .args(["--dbname", url])
        .output()
        .context("pg_dump cannot be started")?;
    if !dumped.status.success() {
        bail!("pg_dump: {}", String::from_utf8_lossy(&dumped.stderr));
    }
    Ok(String::from_utf8_lossy(&dumped.stdout).into_owned())
}

/// Carries out statements, as somebody would who has the database and no server.
///
/// # Errors
/// When the database's own client refuses them.
pub fn execute(url: &str, statements: &str) -> Result<()> {
    const PYTHON: &str = "import sqlite3, sys\n\
        with sqlite3.connect(sys.argv[1], timeout=20) as database: database.executescript(sys.argv[2])";
    ask(url, PYTHON, statements).map(drop)
}

/// What a query of one column of text without line breaks gives.
///
/// # Errors
/// When the database's own client refuses it.
pub(super) fn texts(url: &str, query: &str) -> Result<Vec<String>> {
    const PYTHON: &str = "import sqlite3, sys\n\
        with sqlite3.connect(sys.argv[1], timeout=20) as database:\n\
        \x20   for row in database.execute(sys.argv[2]): print(row[0])";
    Ok(ask(url, PYTHON, query)?.lines().map(str::to_owned).collect())
}

/// What the database's own client prints.
fn ask(url: &str, python: &str, statements: &str) -> Result<String> {
    let mut command = match url.strip_prefix("sqlite://") {
        Some(path) => {
            let mut command = Command::new(env::var_os("SCM_PYTHON").unwrap_or_else(|| "python3".into()));
            command.args(["-c", python, path, statements]);
            command
        }
        None => {
            let mut command = client(url)?;
            command.args(["--tuples-only", "--no-align", "--command", statements]);
            command
        }
    };
    let output = command
        .output()
        .context("the database's own client cannot be started")?;
    if !output.status.success() {
        bail!("{statements}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// PostgreSQL's client on a database.
pub(super) fn client(url: &str) -> Result<Command> {
    anyhow::ensure!(url.starts_with("postgres"), "{url} is no PostgreSQL");
    let mut command = Command::new(program("psql"));
    command.args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", url]);
    Ok(command)
}

pub(super) fn program(name: &str) -> PathBuf {
    match env::var_os("SCM_POSTGRES_BIN_DIR") {
        Some(folder) => Path::new(&folder).join(name),
        None => name.into(),
    }
}
