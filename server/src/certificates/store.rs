//! Rows of `certificates`, and the columns of `systems` that follow from them.

use crate::error::Error;
use crate::pki::IssuedClient;
use crate::storage::Conn;
use crate::storage::schema::{certificates, systems};
use diesel::dsl::{count_star, max};
use diesel::prelude::*;
use scm_protocol::ids::{SystemId, UnixMillis};

/// A certificate that was issued.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = certificates)]
pub(super) struct Row {
    pub serial: String,
    pub issued_ms: i64,
    pub not_before_ms: i64,
    pub not_after_ms: i64,
    pub revoked_ms: Option<i64>,
    pub reason: Option<String>,
}

/// A certificate to add.
#[derive(Debug)]
pub(super) struct New<'a> {
    pub organization_id: i64,
    pub system: SystemId,
    pub issued: &'a IssuedClient,
    /// Serial number of the one that its agent showed when asking.
    pub previous: Option<&'a str>,
    pub now: UnixMillis,
}

/// Adds a certificate, which is its system's newest from now on.
pub(super) fn add(conn: &mut Conn, new: &New<'_>) -> Result<(), Error> {
    let issued = new.issued;
    let row = (
        certificates::organization_id.eq(new.organization_id),
        certificates::system_id.eq(new.system.0),
        certificates::serial.eq(&issued.serial),
        certificates::issued_ms.eq(new.now.0),
        certificates::not_before_ms.eq(issued.not_before.0),
        certificates::not_after_ms.eq(issued.not_after.0),
    );
    diesel::insert_into(certificates::table)
        .values(row)
        .execute(conn)?;
    diesel::update(systems::table.find(new.system.0))
        .set((
            systems::certificate_serial.eq(&issued.serial),
            systems::certificate_previous.eq(new.previous),
            systems::certificate_not_after_ms.eq(issued.not_after.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// How many were issued to a system after `since`.
pub(super) fn issued_since(conn: &mut Conn, system: SystemId, since: UnixMillis) -> Result<i64, Error> {
    Ok(certificates::table
        .filter(certificates::system_id.eq(system.0))
        .filter(certificates::issued_ms.gt(since.0))
        .count()
        .get_result(conn)?)
}

/// The newest certificate of a system.
pub(super) fn newest(conn: &mut Conn, system: SystemId) -> Result<Option<Row>, Error> {
    Ok(certificates::table
        .filter(certificates::system_id.eq(system.0))
        .order(certificates::id.desc())
        .select(Row::as_select())
        .first(conn)
        .optional()?)
}

/// Revokes every certificate of a system that is still valid, and gives their serial numbers.
pub(super) fn revoke(
    conn: &mut Conn,
    system: SystemId,
    reason: &str,
    now: UnixMillis,
) -> Result<Vec<String>, Error> {
    let valid = certificates::system_id
        .eq(system.0)
        .and(certificates::revoked_ms.is_null())
        .and(certificates::not_after_ms.gt(now.0));
    let serials: Vec<String> = certificates::table
        .filter(valid)
        .order(certificates::id)
        .select(certificates::serial)
        .load(conn)?;
    if !serials.is_empty() {
        diesel::update(certificates::table.filter(valid))
            .set((
                certificates::revoked_ms.eq(now.0),
                certificates::reason.eq(reason),
            ))
            .execute(conn)?;
    }
    diesel::update(systems::table.find(system.0))
        .set((
            systems::certificate_serial.eq(None::<String>),
            systems::certificate_previous.eq(None::<String>),
            systems::certificate_not_after_ms.eq(None::<i64>),
        ))
        .execute(conn)?;
    Ok(serials)
}

/// Revoked certificates that have not expired before `since`, in the order of their issue.
pub(super) fn revoked(conn: &mut Conn, since: UnixMillis) -> Result<Vec<Row>, Error> {
    Ok(certificates::table
        .filter(certificates::revoked_ms.is_not_null())
        .filter(certificates::not_after_ms.gt(since.0))
        .order(certificates::id)
        .select(Row::as_select())
        .load(conn)?)
}

/// What changes whenever the list of revoked ones does: how many, the newest of them, the latest revocation.
pub(super) type Revision = (i64, Option<i64>, Option<i64>);

/// The revision of [`revoked`].
pub(super) fn revision(conn: &mut Conn, since: UnixMillis) -> Result<Revision, Error> {
    Ok(certificates::table
        .filter(certificates::revoked_ms.is_not_null())
        .filter(certificates::not_after_ms.gt(since.0))
        .select((count_star(), max(certificates::id), max(certificates::revoked_ms)))
        .first(conn)?)
}

/// Forgets certificates that expired before `before`.
pub(super) fn forget(conn: &mut Conn, before: UnixMillis) -> Result<(), Error> {
    diesel::delete(certificates::table.filter(certificates::not_after_ms.lt(before.0))).execute(conn)?;
    Ok(())
}
