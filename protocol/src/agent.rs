//! The messages of the agent routes: registration ("ID 0") and the check-in, with their replies.
//!
//! Both requests and their replies are signed ([`crate::signature`]) and are only parsed once verified. Unknown members
//! are ignored, so that agents and servers of neighbouring versions understand each other.

use crate::commands::report::Tasks;
use crate::identity::PublicKey;
use crate::ids::{Organization, SystemId, UnixMillis};
use crate::telemetry::Telemetry;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Path of the registration request.
pub const REGISTER_PATH: &str = "/agent/v1/register";
/// Path of the check-in (heartbeat).
pub const CHECKIN_PATH: &str = "/agent/v1/checkin";
/// Largest request body that an agent route reads, in bytes.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// How far an agent's `created` may lie from the server's clock in either direction, in seconds.
pub const MAX_CLOCK_SKEW_SECS: i64 = 300;

/// What a machine says of itself. Every text is capped by [`HostFacts::problem`]'s limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostFacts {
    /// Host name as the operating system gives it.
    pub hostname: String,
    /// Addresses of the host's interfaces without loopback and link-local ones, as it claims them.
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Human-readable system name, for example `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default)]
    pub os: String,
    /// `linux`, `windows`, `freebsd` or `macos`.
    #[serde(default)]
    pub os_family: String,
    /// Architecture as Rust names it, for example `x86_64`.
    #[serde(default)]
    pub arch: String,
    /// Kernel release, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// SHA-256 (hex) of `openscm` and the machine id, where there is one; the machine id itself stays on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine_id_hash: Option<String>,
}

impl HostFacts {
    /// The first field that is too long or has control characters, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let text = |field, text: &str, max: usize| {
            if text.len() > max {
                Some((
                    field,
                    format!("is {} bytes long, at most {max} are allowed", text.len()),
                ))
            } else if text.chars().any(char::is_control) {
                Some((field, "contains control characters".to_owned()))
            } else {
                None
            }
        };
        if self.hostname.is_empty() {
            return Some(("hostname", "is empty".to_owned()));
        }
        if self.addresses.len() > 64 {
            return Some((
                "addresses",
                format!("has {} entries, at most 64 are allowed", self.addresses.len()),
            ));
        }
        text("hostname", &self.hostname, 253)
            .or_else(|| {
                self.addresses
                    .iter()
                    .find_map(|address| text("addresses", address, 64))
            })
            .or_else(|| text("os", &self.os, 128))
            .or_else(|| text("os_family", &self.os_family, 32))
            .or_else(|| text("arch", &self.arch, 32))
            .or_else(|| text("kernel", self.kernel.as_deref().unwrap_or(""), 128))
            .or_else(|| {
                text(
                    "machine_id_hash",
                    self.machine_id_hash.as_deref().unwrap_or(""),
                    64,
                )
            })
    }
}

/// `POST /agent/v1/register`: the "ID 0" request, signed with the new key that its `keyid` carries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterRequest {
    /// What the machine says of itself.
    pub facts: HostFacts,
    /// Version of the agent (semver).
    pub agent_version: String,
    /// Random per start of the agent (32 hex digits), to tell two machines with one identity apart.
    pub boot_id: String,
    /// Enrollment token; sent here and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment_token: Option<String>,
}

/// Where a system stands, as its agent is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Waiting for an administrator.
    Pending,
    /// Approved.
    Active,
}

/// Reply to a registration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RegisterReply {
    /// The id to sign with from now on. The same key registering again gets the same id back.
    pub system_id: SystemId,
    /// The organization that the system now belongs to.
    pub organization: Organization,
    /// Where the system stands.
    pub status: AgentStatus,
    /// Seconds until the first check-in, at the latest.
    pub next_checkin_secs: u32,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
}

/// `POST /agent/v1/checkin`: the heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckIn {
    /// Version of the agent (semver).
    pub agent_version: String,
    /// As in [`RegisterRequest::boot_id`].
    pub boot_id: String,
    /// Boot id of the agent's run before this one, as it stands beside its key; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_boot_id: Option<String>,
    /// Whether the agent already holds the server's public key; when it does not and is approved, the reply carries it.
    #[serde(default)]
    pub has_server_key: bool,
    /// Server's clock minus the host's, in milliseconds, where the agent corrects `created` by it (H8): without it the
    /// host's wrong clock could not be seen any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Seconds that the agent is willing to wait for the reply: the server may hold it back until there is something to
    /// tell. An old server answers at once, which is always allowed.
    #[serde(default)]
    pub hold_secs: u32,
    /// [`Catalogue::digest`](crate::commands::catalogue::Catalogue::digest) of the actions that it offers; none where there
    /// are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<String>,
    /// Sent with the first check-in after a start and whenever they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<HostFacts>,
    /// Measured just before sending; an agent that measures nothing sends none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telemetry: Option<Telemetry>,
}

/// Reply to a check-in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CheckInReply {
    /// Where the system stands.
    pub status: AgentStatus,
    /// Length of the check-in interval, in seconds.
    pub next_checkin_secs: u32,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
    /// The key that signs every reply from now on. Only for an Active system that does not hold it yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_public_key: Option<PublicKey>,
    /// The facts are to be sent again with the next check-in: what the server knows may be another machine's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_facts: bool,
    /// An administrator asks for another key of this system: see [`crate::rotation`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rotate_key: bool,
    /// What the system offers is to be reported: the server knows another catalogue, or none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub send_actions: bool,
    /// What there is to do. Only for an Active system.
    #[serde(default, flatten)]
    pub tasks: Tasks,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_capped_field_by_field() {
        let facts = HostFacts {
            hostname: "web-1".to_owned(),
            ..HostFacts::default()
        };
        assert_eq!(facts.problem(), None);
        let long = HostFacts {
            hostname: "x".repeat(254),
            ..facts.clone()
        };
        assert_eq!(long.problem().unwrap().0, "hostname");
        let control = HostFacts {
            os: "a\u{1b}[2Jb".to_owned(),
            ..facts.clone()
        };
        assert_eq!(control.problem().unwrap().0, "os");
        let many = HostFacts {
            addresses: vec!["10.0.0.1".to_owned(); 65],
            ..facts
        };
        assert_eq!(many.problem().unwrap().0, "addresses");
    }
}
