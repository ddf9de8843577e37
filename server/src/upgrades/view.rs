//! From rows to what is told of an upgrade.

use super::store::UpgradeRow;
use crate::error::Error;
use scm_protocol::ids::{CommandId, RolloutId, SystemId, UnixMillis, UpgradeId};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeState};

fn damaged(id: i64) -> Error {
    Error::internal(format!("the row of upgrade {id} is damaged"))
}

/// Where an upgrade stands.
pub(super) fn state(row: &UpgradeRow) -> Result<UpgradeState, Error> {
    UpgradeState::parse(&row.state).ok_or_else(|| damaged(row.id))
}

/// An upgrade.
pub(super) fn upgrade((row, hostname): (UpgradeRow, String)) -> Result<Upgrade, Error> {
    Ok(Upgrade {
        id: UpgradeId(row.id),
        system: SystemId(row.system_id),
        hostname,
        platform: row.platform.parse().map_err(|_| damaged(row.id))?,
        state: state(&row)?,
        version: row.version,
        from_version: row.from_version,
        reason: row.reason,
        done_bytes: row.done_bytes,
        total_bytes: row.total_bytes,
        rollout: row.rollout_id.map(RolloutId),
        command: row.command_id.map(CommandId).ok_or_else(|| damaged(row.id))?,
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
        changed_ms: UnixMillis(row.changed_ms),
        ended_ms: row.ended_ms.map(UnixMillis),
    })
}
