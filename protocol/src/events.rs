//! The console's live stream: `GET /api/v1/events` as server-sent events, and what the dashboard shows.
//!
//! Events say *that* something changed; the console then asks for what it shows. Changes are gathered for up to half a
//! second, so that a fleet's heartbeats never flood a slow link. Event names: `hello` (once, first), `change`, and a
//! comment line every 15 s to keep the connection seen.

use crate::audit::AuditEntry;
use crate::ids::{SystemId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Data of the `hello` event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hello {
    /// The server's clock.
    pub server_time_ms: UnixMillis,
    /// The server's version.
    pub version: String,
}

/// Most ids that one change names.
pub const MAX_CHANGED_IDS: usize = 512;

/// Data of a `change` event: everything since the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Change {
    /// Systems whose telemetry or presence changed; at most [`MAX_CHANGED_IDS`].
    #[serde(default)]
    pub updated: Vec<SystemId>,
    /// More were updated than could be named: take all as updated.
    #[serde(default)]
    pub updated_overflow: bool,
    /// Systems that appeared, went, or changed their status; at most [`MAX_CHANGED_IDS`].
    #[serde(default)]
    pub listed: Vec<SystemId>,
    /// More than could be named, or events were lost: read the list again.
    #[serde(default)]
    pub listed_overflow: bool,
    /// Audit entries were added.
    #[serde(default)]
    pub audit: bool,
    /// Groups, their members, their rules or tags were changed.
    #[serde(default)]
    pub groups: bool,
    /// Settings were changed.
    #[serde(default)]
    pub settings: bool,
    /// Bulk jobs were created, went on or ended.
    #[serde(default)]
    pub jobs: bool,
    /// Commands were created, went on or ended, or a system offers other actions.
    #[serde(default)]
    pub commands: bool,
}

/// How many systems are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetCounts {
    /// All systems.
    pub total: i64,
    /// Waiting for approval.
    pub pending: i64,
    /// Active and heard of.
    pub online: i64,
    /// Active and overdue.
    pub late: i64,
    /// Active and silent.
    pub offline: i64,
    /// Active, never checked in.
    pub never_seen: i64,
    /// Cut off.
    pub revoked: i64,
    /// Blocked.
    pub denied: i64,
    /// With another machine that uses the same identity, until an administrator decides.
    #[serde(default)]
    pub cloned: i64,
}

/// `GET /api/v1/overview`: the dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Overview {
    /// The server's name, as configured.
    pub server_name: String,
    /// The server's version.
    pub version: String,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
    /// When this server process started.
    pub started_ms: UnixMillis,
    /// The fleet.
    pub counts: FleetCounts,
    /// First contact of the Pending system that waits longest.
    pub oldest_pending_ms: Option<UnixMillis>,
    /// Some systems that are offline, longest silent first; at most 5.
    pub offline: Vec<OfflineSystem>,
    /// The newest audit entries, at most 10; empty for roles that may not read the audit.
    pub recent_audit: Vec<AuditEntry>,
}

/// A silent system on the dashboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfflineSystem {
    /// Its id.
    pub id: SystemId,
    /// Its host name.
    pub hostname: String,
    /// Its last check-in.
    pub last_seen_ms: Option<UnixMillis>,
}
