//! Rows of `organizations`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{organizations, signing_key_transitions as transitions};
use diesel::prelude::*;

/// A row to add.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = organizations)]
pub(super) struct NewOrganization {
    pub name: String,
    pub sealed_signing_key: Vec<u8>,
    pub public_key: Vec<u8>,
    pub created_ms: i64,
}

/// A row as read.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = organizations)]
pub(super) struct OrganizationRow {
    pub id: i64,
    pub name: String,
    pub sealed_signing_key: Vec<u8>,
}

/// Adds an organization unless its name is taken, so that two replicas that start at once agree on one key.
pub(super) fn add_if_missing(conn: &mut Conn, new: &NewOrganization) -> Result<(), Error> {
    per_backend!(conn, c => diesel::insert_into(organizations::table)
        .values(new)
        .on_conflict(organizations::name)
        .do_nothing()
        .execute(c))?;
    Ok(())
}

/// Every organization.
pub(super) fn all(conn: &mut Conn) -> Result<Vec<OrganizationRow>, Error> {
    Ok(organizations::table
        .select(OrganizationRow::as_select())
        .load(conn)?)
}

/// Adds an organization; none when its name is taken.
pub(super) fn add(conn: &mut Conn, new: &NewOrganization) -> Result<Option<i64>, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(organizations::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning(organizations::id)
        .get_result(c)
        .optional())?)
}

/// The one of that name.
pub(super) fn by_name(conn: &mut Conn, name: &str) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .filter(organizations::name.eq(name))
        .select(OrganizationRow::as_select())
        .first(conn)
        .optional()?)
}

/// The one with that id.
pub(super) fn by_id(conn: &mut Conn, id: i64) -> Result<Option<OrganizationRow>, Error> {
    Ok(organizations::table
        .find(id)
        .select(OrganizationRow::as_select())
        .first(conn)
        .optional()?)
}

/// Every public key that ever signed for an organization.
pub(super) fn public_keys(conn: &mut Conn, organization_id: i64) -> Result<Vec<Vec<u8>>, Error> {
    let mut keys = vec![
        organizations::table
            .find(organization_id)
            .select(organizations::public_key)
            .first(conn)?,
    ];
    let former: Vec<Vec<u8>> = transitions::table
        .filter(transitions::organization_id.eq(organization_id))
        .order(transitions::created_ms.desc())
        .select(transitions::old_public_key)
        .load(conn)?;
    keys.extend(former);
    Ok(keys)
}

/// Names and ids of the organizations, by id.
pub(super) fn names(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    Ok(organizations::table
        .order(organizations::id)
        .select((organizations::name, organizations::id))
        .load(conn)?)
}
