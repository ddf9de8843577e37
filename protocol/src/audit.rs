//! The record of who did what.

use crate::ids::UnixMillis;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry. Written in the transaction of the change that it records; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Rises by one within the organization.
    pub id: i64,
    /// When.
    pub at_ms: UnixMillis,
    /// Who: `user:jdoe`, `system:42`, `server`.
    pub actor: String,
    /// From which address; empty for the server itself.
    pub address: String,
    /// What, for example `systems.approve`.
    pub action: String,
    /// On what, for example `system:42`.
    pub target: String,
    /// `ok` or `refused`.
    pub outcome: String,
    /// Before, after and reason, as JSON members.
    pub detail: serde_json::Value,
}

/// `GET /api/v1/audit?cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
