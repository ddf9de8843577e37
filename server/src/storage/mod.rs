//! Where state lives: one SQLite file, or PostgreSQL, by one URL.
//!
//! Invariants: all writing goes through the one [`Writer`], which gathers what is waiting into one transaction and answers
//! after its commit, so an acknowledged change is durable; reading uses connections of its own and never waits for a
//! writer; no transaction ever asks for a second connection.

mod alone;
mod bus;
mod connection;
mod lock;
mod migrations;
mod one_of;
mod patience;
mod readers;
pub mod schema;
#[cfg(test)]
pub(crate) mod trial;
mod writer;

pub use alone::transaction;
pub use bus::Bus;
pub use connection::{Conn, DatabaseUrl};
pub use lock::hold_organization;
pub use migrations::{applied as migrations_applied, known as migrations_known};
pub use one_of::one_of;
pub use readers::Readers;
pub use writer::Writer;

use crate::error::Error;

/// Runs the same diesel expression typed for each backend, where the derived multi-connection cannot express it
/// (upserts, batch inserts): `per_backend!(conn, c => expression using c)`.
#[macro_export]
macro_rules! per_backend {
    ($conn:expr, $c:ident => $body:expr) => {
        match $conn {
            $crate::storage::Conn::Sqlite($c) => $body,
            $crate::storage::Conn::Postgres($c) => $body,
        }
    };
}

/// Systems of an organization, in a query that names them by their ids. A sum, so that SQLite goes by the ids: where it knows
/// nothing of how the rows are spread, it reads the whole organization by another index instead.
#[macro_export]
macro_rules! of_organization {
    ($organization_id:expr) => {
        ($crate::storage::schema::systems::organization_id + 0).eq($organization_id)
    };
}

/// The database of a running server.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The only way to change anything.
    pub writer: Writer,
    /// Connections to read with.
    pub readers: Readers,
}

/// A connection to a database that has this version's schema from then on.
///
/// # Errors
/// When the database cannot be reached, or a migration fails.
pub fn migrated(url: &DatabaseUrl) -> Result<Conn, Error> {
    let mut conn = url.connect()?;
    migrations::run(&mut conn)?;
    Ok(conn)
}

impl Storage {
    /// Connects, migrates and starts the writer.
    ///
    /// # Errors
    /// When the database cannot be reached or created, or a migration fails.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        drop(migrated(url)?);
        Ok(Storage {
            writer: Writer::start(url)?,
            readers: Readers::new(url.clone()),
        })
    }

    /// Has SQLite look at how the rows are spread, where that changed by much: without it, it reads whole organizations where a few
    /// ids were asked for. Each table is looked at in samples. PostgreSQL does it by itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_statistics(&self) -> Result<(), Error> {
        use diesel::connection::SimpleConnection;
        let refresh = |conn: &mut Conn| match conn {
            Conn::Sqlite(conn) => Ok(conn.batch_execute("PRAGMA analysis_limit = 1000; PRAGMA optimize")?),
            Conn::Postgres(_) => Ok(()),
        };
        self.writer.run(refresh).await
    }

    /// Whether the database can be read and really be written: a row is added and taken away, and that is committed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it cannot, a full disk included.
    pub async fn probe(&self) -> Result<(), Error> {
        self.writer.run(write_probe).await?;
        self.readers.run(read_probe).await
    }
}

/// Asks the database itself: a connection may have been closed without anybody noticing.
fn read_probe(conn: &mut Conn) -> Result<(), Error> {
    use diesel::connection::SimpleConnection;
    Ok(conn.batch_execute("SELECT 1")?)
}

/// A row is added and taken away. An empty transaction would succeed on a full disk, and so would one that changes a value
/// to what it is: SQLite does not write such a page.
fn write_probe(conn: &mut Conn) -> Result<(), Error> {
    use diesel::connection::SimpleConnection;
    conn.batch_execute("INSERT INTO login_failures VALUES ('probe', 0, 0, 0)")?;
    Ok(conn.batch_execute("DELETE FROM login_failures WHERE subject = 'probe'")?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use diesel::connection::SimpleConnection;

    #[tokio::test]
    async fn what_cannot_be_written_is_not_ready() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        storage.probe().await.unwrap();
        // Stands in for a full disk: transactions begin and end, and no row can be changed.
        let forbid =
            "CREATE TRIGGER full BEFORE INSERT ON login_failures BEGIN SELECT RAISE(ABORT, 'full'); END";
        storage
            .writer
            .run(|conn| Ok(conn.batch_execute(forbid)?))
            .await
            .unwrap();
        storage.writer.run(|_| Ok(())).await.unwrap();
        assert!(storage.probe().await.is_err());
    }
}
