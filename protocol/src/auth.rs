//! Logins, sessions, roles and the first run.

use crate::ids::{Organization, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a user may do; the table is [`crate::access::ROUTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, users and backups included.
    Owner,
    /// Tokens, automatic groups, upgrades, actions, settings.
    Admin,
    /// Approvals, groups, tags, deletion, policies.
    Editor,
    /// Starts policy scans.
    Runner,
    /// Reads.
    Viewer,
    /// Reads systems and compliance, not the raw audit.
    Compliance,
}

impl Role {
    /// Every role, most powerful first.
    pub const ALL: [Role; 6] = [
        Role::Owner,
        Role::Admin,
        Role::Editor,
        Role::Runner,
        Role::Viewer,
        Role::Compliance,
    ];

    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Admin => "admin",
            Role::Editor => "editor",
            Role::Runner => "runner",
            Role::Viewer => "viewer",
            Role::Compliance => "compliance",
        }
    }

    /// The weaker of two roles, in the order of [`Role::ALL`].
    pub fn weaker(self, other: Role) -> Role {
        let place = |role: Role| Role::ALL.iter().position(|listed| *listed == role);
        if place(self) < place(other) { other } else { self }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

/// How a user proved who they are when a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoginMethod {
    /// With a password.
    Password,
    /// With an SSH key.
    Ssh,
    /// With the setup code, as the first owner.
    Setup,
}

impl LoginMethod {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            LoginMethod::Password => "password",
            LoginMethod::Ssh => "ssh",
            LoginMethod::Setup => "setup",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [LoginMethod::Password, LoginMethod::Ssh, LoginMethod::Setup]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

/// What a caller of the console's API holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A session.
    #[default]
    Session,
    /// An API token.
    ApiToken,
    /// The token that the server's boot wrote for root.
    LocalAdmin,
}

/// Fewest characters of a password.
pub const MIN_PASSWORD_CHARS: usize = 12;

/// `GET /api/v1/setup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SetupState {
    /// Whether the first owner is still to be created.
    pub needed: bool,
    /// The server's version.
    pub version: String,
}

/// `POST /api/v1/setup`: creates the first owner and logs in. Answered with [`LoginReply`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetupRequest {
    /// The one-time code that the server printed at its first start.
    pub setup_code: String,
    /// Name of the first owner: 1 to 64 characters of `a-z A-Z 0-9 . _ - @`.
    pub username: String,
    /// At least [`MIN_PASSWORD_CHARS`] characters, and not the user's name.
    pub password: String,
}

/// `POST /api/v1/sessions`. Answered with [`LoginReply`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginRequest {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// A new session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginReply {
    /// Goes into `Authorization: Bearer …`; shown here once, stored hashed.
    pub token: String,
    /// Who is logged in.
    pub session: Session,
}

/// Who is logged in: `GET /api/v1/sessions/current`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    /// The user's name; `local-admin` for the local administrator token.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// Where they may do it.
    pub organization: Organization,
    /// What they called with.
    #[serde(default)]
    pub credential: CredentialKind,
    /// When the session ends even if it is used.
    pub expires_ms: UnixMillis,
}
