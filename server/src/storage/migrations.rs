//! The embedded migrations: the same names for both backends, run before anything is served.

use super::Conn;
use crate::error::Error;
use diesel::migration::{Migration, MigrationSource};
use diesel::prelude::*;
use diesel::sql_types::Text;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

const SQLITE: EmbeddedMigrations = embed_migrations!("../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../migrations/postgres");

/// Versions of the migrations that this program has, oldest first.
///
/// # Errors
/// Never: they are part of the program.
pub fn known() -> Result<Vec<String>, Error> {
    let migrations = MigrationSource::<Sqlite>::migrations(&SQLITE)
        .map_err(|error| Error::internal(format!("reading the migrations: {error}")))?;
    let versions = migrations.iter().map(|one| one.name().version().to_string());
    let mut versions: Vec<String> = versions.collect();
    versions.sort_unstable();
    Ok(versions)
}

/// Versions of the migrations that were applied to a database, oldest first.
///
/// # Errors
/// When the database cannot be read, or is none of ours.
pub fn applied(conn: &mut Conn) -> Result<Vec<String>, Error> {
    #[derive(Debug, QueryableByName)]
    struct Applied {
        #[diesel(sql_type = Text)]
        version: String,
    }
    let query = "SELECT version FROM __diesel_schema_migrations ORDER BY version";
    let rows: Vec<Applied> = diesel::sql_query(query).load(conn)?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

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

#[cfg(test)]
mod tests {
    use crate::storage::DatabaseUrl;
    use diesel::connection::SimpleConnection;
    use std::path::{Path, PathBuf};

    fn folder(backend: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../migrations")
            .join(backend)
    }

    fn names(backend: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder(backend)).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// A migration with everything that the two dialects spell differently spelled the same.
    fn neutral(backend: &str, migration: &str, file: &str) -> String {
        let text = std::fs::read_to_string(folder(backend).join(migration).join(file)).unwrap();
        let same = [
            ("INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT", "<serial>"),
            ("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "<serial>"),
            (" WITHOUT ROWID", ""),
            (" WITH (fillfactor = 50)", ""),
            ("DOUBLE PRECISION", "DOUBLE"),
            ("BYTEA", "BLOB"),
        ];
        same.iter().fold(text, |text, (from, to)| text.replace(from, to))
    }

    #[test]
    fn both_backends_have_the_same_migrations_by_name_and_meaning() {
        assert_eq!(names("sqlite"), names("postgres"));
        for migration in names("sqlite") {
            for file in ["up.sql", "down.sql"] {
                assert_eq!(
                    neutral("sqlite", &migration, file),
                    neutral("postgres", &migration, file),
                    "{migration}/{file}"
                );
            }
        }
    }

    #[test]
    fn a_migrated_database_has_the_declared_columns_and_goes_back_to_nothing() {
        let place = tempfile::tempdir().unwrap();
        let mut conn = DatabaseUrl::Sqlite(place.path().join("test.db"))
            .connect()
            .unwrap();
        super::run(&mut conn).unwrap();
        super::run(&mut conn).unwrap();
        let declared = include_str!("schema.rs");
        for table in declared.split("diesel::table! {").skip(1) {
            let name = table.split('(').next().unwrap().trim();
            let body = table.split('}').next().unwrap();
            let columns = body
                .lines()
                .filter_map(|line| line.trim().split_once(" -> "))
                .map(|(name, _)| name);
            let columns: Vec<&str> = columns.collect();
            conn.batch_execute(&format!("SELECT {} FROM {name}", columns.join(", ")))
                .unwrap();
        }
        for migration in names("sqlite").iter().rev() {
            let down = std::fs::read_to_string(folder("sqlite").join(migration).join("down.sql"));
            conn.batch_execute(&down.unwrap()).unwrap();
        }
        conn.batch_execute("CREATE TABLE systems (x TEXT)").unwrap();
    }
}
