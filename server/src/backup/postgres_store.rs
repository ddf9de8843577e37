//! Databases of a PostgreSQL cluster: making, taking away and exchanging whole ones. Names are quoted here, once.

use crate::error::Error;
use crate::storage::Conn;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Makes an empty database.
pub(super) fn create(conn: &mut Conn, name: &str) -> Result<(), Error> {
    Ok(conn.batch_execute(&format!("CREATE DATABASE {} TEMPLATE template0", quoted(name)))?)
}

/// Deletes a database.
pub(super) fn drop(conn: &mut Conn, name: &str) -> Result<(), Error> {
    Ok(conn.batch_execute(&format!("DROP DATABASE IF EXISTS {}", quoted(name)))?)
}

/// Whether there is a database of that name.
pub(super) fn exists(conn: &mut Conn, name: &str) -> Result<bool, Error> {
    count(
        conn,
        "SELECT count(*) AS value FROM pg_database WHERE datname = $1",
        name,
    )
    .map(|rows| rows > 0)
}

/// Connections to that database, of servers and of anybody else.
pub(super) fn connections(conn: &mut Conn, name: &str) -> Result<i64, Error> {
    count(
        conn,
        "SELECT count(*) AS value FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        name,
    )
}

fn count(conn: &mut Conn, query: &str, name: &str) -> Result<i64, Error> {
    #[derive(Debug, QueryableByName)]
    struct Count {
        #[diesel(sql_type = BigInt)]
        value: i64,
    }
    let row: Count = diesel::sql_query(query).bind::<Text, _>(name).get_result(conn)?;
    Ok(row.value)
}

/// Puts `new` in the place of `name`, which is from then on called `aside`: both or neither. PostgreSQL refuses while
/// anybody is connected to one of them.
pub(super) fn exchange(conn: &mut Conn, name: &str, new: &str, aside: Option<&str>) -> Result<(), Error> {
    let mut statements = String::from("BEGIN; ");
    if let Some(aside) = aside {
        statements += &format!("ALTER DATABASE {} RENAME TO {}; ", quoted(name), quoted(aside));
    }
    statements += &format!(
        "ALTER DATABASE {} RENAME TO {}; COMMIT",
        quoted(new),
        quoted(name)
    );
    let done = conn.batch_execute(&statements);
    if done.is_err() {
        let _ = conn.batch_execute("ROLLBACK");
    }
    Ok(done?)
}
