//! Databases for unit tests, of either kind.

use super::{Conn, DatabaseUrl, Storage};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use std::sync::atomic::{AtomicU32, Ordering};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// A new SQLite database in a folder.
pub(crate) fn sqlite(folder: &tempfile::TempDir) -> Storage {
    Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap()
}

/// A new database in the cluster at `SCM_TEST_POSTGRES_URL`.
pub(crate) fn postgres() -> Storage {
    let cluster = std::env::var("SCM_TEST_POSTGRES_URL")
        .expect("SCM_TEST_POSTGRES_URL is not set: `cargo xtask test` starts PostgreSQL and sets it");
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("scm_unit_{}_{number}", std::process::id());
    DatabaseUrl::Postgres(cluster.clone())
        .connect()
        .unwrap()
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .unwrap();
    let (start, rest) = cluster.split_at(cluster.find("://").unwrap() + 3);
    let (authority, rest) = rest.split_once('/').unwrap();
    let parameters = rest
        .split_once('?')
        .map(|(_, parameters)| format!("?{parameters}"));
    let url = format!("{start}{authority}/{name}{}", parameters.unwrap_or_default());
    Storage::open(&DatabaseUrl::Postgres(url)).unwrap()
}

/// Bytes as the backend writes them in a statement.
pub(crate) fn bytes(storage: &Storage, hex: &str) -> String {
    match storage.readers.url() {
        DatabaseUrl::Sqlite(_) => format!("x'{hex}'"),
        DatabaseUrl::Postgres(_) => format!("'\\x{hex}'"),
    }
}

/// Carries out statements; those that add rows say their ids.
pub(crate) async fn execute(storage: &Storage, statements: String) {
    let statements = match storage.readers.url() {
        DatabaseUrl::Sqlite(_) => statements,
        DatabaseUrl::Postgres(_) => statements.replace(") VALUES (", ") OVERRIDING SYSTEM VALUE VALUES ("),
    };
    let run = move |conn: &mut Conn| Ok(conn.batch_execute(&statements)?);
    storage.writer.run(run).await.unwrap();
}

/// An organization with the number 1.
pub(crate) async fn organization(storage: &Storage) {
    let zero = bytes(storage, "00");
    let add = format!(
        "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) \
         VALUES (1, 'default', {zero}, {zero}, 0)"
    );
    execute(storage, add).await;
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// How many rows there are of a table, or of a part of it.
pub(crate) async fn count(storage: &Storage, of: &'static str) -> i64 {
    let read = move |conn: &mut Conn| {
        let count = format!("SELECT COUNT(*) AS n FROM {of}");
        Ok(diesel::sql_query(count).get_result::<Count>(conn)?.n)
    };
    storage.readers.run(read).await.unwrap()
}
