//! Where state lives: one SQLite file, or PostgreSQL, by one URL.
//!
//! Invariants: all writing goes through the one [`Writer`], which gathers what is waiting into one transaction and answers
//! after its commit, so an acknowledged change is durable; reading uses connections of its own and never waits for a
//! writer; no transaction ever asks for a second connection.

mod connection;
mod migrations;
mod readers;
pub mod schema;
mod writer;

pub use connection::{Conn, DatabaseUrl};
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

/// The database of a running server.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The only way to change anything.
    pub writer: Writer,
    /// Connections to read with.
    pub readers: Readers,
}

impl Storage {
    /// Connects, migrates and starts the writer.
    ///
    /// # Errors
    /// When the database cannot be reached or created, or a migration fails.
    pub fn open(url: &DatabaseUrl) -> Result<Self, Error> {
        let mut conn = url.connect()?;
        migrations::run(&mut conn)?;
        Ok(Storage {
            writer: Writer::start(url.clone(), conn)?,
            readers: Readers::new(url.clone()),
        })
    }
}
