//! Backups of a server's database.

use crate::ids::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backup {
    /// Name of its file: `openscm-<UTC time>.backup`.
    pub name: String,
    /// When it was begun.
    pub created_ms: UnixMillis,
    /// Size of the file, in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file, in hexadecimal; none where the file beside it that says so is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether a restore would take it, when that was last looked at; none where the file beside it that says so is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<BackupCheck>,
}

/// What a check of a backup found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupCheck {
    /// When.
    pub at_ms: UnixMillis,
    /// Why a restore would refuse it; none when it would not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// The last backup that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupFailure {
    /// When it failed.
    pub at_ms: UnixMillis,
    /// Why.
    pub reason: String,
}

/// `GET /api/v1/backups`: those in the folder of the server that answers, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// The backups.
    pub items: Vec<Backup>,
    /// That folder.
    pub folder: String,
    /// Hours between two scheduled ones; 0 when none are scheduled.
    pub every_hours: u32,
    /// How many are kept.
    pub keep: u32,
    /// When the next scheduled one is due; none when none are scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<UnixMillis>,
    /// The failure that no success has followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<BackupFailure>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}
