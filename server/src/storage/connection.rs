//! Connections, chosen by the URL's scheme alone.
//!
//! Diesel's own `MultiConnection::establish` tries one backend after the other and would create an SQLite file named like
//! a mistyped PostgreSQL URL; here the scheme decides and anything else is refused.

use super::patience::{SESSION, WRITING, bounded};
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, SqliteConnection};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A connection to either database.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// The embedded one.
    Sqlite(SqliteConnection),
    /// The one for several replicas.
    Postgres(PgConnection),
}

/// Where the database is: `sqlite:///path/to/file` or `postgres://…`. Printing it leaves out any password.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// Path of the SQLite file.
    Sqlite(PathBuf),
    /// A libpq connection URL.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite://") {
            if !path.starts_with('/') {
                return Err("an SQLite database is given as sqlite:///absolute/path".to_owned());
            }
            Ok(DatabaseUrl::Sqlite(PathBuf::from(path)))
        } else if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Ok(DatabaseUrl::Postgres(text.to_owned()))
        } else {
            Err("a database is given as sqlite:///absolute/path or postgres://…".to_owned())
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            DatabaseUrl::Postgres(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
                let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
                let place = rest.split('?').next().unwrap_or(rest);
                write!(f, "{scheme}://{place}")
            }
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl DatabaseUrl {
    /// Opens a connection that reads beside the writer. It keeps few pages: what it reads again is in the system's cache, and
    /// every one of several would hold its own copy of it.
    ///
    /// # Errors
    /// When the database cannot be reached or opened.
    pub fn connect_to_read(&self) -> Result<Conn, Error> {
        let mut conn = self.connect()?;
        if let Conn::Sqlite(conn) = &mut conn {
            conn.batch_execute("PRAGMA cache_size = -2048")?;
        }
        Ok(conn)
    }

    /// Opens a connection; creates the SQLite file, readable by its owner alone, when there is none.
    ///
    /// # Errors
    /// When the database cannot be reached or opened.
    pub fn connect(&self) -> Result<Conn, Error> {
        let failed =
            |error: diesel::ConnectionError| Error::Unavailable(format!("cannot open {self}: {error}"));
        match self {
            DatabaseUrl::Sqlite(path) => {
                create_private(path).map_err(|error| {
                    Error::Unavailable(format!("cannot create {}: {error}", path.display()))
                })?;
                let path = path
                    .to_str()
                    .ok_or_else(|| Error::Unavailable(format!("the path {} is not UTF-8", path.display())))?;
                let mut conn = SqliteConnection::establish(path).map_err(failed)?;
                conn.batch_execute(
                    "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;",
                )?;
                Ok(Conn::Sqlite(conn))
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(&bounded(url)).map_err(failed)?;
                conn.batch_execute(SESSION)?;
                Ok(Conn::Postgres(conn))
            }
        }
    }

    /// As [`DatabaseUrl::connect`], for short transactions one after the other: PostgreSQL ends one that is left alone, so
    /// that nobody waits for the locks of a server that was paused or cut off.
    ///
    /// # Errors
    /// When the database cannot be reached or opened.
    pub(super) fn connect_to_write(&self) -> Result<Conn, Error> {
        let mut conn = self.connect()?;
        if let Conn::Postgres(conn) = &mut conn {
            conn.batch_execute(WRITING)?;
        }
        Ok(conn)
    }
}

impl DatabaseUrl {
    /// Opens a connection that can change nothing, beside a running server or without one.
    ///
    /// # Errors
    /// When there is no such database, or it cannot be opened.
    pub fn connect_read_only(&self) -> Result<Conn, Error> {
        let failed =
            |error: diesel::ConnectionError| Error::Unavailable(format!("cannot open {self}: {error}"));
        match self {
            DatabaseUrl::Sqlite(path) => {
                if !path.is_file() {
                    return Err(Error::Unavailable(format!(
                        "there is no database {}",
                        path.display()
                    )));
                }
                let mut conn = SqliteConnection::establish(&read_only_uri(path)).map_err(failed)?;
                conn.batch_execute("PRAGMA busy_timeout = 5000; PRAGMA query_only = ON;")?;
                Ok(Conn::Sqlite(conn))
            }
            DatabaseUrl::Postgres(url) => {
                let mut conn = PgConnection::establish(&bounded(url)).map_err(failed)?;
                conn.batch_execute(
                    "SET application_name = 'scmserver'; SET default_transaction_read_only = on",
                )?;
                Ok(Conn::Postgres(conn))
            }
        }
    }
}

impl DatabaseUrl {
    /// Opens a SQLite database that nobody else has open, keeps others out, and changes nothing in it.
    ///
    /// # Errors
    /// When there is none, another program has it open, or the database is not SQLite.
    pub fn connect_alone(&self) -> Result<Conn, Error> {
        let DatabaseUrl::Sqlite(path) = self else {
            return Err(Error::internal("only a SQLite database can be had alone"));
        };
        // Says so where there is none, instead of making an empty one.
        drop(self.connect_read_only()?);
        let taken = || {
            Error::Unavailable(format!(
                "another program has {} open: stop every scmserver that uses it first",
                path.display()
            ))
        };
        let path = path
            .to_str()
            .ok_or_else(|| Error::Unavailable(format!("the path {} is not UTF-8", path.display())))?;
        let mut conn = SqliteConnection::establish(path)
            .map_err(|error| Error::Unavailable(format!("cannot open {self}: {error}")))?;
        // In WAL mode the first access takes the file for this connection alone, or fails.
        conn.batch_execute(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 1000; BEGIN IMMEDIATE; ROLLBACK;",
        )
        .map_err(|_| taken())?;
        conn.batch_execute("PRAGMA query_only = ON;")?;
        Ok(Conn::Sqlite(conn))
    }
}

/// A path as SQLite takes it in a URI: everything but the plainest characters by their code.
fn read_only_uri(path: &std::path::Path) -> String {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri + "?mode=ro"
}

/// Makes the file when there is none. One that is there is not even opened: closing it again would take away the locks that
/// SQLite's own connections of this process hold on it, and another program could then take the database for unused and
/// delete its write-ahead log.
fn create_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_schemes_are_databases() {
        assert!("sqlite:///var/x.db".parse::<DatabaseUrl>().is_ok());
        assert!("postgresql://db/x".parse::<DatabaseUrl>().is_ok());
        for bad in ["sqlite://x.db", "postgre://db/x", "/var/x.db", "mysql://x", ""] {
            assert!(bad.parse::<DatabaseUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_read_only_connection_makes_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("a b?#%.db"));
        assert!(url.connect_read_only().is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        url.connect()
            .unwrap()
            .batch_execute("CREATE TABLE t (x TEXT); INSERT INTO t VALUES ('y')")
            .unwrap();
        let mut conn = url.connect_read_only().unwrap();
        conn.batch_execute("SELECT x FROM t").unwrap();
        assert!(conn.batch_execute("DELETE FROM t").is_err());
    }

    #[test]
    fn one_that_is_had_alone_is_not_open_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        assert!(url.connect_alone().is_err());
        let mut other = url.connect().unwrap();
        other.batch_execute("CREATE TABLE t (x TEXT)").unwrap();
        assert!(url.connect_alone().is_err());
        drop(other);
        let mut alone = url.connect_alone().unwrap();
        alone.batch_execute("SELECT x FROM t").unwrap();
        assert!(alone.batch_execute("INSERT INTO t VALUES ('y')").is_err());
        assert!(url.connect().is_err());
        drop(alone);
        url.connect()
            .unwrap()
            .batch_execute("INSERT INTO t VALUES ('y')")
            .unwrap();
    }

    #[test]
    fn a_printed_url_has_no_password() {
        let url: DatabaseUrl = "postgres://scm:s3cret@db.example/scm?sslpassword=x"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "postgres://db.example/scm");
    }
}
