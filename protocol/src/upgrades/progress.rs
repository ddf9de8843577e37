//! What an agent says while it upgrades, and how it asks for the parts of a package.

use crate::commands::report::CommandName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Path of the packages' parts.
pub const PACKAGES_PATH: &str = "/agent/v1/packages";

/// `POST /agent/v1/packages`, signed as a check-in is: the package of an order that is under way, from byte `start` on.
///
/// The reply is the part itself (`application/octet-stream`), signed over its bytes: at most
/// [`PACKAGE_PART_BYTES`](super::PACKAGE_PART_BYTES), and less only at the end of the package. The body of the request is
/// signed, which a query would not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackagePartRequest {
    /// As in a check-in: only the run that checked in last is heard.
    pub boot_id: String,
    /// The order.
    pub command: CommandName,
    /// The byte to begin at: from 0 to below the package's size.
    #[serde(default)]
    pub start: i64,
}

/// How far an upgrade is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeStage {
    /// The package is fetched.
    Downloading,
    /// Its hash and its signature are looked at.
    Verifying,
    /// The new program is started, and has to prove itself.
    Restarting,
}

/// How far an upgrade is. May be said again, and in any order: the server never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpgradeProgress {
    /// What is being done.
    pub stage: UpgradeStage,
    /// Bytes of the package that are there.
    pub done_bytes: i64,
    /// Its size, in bytes.
    pub total_bytes: i64,
}

impl UpgradeProgress {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, &'static str)> {
        if self.total_bytes < 0 {
            return Some(("total_bytes", "must not be negative"));
        }
        let possible = (0..=self.total_bytes).contains(&self.done_bytes);
        (!possible).then_some(("done_bytes", "must be 0 to total_bytes"))
    }
}

impl UpgradeStage {
    /// The stable name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            UpgradeStage::Downloading => "downloading",
            UpgradeStage::Verifying => "verifying",
            UpgradeStage::Restarting => "restarting",
        }
    }
}
