//! Tables and rows of the two databases.

use super::table::{Kind, Table, quoted};
use crate::error::Error;
use crate::storage::Conn;
use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::pg::PgRowByRowLoadingMode;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

/// Migrations that were applied; the two databases have their own.
const APPLIED: &str = "__diesel_schema_migrations";

#[derive(Debug, QueryableByName)]
struct OneText {
    #[diesel(sql_type = Text)]
    value: String,
}

#[derive(Debug, QueryableByName)]
struct OneNumber {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(Debug, QueryableByName)]
struct NamedNumber {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(Debug, QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

fn texts(conn: &mut Conn, query: &str) -> Result<Vec<String>, Error> {
    let rows: Vec<OneText> = diesel::sql_query(query).load(conn)?;
    Ok(rows.into_iter().map(|row| row.value).collect())
}

/// Names of the tables in a database, but for the list of migrations.
pub(super) fn names(conn: &mut Conn) -> Result<Vec<String>, Error> {
    let query = match conn {
        Conn::Sqlite(_) => {
            "SELECT name AS value FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!' \
             ORDER BY name"
        }
        Conn::Postgres(_) => {
            "SELECT tablename::text COLLATE \"C\" AS value FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        }
    };
    let mut names = texts(conn, query)?;
    names.retain(|name| name != APPLIED);
    Ok(names)
}

/// A table of a SQLite database.
pub(super) fn table(conn: &mut Conn, name: &str) -> Result<Table, Error> {
    let query = format!("SELECT name, type AS kind FROM pragma_table_info('{name}')");
    let found: Vec<Column> = diesel::sql_query(query).load(conn)?;
    let mut columns = Vec::new();
    for column in found {
        let kind = Kind::of(&column.kind)
            .ok_or_else(|| Error::internal(format!("`{name}` has a column of type {}", column.kind)))?;
        columns.push((column.name, kind));
    }
    let query = format!(
        "SELECT DISTINCT \"table\" AS value FROM pragma_foreign_key_list('{name}') WHERE \"table\" <> '{name}'"
    );
    Ok(Table {
        name: name.to_owned(),
        columns,
        needs: texts(conn, &query)?,
    })
}

/// Whether a table has any row.
pub(super) fn has_rows(conn: &mut Conn, table: &str) -> Result<bool, Error> {
    let query = format!(
        "SELECT count(*) AS value FROM (SELECT 1 FROM {} LIMIT 1) AS one",
        quoted(table)
    );
    let row: OneNumber = diesel::sql_query(query).get_result(conn)?;
    Ok(row.value > 0)
}

/// What SQLite finds wrong in its file: damaged pages and indexes, rows that refer to nothing.
pub(super) fn damage(conn: &mut Conn) -> Result<Option<String>, Error> {
    let found = texts(
        conn,
        "SELECT integrity_check AS value FROM pragma_integrity_check LIMIT 1",
    )?;
    if let Some(found) = found.into_iter().find(|found| found != "ok") {
        return Ok(Some(found));
    }
    let dangling = "SELECT \"table\" || ' refers to rows of ' || parent || ' that are not there' AS value \
                    FROM pragma_foreign_key_check LIMIT 1";
    Ok(texts(conn, dangling)?.pop())
}

/// Nobody else writes into the database, and no server starts on it, until the transaction ends.
pub(super) fn hold(conn: &mut Conn) -> Result<(), Error> {
    Ok(conn.batch_execute("LOCK TABLE organizations IN ACCESS EXCLUSIVE MODE")?)
}

/// Gives every row to `each`, one after the other; not all of them are in memory at once.
pub(super) fn each_row(
    conn: &mut Conn,
    table: &Table,
    mut each: impl FnMut(String) -> Result<(), Error>,
) -> Result<(), Error> {
    match conn {
        Conn::Sqlite(conn) => {
            let query = diesel::sql_query(table.read_sqlite());
            for row in query.load_iter::<OneText, DefaultLoadingMode>(conn)? {
                each(row?.value)?;
            }
        }
        Conn::Postgres(conn) => {
            let query = diesel::sql_query(table.read_postgres());
            for row in query.load_iter::<OneText, PgRowByRowLoadingMode>(conn)? {
                each(row?.value)?;
            }
        }
    }
    Ok(())
}

/// Writes rows that are given as one JSON array of them.
pub(super) fn write(conn: &mut Conn, table: &Table, rows: &str) -> Result<(), Error> {
    diesel::sql_query(table.write_postgres())
        .bind::<Text, _>(rows)
        .execute(conn)?;
    Ok(())
}

/// Has ids go on behind the highest that was ever given, also where its row is gone.
pub(super) fn go_on_counting(from: &mut Conn, to: &mut Conn) -> Result<(), Error> {
    let given: Vec<NamedNumber> =
        diesel::sql_query("SELECT name, seq AS value FROM sqlite_sequence WHERE seq > 0").load(from)?;
    for NamedNumber { name, value } in given {
        let query = format!(
            "SELECT setval(pg_get_serial_sequence('{}', 'id'), {value}) AS value",
            quoted(&name)
        );
        let set: OneNumber = diesel::sql_query(query).get_result(to)?;
        if set.value != value {
            return Err(Error::internal(format!(
                "`{name}` goes on with {} instead of {value}",
                set.value
            )));
        }
    }
    Ok(())
}
