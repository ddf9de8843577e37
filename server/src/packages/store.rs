//! Rows of `packages` and `package_parts`.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{package_parts as parts, packages};
use diesel::prelude::*;
use scm_protocol::ids::{PackageId, UnixMillis};
use scm_protocol::upgrades::PACKAGE_PART_BYTES;

/// A package.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = packages)]
pub(super) struct PackageRow {
    pub id: i64,
    pub platform: String,
    pub version: String,
    pub size_bytes: i64,
    pub sha256: String,
    pub signature: String,
    pub added_ms: i64,
    pub added_by: String,
}

/// A package to add.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = packages)]
pub(super) struct NewPackage<'a> {
    pub platform: &'a str,
    pub version: &'a str,
    pub size_bytes: i64,
    pub sha256: &'a str,
    pub signature: &'a str,
    pub added_ms: i64,
    pub added_by: &'a str,
}

/// Every package.
pub(super) fn all(conn: &mut Conn) -> Result<Vec<PackageRow>, Error> {
    Ok(packages::table
        .order(packages::id)
        .select(PackageRow::as_select())
        .load(conn)?)
}

/// The package of a platform and version.
pub(super) fn find(conn: &mut Conn, platform: &str, version: &str) -> Result<Option<PackageRow>, Error> {
    Ok(packages::table
        .filter(packages::platform.eq(platform))
        .filter(packages::version.eq(version))
        .select(PackageRow::as_select())
        .first(conn)
        .optional()?)
}

/// Adds a package without its bytes; none when its platform has that version already.
pub(super) fn add(conn: &mut Conn, package: &NewPackage<'_>) -> Result<Option<PackageId>, Error> {
    let id: Option<i64> = per_backend!(conn, c => diesel::insert_into(packages::table)
        .values(package)
        .on_conflict_do_nothing()
        .returning(packages::id)
        .get_result(c)
        .optional())?;
    Ok(id.map(PackageId))
}

/// Adds a package's bytes, in parts.
pub(super) fn add_bytes(conn: &mut Conn, id: PackageId, program: &[u8]) -> Result<(), Error> {
    let starts = (0_i64..).step_by(PACKAGE_PART_BYTES);
    for (start, data) in starts.zip(program.chunks(PACKAGE_PART_BYTES)) {
        let row = (
            parts::package_id.eq(id.0),
            parts::start.eq(start),
            parts::data.eq(data),
        );
        diesel::insert_into(parts::table).values(row).execute(conn)?;
    }
    Ok(())
}

/// The stored part that begins at a byte.
pub(super) fn part(conn: &mut Conn, id: PackageId, start: i64) -> Result<Option<Vec<u8>>, Error> {
    Ok(parts::table
        .find((id.0, start))
        .select(parts::data)
        .first(conn)
        .optional()?)
}

/// Deletes a package.
pub(super) fn remove(conn: &mut Conn, id: PackageId) -> Result<(), Error> {
    diesel::delete(packages::table.find(id.0)).execute(conn)?;
    Ok(())
}

/// When it was added.
pub(super) fn added(row: &PackageRow) -> UnixMillis {
    UnixMillis(row.added_ms)
}
