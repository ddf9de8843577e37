//! The order in which rows are locked.

use super::Conn;
use super::schema::organizations;
use crate::error::Error;
use diesel::prelude::*;

/// Locks the organization's row until the commit.
///
/// Every audit entry locks it, and whoever changes something writes one: taken first, the locks always come in the same
/// order, so that replicas never wait for each other in a circle. SQLite has one writer at a time.
///
/// # Errors
/// When the database fails.
pub fn hold_organization(conn: &mut Conn, organization_id: i64) -> Result<(), Error> {
    if let Conn::Postgres(conn) = conn {
        let row = organizations::table
            .find(organization_id)
            .select(organizations::id);
        row.for_no_key_update().first::<i64>(conn)?;
    }
    Ok(())
}
