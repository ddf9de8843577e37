//! Upgrades of single systems as the console sees them.

use super::platform::Platform;
use crate::ids::{CommandId, RolloutId, SystemId, UnixMillis, UpgradeId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an upgrade stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeState {
    /// Waits on the server until its system asks.
    Queued,
    /// Handed to its system, which has not said yet that it began.
    Dispatched,
    /// The system fetches the package.
    Downloading,
    /// It looks at hash and signature.
    Verifying,
    /// It starts the new program, which has to prove itself.
    Restarting,
    /// The new program runs.
    Done,
    /// It did not come to it, or nobody can say what became of it.
    Failed,
    /// The new program did not prove itself, and the one before runs again.
    RolledBack,
    /// The system refused; nothing was changed.
    Refused,
    /// An administrator stopped it.
    Cancelled,
    /// Its system did not ask in time; nothing was changed.
    Expired,
}

impl UpgradeState {
    /// All of them, in the order of an upgrade's life.
    pub const ALL: [UpgradeState; 11] = [
        UpgradeState::Queued,
        UpgradeState::Dispatched,
        UpgradeState::Downloading,
        UpgradeState::Verifying,
        UpgradeState::Restarting,
        UpgradeState::Done,
        UpgradeState::Failed,
        UpgradeState::RolledBack,
        UpgradeState::Refused,
        UpgradeState::Cancelled,
        UpgradeState::Expired,
    ];

    /// The stable name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            UpgradeState::Queued => "queued",
            UpgradeState::Dispatched => "dispatched",
            UpgradeState::Downloading => "downloading",
            UpgradeState::Verifying => "verifying",
            UpgradeState::Restarting => "restarting",
            UpgradeState::Done => "done",
            UpgradeState::Failed => "failed",
            UpgradeState::RolledBack => "rolled_back",
            UpgradeState::Refused => "refused",
            UpgradeState::Cancelled => "cancelled",
            UpgradeState::Expired => "expired",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing more is to come.
    pub fn is_over(self) -> bool {
        self >= UpgradeState::Done
    }

    /// Whether it counts against the failure budget of a rollout.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            UpgradeState::Failed | UpgradeState::RolledBack | UpgradeState::Refused
        )
    }
}

/// `POST /api/v1/systems/{id}/upgrade`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpgrade {
    /// To which version; the one that is offered unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How long it waits for the system to fetch it, in seconds: 1 to 604,800, a week unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_secs: Option<u32>,
}

/// An upgrade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Upgrade {
    /// Its id.
    pub id: UpgradeId,
    /// The system.
    pub system: SystemId,
    /// Its host name.
    pub hostname: String,
    /// The platform of the package.
    pub platform: Platform,
    /// The version that it is to come to.
    pub version: String,
    /// The version that it came from.
    pub from_version: String,
    /// Where it stands.
    pub state: UpgradeState,
    /// Why; none where the state says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes of the package that the system has.
    pub done_bytes: i64,
    /// The package's size, in bytes.
    pub total_bytes: i64,
    /// The rollout that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// The command that carries it; cancelling that one cancels the upgrade.
    pub command: CommandId,
    /// When it was queued.
    pub created_ms: UnixMillis,
    /// By whom, as the audit names them.
    pub created_by: String,
    /// When it last came to another state.
    pub changed_ms: UnixMillis,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<UnixMillis>,
}

/// `GET /api/v1/upgrades?system=&rollout=&state=&cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradePage {
    /// The upgrades.
    pub items: Vec<Upgrade>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `GET /api/v1/systems/{id}/upgrade`: what is offered to a system, and if nothing, why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeOffer {
    /// The platform of the system; none where it never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// The version that runs there.
    pub present: String,
    /// The version that is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// Why nothing is offered, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last upgrade of the system, perhaps under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Upgrade>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_the_one_on_the_wire() {
        for state in UpgradeState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(UpgradeState::parse(state.as_str()), Some(state));
            assert!(!state.is_failure() || state.is_over());
        }
        let open = UpgradeState::ALL.into_iter().filter(|state| !state.is_over());
        assert_eq!(open.count(), 5);
    }
}
