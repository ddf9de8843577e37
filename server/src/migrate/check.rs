//! Whether two databases are what a migration needs, before anything is copied.

use super::table::{Table, ordered};
use super::table_store as store;
use crate::audit::verify;
use crate::error::Error;
use crate::storage::{Conn, migrations_applied, migrations_known};

/// A refusal, for the person at the command line.
pub(super) fn refused(detail: impl Into<String>) -> Error {
    Error::Conflict {
        code: "not_migrated",
        detail: detail.into(),
    }
}

/// The SQLite database is of this version and whole; its tables, in the order in which they can be filled.
pub(super) fn source(conn: &mut Conn) -> Result<Vec<Table>, Error> {
    if migrations_applied(conn)? != migrations_known()? {
        return Err(refused(
            "the SQLite database is of another version: start this version's server on it once, and stop it",
        ));
    }
    if let Some(damage) = store::damage(conn)? {
        return Err(refused(format!(
            "the SQLite database is damaged: {damage}. Restore a backup first"
        )));
    }
    for (name, id) in verify::organizations(conn)? {
        if let Some(finding) = verify(conn, id)?.findings.listed.first() {
            return Err(refused(format!(
                "the audit of organization `{name}` does not verify: {finding}. Restore a backup first"
            )));
        }
    }
    let names = store::names(conn)?;
    let tables: Result<Vec<Table>, Error> = names.iter().map(|name| store::table(conn, name)).collect();
    ordered(tables?)
}

/// The PostgreSQL database, as it is found, can take a migration: nothing is in it, or empty tables of ours that this
/// program knows.
pub(super) fn target(conn: &mut Conn, tables: &[Table]) -> Result<(), Error> {
    let names = store::names(conn)?;
    if names.is_empty() {
        return Ok(());
    }
    if let Some(other) = names
        .iter()
        .find(|name| tables.iter().all(|table| table.name != **name))
    {
        return Err(refused(format!(
            "the PostgreSQL database is not empty: its table `{other}` is none of this version's. Create a new database"
        )));
    }
    let known = migrations_known()?;
    let applied = migrations_applied(conn)?;
    if let Some(version) = applied.iter().find(|version| !known.contains(version)) {
        return Err(refused(format!(
            "the PostgreSQL database has the schema {version} of a newer version"
        )));
    }
    for name in &names {
        if store::has_rows(conn, name)? {
            return Err(refused(format!(
                "the PostgreSQL database is not empty: it has rows in `{name}`. Create a new database"
            )));
        }
    }
    Ok(())
}

/// The tables of the PostgreSQL database are those of the SQLite database.
pub(super) fn same_tables(target: &mut Conn, tables: &[Table]) -> Result<(), Error> {
    let mut names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
    names.sort_unstable();
    let there = store::names(target)?;
    if there != names {
        return Err(refused(format!("the tables differ: {names:?} and {there:?}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};

    /// Whatever a migration adds is copied, too.
    #[test]
    fn every_table_of_the_schema_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let mut copied: Vec<String> = source(&mut url.connect().unwrap())
            .unwrap()
            .into_iter()
            .map(|table| table.name)
            .collect();
        copied.sort_unstable();
        let declared = include_str!("../storage/schema.rs")
            .split("diesel::table! {")
            .skip(1);
        let mut declared: Vec<&str> = declared
            .map(|table| table.split('(').next().unwrap().trim())
            .collect();
        declared.sort_unstable();
        assert_eq!(copied, declared);
    }
}
