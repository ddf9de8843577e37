//! Packages as the console sees them.

use super::platform::Platform;
use crate::ids::{PackageId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A package that the server holds: its signature was verified when it was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Package {
    /// Its id.
    pub id: PackageId,
    /// What it runs on.
    pub platform: Platform,
    /// Its version.
    pub version: String,
    /// Its size, in bytes.
    pub size_bytes: i64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// When it was added.
    pub added_ms: UnixMillis,
    /// By whom, as the audit names them.
    pub added_by: String,
    /// Whether it is what is offered to systems of its platform: the newest release, or the newest at all where there is none.
    pub offered: bool,
}

/// `GET /api/v1/packages`: by platform, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackageList {
    /// The packages; the same for every organization of the server.
    pub items: Vec<Package>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}
