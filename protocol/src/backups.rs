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
}

/// `GET /api/v1/backups`: those in the folder of the server that answers, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackupList {
    /// The backups.
    pub items: Vec<Backup>,
    /// Hours between two scheduled ones; 0 when none are scheduled.
    pub every_hours: u32,
    /// How many are kept.
    pub keep: u32,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}
