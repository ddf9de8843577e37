//! The embedded migrations: the same names for both backends, run before anything is served.

use super::Conn;
use crate::error::Error;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Brings the database to this version's schema.
///
/// # Errors
/// [`Error::Internal`] naming the migration that failed; it was rolled back.
pub(super) fn run(conn: &mut Conn) -> Result<(), Error> {
    let result = match conn {
        Conn::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(|_| ()),
        Conn::Postgres(conn) => {
            // Replicas that start together migrate one after the other.
            use diesel::connection::SimpleConnection;
            conn.batch_execute("SELECT pg_advisory_lock(7305806)")?;
            let result = conn.run_pending_migrations(POSTGRES).map(|_| ());
            conn.batch_execute("SELECT pg_advisory_unlock(7305806)")?;
            result
        }
    };
    result.map_err(|error| Error::internal(format!("migrating the database: {error}")))
}
