//! A system as the machine that programs are chosen for.

use super::machine_store;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::platform::Platform;
use std::collections::HashMap;

/// A machine and the agent on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its host name.
    pub hostname: String,
    /// What an administrator decided.
    pub status: SystemStatus,
    /// What it runs on; none where it never said.
    pub platform: Option<Platform>,
    /// The version of its agent, at its last start.
    pub agent_version: String,
}

/// These systems of an organization, those of them that there are; with `held`, nobody deletes them before the commit.
///
/// # Errors
/// When the database fails.
pub fn machines(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[SystemId],
    held: bool,
) -> Result<HashMap<SystemId, Machine>, Error> {
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    let rows = machine_store::machines(conn, organization_id, &ids, held)?;
    rows.into_iter()
        .map(|row| {
            let damaged = || Error::internal(format!("the row of system {} is damaged", row.id));
            let machine = Machine {
                status: SystemStatus::parse(&row.status).ok_or_else(damaged)?,
                platform: Platform::of(&row.arch, &row.os_family),
                hostname: row.hostname,
                agent_version: row.agent_version,
            };
            Ok((SystemId(row.id), machine))
        })
        .collect()
}
