//! Rows of `groups`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::groups;
use diesel::prelude::*;
use scm_protocol::groups::{CreateGroup, GroupKind};
use scm_protocol::ids::{GroupId, UnixMillis};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = groups)]
pub(super) struct GroupRow {
    pub id: i64,
    pub name: String,
    pub description: String,
    pub kind: String,
    pub generation: i64,
    pub created_ms: i64,
    pub created_by: String,
}

impl GroupRow {
    /// Who decides on its members.
    pub(super) fn kind(&self) -> Result<GroupKind, Error> {
        GroupKind::parse(&self.kind)
            .ok_or_else(|| Error::internal(format!("the row of group {} is damaged", self.id)))
    }
}

/// Every group of an organization: manual ones first, each kind by name.
pub(super) fn all(conn: &mut Conn, organization_id: i64) -> Result<Vec<GroupRow>, Error> {
    let mut rows: Vec<GroupRow> = groups::table
        .filter(groups::organization_id.eq(organization_id))
        .select(GroupRow::as_select())
        .load(conn)?;
    rows.sort_by(|a, b| {
        let auto = |row: &GroupRow| row.kind == GroupKind::Auto.as_str();
        (auto(a), a.name.to_lowercase(), a.id).cmp(&(auto(b), b.name.to_lowercase(), b.id))
    });
    Ok(rows)
}

/// Every automatic group of every organization: the organization's id, its own, and its generation in force.
pub(super) fn automatic(conn: &mut Conn) -> Result<Vec<(i64, i64, i64)>, Error> {
    Ok(groups::table
        .filter(groups::kind.eq(GroupKind::Auto.as_str()))
        .select((groups::organization_id, groups::id, groups::generation))
        .load(conn)?)
}

/// One group.
pub(super) fn find(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<Option<GroupRow>, Error> {
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::id.eq(id.0))
        .select(GroupRow::as_select())
        .first(conn)
        .optional()?)
}

/// As [`find`], of a group that nobody deletes before the commit.
pub(super) fn held(conn: &mut Conn, organization_id: i64, id: GroupId) -> Result<Option<GroupRow>, Error> {
    match conn {
        // SQLite has one writer at a time, and this is it.
        Conn::Sqlite(_) => find(conn, organization_id, id),
        Conn::Postgres(c) => Ok(groups::table
            .filter(groups::organization_id.eq(organization_id))
            .filter(groups::id.eq(id.0))
            .select(GroupRow::as_select())
            .for_key_share()
            .first(c)
            .optional()?),
    }
}

/// Adds a group; none when the organization has one of that name.
pub(super) fn add(
    conn: &mut Conn,
    organization_id: i64,
    create: &CreateGroup,
    by: &str,
    now: UnixMillis,
) -> Result<Option<GroupRow>, Error> {
    let row = (
        groups::organization_id.eq(organization_id),
        groups::name.eq(&create.name),
        groups::description.eq(&create.description),
        groups::kind.eq(create.kind.as_str()),
        groups::created_ms.eq(now.0),
        groups::created_by.eq(by),
    );
    Ok(per_backend!(conn, c => diesel::insert_into(groups::table)
        .values(row)
        .on_conflict_do_nothing()
        .returning(GroupRow::as_returning())
        .get_result(c)
        .optional())?)
}

/// The id of the group of that name.
pub(super) fn by_name(conn: &mut Conn, organization_id: i64, name: &str) -> Result<Option<i64>, Error> {
    Ok(groups::table
        .filter(groups::organization_id.eq(organization_id))
        .filter(groups::name.eq(name))
        .select(groups::id)
        .first(conn)
        .optional()?)
}

/// Sets name and description.
pub(super) fn rename(conn: &mut Conn, id: GroupId, name: &str, description: &str) -> Result<(), Error> {
    diesel::update(groups::table.find(id.0))
        .set((groups::name.eq(name), groups::description.eq(description)))
        .execute(conn)?;
    Ok(())
}

/// Deletes a group, its memberships and its rule.
pub(super) fn delete(conn: &mut Conn, id: GroupId) -> Result<(), Error> {
    diesel::delete(groups::table.find(id.0)).execute(conn)?;
    Ok(())
}
