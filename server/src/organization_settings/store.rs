//! Rows of `organization_settings`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::organization_settings as settings;
use diesel::prelude::*;

/// A setting that differs from its default.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = settings)]
pub(super) struct Row {
    pub organization_id: i64,
    pub name: String,
    pub value: String,
    pub changed_ms: i64,
    pub changed_by: String,
}

impl Row {
    /// The value; `null`, which no setting takes, where it is damaged.
    pub(super) fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.value).unwrap_or_default()
    }
}

/// What every organization changed.
pub(super) fn everything(conn: &mut Conn) -> Result<Vec<Row>, Error> {
    Ok(settings::table.select(Row::as_select()).load(conn)?)
}

/// What an organization changed.
pub(super) fn of(conn: &mut Conn, organization_id: i64) -> Result<Vec<Row>, Error> {
    let rows = settings::table.filter(settings::organization_id.eq(organization_id));
    Ok(rows.select(Row::as_select()).load(conn)?)
}

/// Adds or replaces a row.
pub(super) fn put(conn: &mut Conn, row: &Row) -> Result<(), Error> {
    per_backend!(conn, c => diesel::insert_into(settings::table)
        .values(row)
        .on_conflict((settings::organization_id, settings::name))
        .do_update()
        .set(row)
        .execute(c))?;
    Ok(())
}

/// Removes a row.
pub(super) fn remove(conn: &mut Conn, organization_id: i64, name: &str) -> Result<(), Error> {
    diesel::delete(settings::table.find((organization_id, name))).execute(conn)?;
    Ok(())
}
