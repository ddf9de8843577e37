//! The record of who did what.

use crate::identity::PublicKey;
use crate::ids::{Organization, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Version of the export's form, in its first line.
pub const EXPORT_FORMAT: &str = "openscm-audit-export-v1";

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
    /// Hash of the entry before it: 64 hexadecimal digits.
    #[serde(default)]
    pub previous_hash: String,
    /// Its own hash.
    #[serde(default)]
    pub hash: String,
}

/// `GET /api/v1/audit?from=&to=&actor=&action=&target=&outcome=&text=&cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub items: Vec<AuditEntry>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An anchor: the chain had this hash at this entry, signed by the organization's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditAnchor {
    /// Id of the organization.
    pub organization_id: i64,
    /// The entry that it is about.
    pub entry_id: i64,
    /// `head`: the newest entry then. `cut`: everything up to and including it was deleted by retention.
    pub kind: String,
    /// Hash of that entry: 64 hexadecimal digits.
    pub hash: String,
    /// When it was signed.
    pub at_ms: UnixMillis,
    /// The key that signed.
    pub public_key: PublicKey,
    /// Ed25519, over the bytes of docs/audit.md: 128 hexadecimal digits.
    pub signature: String,
}

/// `GET /api/v1/audit/chain`: where the chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditChain {
    /// The newest entry; 0 when there is none.
    pub head_id: i64,
    /// Its hash.
    pub head_hash: String,
    /// The oldest entry that retention has left.
    pub first_id: i64,
    /// The newest anchor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<AuditAnchor>,
    /// This server has verified the chain up to this entry since it started; 0 when it has only begun.
    pub verified_id: i64,
    /// When it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_ms: Option<UnixMillis>,
    /// What is wrong, named in words; the first hundred. Empty when nothing is.
    pub faults: Vec<String>,
    /// The server's time.
    pub server_time_ms: UnixMillis,
}

/// `GET /api/v1/audit/forwarding`: how far the organization's audit was sent to each target of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditForwarding {
    /// The targets, in the order of the configuration.
    pub targets: Vec<AuditForwardTarget>,
}

/// A target that the audit is forwarded to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditForwardTarget {
    /// Its name in the configuration.
    pub name: String,
    /// `syslog` or `webhook`.
    pub kind: String,
    /// Host and port, or URL.
    pub address: String,
    /// Everything up to this entry has arrived.
    pub last_id: i64,
    /// Entries that wait.
    pub behind: i64,
    /// When something last arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sent_ms: Option<UnixMillis>,
    /// Why the last attempt failed; gone after one that did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error_ms: Option<UnixMillis>,
}

/// A line of an export in JSON lines: the header, entries with each anchor behind the entry that it is about, the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum ExportLine {
    /// The first line.
    Header(ExportHeader),
    /// An entry.
    Entry(ExportEntry),
    /// An anchor.
    Anchor(AuditAnchor),
    /// The last line: without it the file was cut off.
    End {
        /// Entries in the file.
        entries: u64,
        /// Anchors in the file.
        anchors: u64,
    },
}

/// What an export holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHeader {
    /// [`EXPORT_FORMAT`].
    pub format: String,
    /// Name of the organization.
    pub organization: Organization,
    /// Its id.
    pub organization_id: i64,
    /// Every key that signed for it; compare one with what you know from elsewhere.
    pub public_keys: Vec<PublicKey>,
    /// When it was exported.
    pub exported_ms: UnixMillis,
    /// Whether every entry from `start_id` to `to_id` is in it; not so when a filter left some out.
    pub complete: bool,
    /// The export begins behind this entry: 0, or the last one that retention deleted.
    pub start_id: i64,
    /// Hash of that entry.
    pub start_hash: String,
    /// The newest entry when it was exported.
    pub to_id: i64,
    /// The filter that was asked for.
    pub filter: serde_json::Value,
}

/// An entry as exported: `detail` is the stored text itself, because the hash is over its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the members are those of AuditEntry")]
pub struct ExportEntry {
    pub organization_id: i64,
    pub id: i64,
    pub at_ms: UnixMillis,
    pub actor: String,
    pub address: String,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub detail: String,
    pub previous_hash: String,
    pub hash: String,
}
