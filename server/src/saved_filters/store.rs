//! Rows of `saved_filters`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::saved_filters as saved;
use diesel::prelude::*;
use diesel::upsert::excluded;
use scm_protocol::ids::FilterId;

/// A saved filter.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = saved)]
pub(super) struct FilterRow {
    pub id: i64,
    /// Empty: shared.
    pub owner: String,
    pub name: String,
    pub filter: String,
    pub sort: String,
    pub shown_columns: String,
    pub changed_ms: i64,
}

/// A filter to save.
#[derive(Debug, Insertable)]
#[diesel(table_name = saved)]
pub(super) struct NewFilter {
    pub organization_id: i64,
    pub owner: String,
    pub name: String,
    pub filter: String,
    pub sort: String,
    pub shown_columns: String,
    pub changed_ms: i64,
}

/// One's own and the shared ones.
pub(super) fn visible(conn: &mut Conn, organization_id: i64, owner: &str) -> Result<Vec<FilterRow>, Error> {
    Ok(saved::table
        .filter(saved::organization_id.eq(organization_id))
        .filter(saved::owner.eq_any(["", owner]))
        .order((saved::owner.desc(), saved::name))
        .select(FilterRow::as_select())
        .load(conn)?)
}

/// How many an owner has.
pub(super) fn count(conn: &mut Conn, organization_id: i64, owner: &str) -> Result<i64, Error> {
    Ok(saved::table
        .filter(saved::organization_id.eq(organization_id))
        .filter(saved::owner.eq(owner))
        .count()
        .get_result(conn)?)
}

/// Saves under the name, in place of what had it.
pub(super) fn put(conn: &mut Conn, new: &NewFilter) -> Result<FilterRow, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(saved::table)
        .values(new)
        .on_conflict((saved::organization_id, saved::owner, saved::name))
        .do_update()
        .set((
            saved::filter.eq(excluded(saved::filter)),
            saved::sort.eq(excluded(saved::sort)),
            saved::shown_columns.eq(excluded(saved::shown_columns)),
            saved::changed_ms.eq(excluded(saved::changed_ms)),
        ))
        .returning(FilterRow::as_returning())
        .get_result(c))?)
}

/// One of the visible ones.
pub(super) fn find(
    conn: &mut Conn,
    organization_id: i64,
    owner: &str,
    id: FilterId,
) -> Result<Option<FilterRow>, Error> {
    Ok(saved::table
        .filter(saved::organization_id.eq(organization_id))
        .filter(saved::owner.eq_any(["", owner]))
        .filter(saved::id.eq(id.0))
        .select(FilterRow::as_select())
        .first(conn)
        .optional()?)
}

/// Deletes one.
pub(super) fn delete(conn: &mut Conn, id: FilterId) -> Result<(), Error> {
    diesel::delete(saved::table.find(id.0)).execute(conn)?;
    Ok(())
}
