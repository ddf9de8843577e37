//! Systems as the console sees them.

use crate::certificates::SystemCertificate;
use crate::identity::{Fingerprint, PublicKey};
use crate::ids::{SystemId, UnixMillis};
use crate::telemetry::Container;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an administrator decided of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemStatus {
    /// Registered, waits for approval.
    Pending,
    /// Approved.
    Active,
    /// Cut off, history kept, can be restored.
    Revoked,
    /// Its public key is blocked.
    Denied,
}

impl SystemStatus {
    /// Every status, in the order of the list.
    pub const ALL: [SystemStatus; 4] = [
        SystemStatus::Pending,
        SystemStatus::Active,
        SystemStatus::Revoked,
        SystemStatus::Denied,
    ];

    /// The stable name in the database, the API and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemStatus::Pending => "pending",
            SystemStatus::Active => "active",
            SystemStatus::Revoked => "revoked",
            SystemStatus::Denied => "denied",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Whether a system is heard of, by the server's own clock at the time of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Checked in within its interval and some grace.
    Online,
    /// Overdue, less than three intervals.
    Late,
    /// Silent for three intervals or more.
    Offline,
    /// Registered, but never checked in.
    NeverSeen,
}

impl Presence {
    /// The stable name in the API and in filters.
    pub fn as_str(self) -> &'static str {
        match self {
            Presence::Online => "online",
            Presence::Late => "late",
            Presence::Offline => "offline",
            Presence::NeverSeen => "never_seen",
        }
    }
}

/// A row of the systems list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemSummary {
    /// Its id.
    pub id: SystemId,
    /// Host name as last reported.
    pub hostname: String,
    /// What an administrator decided.
    pub status: SystemStatus,
    /// Whether it is heard of.
    pub presence: Presence,
    /// Its machine started anew within the last ten minutes.
    pub rebooted: bool,
    /// Another machine uses its identity, and an administrator is to decide.
    #[serde(default)]
    pub cloned: bool,
    /// Its clock minus the server's at the last check-in, in milliseconds, where it is more than ten seconds off.
    pub clock_skew_ms: Option<i64>,
    /// First contact.
    pub first_seen_ms: UnixMillis,
    /// Last check-in.
    pub last_seen_ms: Option<UnixMillis>,
    /// Version of its agent.
    pub agent_version: String,
    /// System name.
    pub os: String,
    /// `linux`, `windows`, …
    pub os_family: String,
    /// Architecture.
    pub arch: String,
    /// The address that the server saw at the last contact.
    pub address: String,
    /// Last CPU average, 0 to 100.
    pub cpu_percent: Option<f32>,
    /// Last memory in use, in bytes.
    pub mem_used_bytes: Option<i64>,
    /// Physical memory, in bytes.
    pub mem_total_bytes: Option<i64>,
    /// Last space in use on the root volume, in bytes.
    pub disk_used_bytes: Option<i64>,
    /// Size of the root volume, in bytes.
    pub disk_total_bytes: Option<i64>,
    /// Seconds since the machine booted, at the last check-in.
    pub uptime_secs: Option<i64>,
    /// Running containers at the last check-in; none without a runtime.
    pub container_count: Option<i32>,
    /// Its tags, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Another system that may be the same machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Duplicate {
    /// The other system.
    pub id: SystemId,
    /// Its host name.
    pub hostname: String,
    /// Its status.
    pub status: SystemStatus,
    /// What they share: `hostname`, `machine_id`, `address`.
    pub shares: Vec<String>,
}

/// `GET /api/v1/systems/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub summary: SystemSummary,
    /// Its public key.
    pub public_key: PublicKey,
    /// SHA-256 of the key; an approval names it, so that nothing else can be approved by mistake.
    pub fingerprint: Fingerprint,
    /// The words that `scmclient status` prints on the host.
    pub fingerprint_words: String,
    /// When it got this key; absent when it registered with it.
    #[serde(default)]
    pub key_since_ms: Option<UnixMillis>,
    /// When an administrator asked for another key, which it has not offered yet.
    #[serde(default)]
    pub key_rotation_asked_ms: Option<UnixMillis>,
    /// Addresses that the machine claims.
    pub claimed_addresses: Vec<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// Hash of its machine id.
    pub machine_id_hash: Option<String>,
    /// Random per start of the agent.
    pub boot_id: String,
    /// Running containers at the last check-in.
    pub containers: Vec<Container>,
    /// Its check-in interval, in seconds.
    pub checkin_interval_secs: u32,
    /// When its status last changed, and by whom.
    pub status_changed_ms: UnixMillis,
    /// Who changed it: a user's name, or `agent` for the registration itself.
    pub status_changed_by: String,
    /// Other systems with the same host name, machine id or address.
    pub duplicates: Vec<Duplicate>,
    /// Its newest client certificate.
    #[serde(default)]
    pub certificate: Option<SystemCertificate>,
    /// Other machines that used its identity: those that wait for a decision first, then the latest.
    #[serde(default)]
    pub conflicts: Vec<IdentityConflict>,
    /// The note on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What became of two machines with one identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictState {
    /// The claimant is quarantined until an administrator decides.
    Open,
    /// The claimant is to register as a system of its own.
    Split,
    /// They are one machine.
    Dismissed,
}

/// Two machines with one identity: the first to appear keeps it, the claimant is kept out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IdentityConflict {
    /// Its number.
    pub id: i64,
    /// What became of it.
    pub state: ConflictState,
    /// What gave it away: `former_run`, `fork`, `same_number`, `successor`.
    pub evidence: String,
    /// Boot id of the agent that is kept out.
    pub claimant_boot_id: String,
    /// Host name of its machine, as far as known.
    pub claimant_hostname: String,
    /// Hash of its machine id, as far as known.
    pub claimant_machine_id_hash: Option<String>,
    /// Where it was last heard from.
    pub claimant_address: String,
    /// Boot id of the agent that keeps the identity.
    pub keeper_boot_id: String,
    /// Where that one was when it came to light.
    pub keeper_address: String,
    /// When it came to light.
    pub first_seen_ms: UnixMillis,
    /// When the claimant was last heard of.
    pub last_seen_ms: UnixMillis,
    /// How often the claimant was turned away.
    pub refused: i64,
}

/// Body of `POST /api/v1/systems/{id}/split|swap|dismiss`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictDecision {
    /// The fingerprint that the administrator was shown.
    pub fingerprint: Fingerprint,
    /// The conflict that is decided.
    pub conflict: i64,
}

/// One page of a list. `next_cursor` is absent on the last page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemPage {
    /// The rows: Pending first, then by host name and id.
    pub items: Vec<SystemSummary>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// How many systems match, over all pages.
    pub total: i64,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `GET /api/v1/systems/count?filter=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemCount {
    /// How many systems match the filter.
    pub matching: i64,
    /// How many systems there are.
    pub total: i64,
}

/// Body of `POST /api/v1/systems/{id}/approve|deny|reject|revoke|restore` and `DELETE /api/v1/systems/{id}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// The fingerprint that the administrator was shown: the server refuses when the system has another key.
    pub fingerprint: Fingerprint,
    /// The status that the administrator was shown: the server refuses when it has changed since.
    pub expected_status: SystemStatus,
}
