//! Rows of `rules` and `rule_versions`.

use crate::clock::random;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{groups, rule_versions as versions, rules};
use diesel::prelude::*;
use scm_protocol::ids::{GroupId, UnixMillis};

/// A version of a group's rule.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = rules)]
pub(super) struct RuleRow {
    pub group_id: i64,
    pub generation: i64,
    pub conditions: String,
    pub disabled_ms: Option<i64>,
    pub changed_ms: i64,
    pub changed_by: String,
}

/// Every version of every rule of an organization, with its group's name and the generation in force.
pub(super) fn all(conn: &mut Conn, organization_id: i64) -> Result<Vec<(RuleRow, String, i64)>, Error> {
    Ok(per_backend!(conn, c => rules::table
        .inner_join(groups::table)
        .filter(groups::organization_id.eq(organization_id))
        .order((rules::group_id, rules::generation))
        .select((RuleRow::as_select(), groups::name, groups::generation))
        .load(c)?))
}

/// A version of a group's rule.
pub(super) fn find(conn: &mut Conn, group: GroupId, generation: i64) -> Result<Option<RuleRow>, Error> {
    Ok(rules::table
        .find((group.0, generation))
        .select(RuleRow::as_select())
        .first(conn)
        .optional()?)
}

/// The generations of a group's rule.
pub(super) fn generations(conn: &mut Conn, group: GroupId) -> Result<Vec<i64>, Error> {
    Ok(rules::table
        .filter(rules::group_id.eq(group.0))
        .select(rules::generation)
        .load(conn)?)
}

/// The highest generation of a group's rule.
pub(super) fn newest(conn: &mut Conn, group: GroupId) -> Result<Option<i64>, Error> {
    Ok(rules::table
        .filter(rules::group_id.eq(group.0))
        .select(diesel::dsl::max(rules::generation))
        .first(conn)?)
}

/// Adds a version.
pub(super) fn add(conn: &mut Conn, row: &RuleRow) -> Result<(), Error> {
    diesel::insert_into(rules::table).values(row).execute(conn)?;
    Ok(())
}

/// Forgets the versions of a group's rule above one.
pub(super) fn remove_above(conn: &mut Conn, group: GroupId, generation: i64) -> Result<usize, Error> {
    let rows = rules::table
        .filter(rules::group_id.eq(group.0))
        .filter(rules::generation.gt(generation));
    Ok(diesel::delete(rows).execute(conn)?)
}

/// Forgets every version of a group's rule but one.
pub(super) fn keep_only(conn: &mut Conn, group: GroupId, generation: i64) -> Result<(), Error> {
    let rows = rules::table
        .filter(rules::group_id.eq(group.0))
        .filter(rules::generation.ne(generation));
    diesel::delete(rows).execute(conn)?;
    Ok(())
}

/// Groups with a version that is not in force and was begun before an instant, with the generation in force.
pub(super) fn unfinished(conn: &mut Conn, before: UnixMillis) -> Result<Vec<(i64, i64, i64)>, Error> {
    Ok(per_backend!(conn, c => rules::table
        .inner_join(groups::table)
        .filter(rules::generation.gt(groups::generation))
        .filter(rules::changed_ms.lt(before.0))
        .select((groups::organization_id, groups::id, groups::generation))
        .load(c)?))
}

/// The version of an organization's rules, held until the commit against changes by other replicas.
pub(super) fn version(conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
    let row = versions::table.find(organization_id).select(versions::version);
    let version = match conn {
        Conn::Sqlite(c) => row.first(c).optional()?,
        Conn::Postgres(c) => row.for_share().first(c).optional()?,
    };
    Ok(version.unwrap_or(0))
}

/// Gives an organization's rules a version that they never had. Not the next number: what an undone transaction had counted
/// would come again, for other rules, and somebody may have read by it.
pub(super) fn bump(conn: &mut Conn, organization_id: i64) -> Result<(), Error> {
    let version = i64::from_le_bytes(random()?);
    let row = (
        versions::organization_id.eq(organization_id),
        versions::version.eq(version),
    );
    per_backend!(conn, c => diesel::insert_into(versions::table)
        .values(row)
        .on_conflict(versions::organization_id)
        .do_update()
        .set(versions::version.eq(version))
        .execute(c))?;
    Ok(())
}
