//! Changes by commands that run beside the server, or without it.

use super::Conn;
use crate::error::Error;
use crate::per_backend;
use diesel::connection::{AnsiTransactionManager, TransactionManager};

/// Runs a change in a transaction of its own.
///
/// # Errors
/// What the change returns: it is undone then; and when the database fails.
pub fn transaction<T>(
    conn: &mut Conn,
    change: impl FnOnce(&mut Conn) -> Result<T, Error>,
) -> Result<T, Error> {
    match conn {
        // A transaction that begins by reading could find somebody else's write in its way.
        Conn::Sqlite(c) => AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?,
        Conn::Postgres(c) => AnsiTransactionManager::begin_transaction(c)?,
    }
    match change(conn) {
        Ok(value) => {
            per_backend!(conn, c => AnsiTransactionManager::commit_transaction(c))?;
            Ok(value)
        }
        Err(error) => {
            let _ = per_backend!(conn, c => AnsiTransactionManager::rollback_transaction(c));
            Err(error)
        }
    }
}
