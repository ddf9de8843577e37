//! Commands: what a system offers to run ([`catalogue`]), what it is told to ([`order`]), what it says came of it
//! ([`report`]), and how the console sees all of it.
//!
//! A server can only name an action that the agent's own configuration lists, with parameters that fit that action's own
//! patterns: it holds no secret that lets it run anything else.

pub mod catalogue;
mod offered;
pub mod order;
pub mod report;

pub use offered::{Offered, OfferedBy, OfferedQuery};

use crate::ids::{CommandId, SystemId, UnixMillis};
use catalogue::Catalogue;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How long a command waits for its system to fetch it unless the caller says, in seconds.
pub const DEFAULT_WAIT_SECS: u32 = 600;
/// The longest that it may wait, in seconds: a week.
pub const MAX_WAIT_SECS: u32 = 7 * 86_400;
/// Commands of one system that may be under way at once; further ones wait on the server.
pub const MAX_UNDER_WAY: usize = 4;
/// The most of a command's output that is kept, in bytes; the rest is counted and dropped.
pub const MAX_OUTPUT_BYTES: i64 = 256 * 1024;

/// Where a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandState {
    /// Waits on the server until its system asks.
    Created,
    /// Handed to its system, which has not said yet that it began.
    Dispatched,
    /// The system runs it.
    Running,
    /// It ran and ended well.
    Completed,
    /// It ran and ended badly, or nobody can say how it ended.
    Failed,
    /// An administrator stopped it.
    Cancelled,
    /// Too late: it was not run.
    Expired,
    /// The system did not run it, and said why.
    Refused,
}

impl CommandState {
    /// All of them, in the order of a command's life.
    pub const ALL: [CommandState; 8] = [
        CommandState::Created,
        CommandState::Dispatched,
        CommandState::Running,
        CommandState::Completed,
        CommandState::Failed,
        CommandState::Cancelled,
        CommandState::Expired,
        CommandState::Refused,
    ];

    /// The stable name on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            CommandState::Created => "created",
            CommandState::Dispatched => "dispatched",
            CommandState::Running => "running",
            CommandState::Completed => "completed",
            CommandState::Failed => "failed",
            CommandState::Cancelled => "cancelled",
            CommandState::Expired => "expired",
            CommandState::Refused => "refused",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing more is to come.
    pub fn is_over(self) -> bool {
        !matches!(
            self,
            CommandState::Created | CommandState::Dispatched | CommandState::Running
        )
    }
}

/// `POST /api/v1/systems/{id}/commands`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCommand {
    /// Name of an action that the system offers.
    pub action: String,
    /// A value for each of the action's parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// That this is really meant; needed for actions with `requires_confirmation`.
    #[serde(default)]
    pub confirmed: bool,
    /// How long it waits for the system to fetch it, in seconds: 1 to 604,800, 600 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_secs: Option<u32>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// The system that it is for.
    pub system: SystemId,
    /// That system's host name.
    pub hostname: String,
    /// The action that it runs.
    pub action: String,
    /// With which parameters.
    pub parameters: BTreeMap<String, String>,
    /// Where it stands.
    pub state: CommandState,
    /// Why it ended so; none where the state says it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The program's exit status, where it exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// Who created it, as the audit names them.
    pub created_by: String,
    /// Until when it waits for its system to fetch it.
    pub wait_until_ms: UnixMillis,
    /// When it was first handed to its system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispatched_ms: Option<UnixMillis>,
    /// When the server heard that the system began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<UnixMillis>,
    /// When the server heard, or decided, that it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<UnixMillis>,
    /// Who asked to stop it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    /// Output that is kept, in bytes.
    pub output_bytes: i64,
    /// Output was lost, or was more than is kept.
    pub output_incomplete: bool,
    /// The action's output never leaves its system.
    pub redacted: bool,
}

/// `GET /api/v1/commands?system=&state=&cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandPage {
    /// The commands.
    pub items: Vec<Command>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `GET /api/v1/commands/{id}/output?start=`: what there is so far from that byte on, a part at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandOutput {
    /// What the program wrote, standard output and standard error in the order of arrival; bytes that are no UTF-8 are
    /// replaced. It may hold control characters.
    pub text: String,
    /// Pass it as `start` to read on.
    pub next_start: i64,
    /// Whether everything that there will be was read.
    pub complete: bool,
}

/// `GET /api/v1/systems/{id}/actions`: what a system offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemActions {
    /// As its agent reported it; empty where it never did.
    pub catalogue: Catalogue,
    /// When it was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_ms: Option<UnixMillis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_the_one_on_the_wire() {
        for state in CommandState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(CommandState::parse(state.as_str()), Some(state));
        }
        let open = CommandState::ALL.into_iter().filter(|state| !state.is_over());
        assert_eq!(open.count(), 3);
    }
}
