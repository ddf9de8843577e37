//! Users: who they are, what they may do, and how they can prove it. Owners manage them; everyone manages their own
//! password, second factor, SSH keys and API tokens.
//!
//! A user's name is unique on the server, not only in the organization, so that a login needs no second name.

use crate::auth::Role;
use crate::ids::{UnixMillis, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Most characters of a user's name.
pub const MAX_USERNAME_CHARS: usize = 64;
/// The local administrator's name, which no user may have.
pub const LOCAL_ADMIN: &str = "local-admin";

/// A user as the list shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Their id, never used again.
    pub id: UserId,
    /// Their name.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// When they were created.
    pub created_ms: UnixMillis,
    /// When they last logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_ms: Option<UnixMillis>,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether a login needs a second factor.
    pub second_factor: bool,
    /// How many SSH keys may log them in.
    pub ssh_keys: i64,
    /// How many sessions they have now.
    pub sessions: i64,
    /// How many of their API tokens are good now.
    pub api_tokens: i64,
}

/// `GET /api/v1/users?cursor=&limit=`: by id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserPage {
    /// The users.
    pub items: Vec<User>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `POST /api/v1/users`. Answered with [`CreatedUser`]. A password, an SSH key, or both.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// 1 to 64 characters of `a-z A-Z 0-9 . _ - @`, unique on the server.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// At least 12 characters, and not the user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A line of `authorized_keys`, without options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_key: Option<String>,
}

/// A new user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedUser {
    /// Their id.
    pub id: UserId,
}

/// `POST /api/v1/users/{id}/role`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// What they may do from now on.
    pub role: Role,
}

/// `POST /api/v1/users/{id}/password`: by an owner, who needs not know the old one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetPassword {
    /// The new password; absent: none, so that only an SSH key logs them in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// `POST /api/v1/account/password`: one's own. Ends every other session of the user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password until now; absent only where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_password: Option<String>,
    /// The password from now on.
    pub new_password: String,
}

/// `GET /api/v1/account`: one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// The user.
    pub user: User,
    /// How many recovery codes are left.
    pub recovery_codes: i64,
}

/// Why a text is not a user's name.
pub fn username_problem(username: &str) -> Option<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    if !(1..=MAX_USERNAME_CHARS).contains(&username.len()) || !username.chars().all(allowed) {
        return Some("must be 1 to 64 characters of a-z A-Z 0-9 . _ - @".to_owned());
    }
    username
        .eq_ignore_ascii_case(LOCAL_ADMIN)
        .then(|| "is the local administrator's name; choose another".to_owned())
}
