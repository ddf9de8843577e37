//! What of a system decides on what program it can run.

use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::systems;
use crate::{of_organization, per_backend};
use diesel::prelude::*;

/// A machine and the agent on it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = systems)]
pub(super) struct MachineRow {
    pub id: i64,
    pub hostname: String,
    pub status: String,
    pub os_family: String,
    pub arch: String,
    pub agent_version: String,
}

/// These systems of an organization, by id; with `held`, nobody deletes them before the commit.
pub(super) fn machines(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
    held: bool,
) -> Result<Vec<MachineRow>, Error> {
    Ok(match conn {
        Conn::Postgres(c) if held => systems::table
            .filter(systems::organization_id.eq(organization_id))
            .filter(systems::id.eq_any(ids))
            .order(systems::id)
            .select(MachineRow::as_select())
            .for_key_share()
            .load(c)?,
        // SQLite has one writer at a time, and this is it.
        other => per_backend!(other, c => systems::table
            .filter(of_organization!(organization_id))
            .filter(systems::id.eq_any(ids))
            .order(systems::id)
            .select(MachineRow::as_select())
            .load(c)?),
    })
}
