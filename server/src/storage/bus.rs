//! Short texts between the servers on one PostgreSQL database.

use super::{Conn, DatabaseUrl};
use crate::error::Error;
use diesel::connection::SimpleConnection;
use diesel::sql_types::Text;
use diesel::{PgConnection, RunQueryDsl, sql_query};

/// A connection of its own, over which texts come and go. What was told while there was none is lost.
pub struct Bus(PgConnection);

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bus")
    }
}

impl Bus {
    /// Connects and listens.
    ///
    /// # Errors
    /// When the database cannot be reached, or is SQLite, which has one server.
    pub fn connect(url: &DatabaseUrl) -> Result<Self, Error> {
        match url.connect()? {
            Conn::Postgres(mut conn) => {
                conn.batch_execute("LISTEN openscm")?;
                Ok(Bus(conn))
            }
            Conn::Sqlite(_) => Err(Error::internal("an SQLite database has no other servers")),
        }
    }

    /// Tells a text of less than 8,000 bytes to all servers, this one included.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn tell(&mut self, text: &str) -> Result<(), Error> {
        sql_query("SELECT pg_notify('openscm', $1)")
            .bind::<Text, _>(text)
            .execute(&mut self.0)?;
        Ok(())
    }

    /// Asks the database itself: a connection whose other end is gone is silent, as one is over which nobody tells anything.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn check(&mut self) -> Result<(), Error> {
        Ok(self.0.batch_execute("SELECT 1")?)
    }

    /// What was told since the last call; does not wait.
    ///
    /// # Errors
    /// When the connection is lost.
    pub fn heard(&mut self) -> Result<Vec<String>, Error> {
        let heard = self.0.notifications_iter().map(|one| Ok(one?.payload));
        heard.collect()
    }
}
