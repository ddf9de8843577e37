//! API tokens: what scripts call the console's API with. Each belongs to a user and never may more than they do, neither when
//! it is created nor when it is used.

use crate::auth::Role;
use crate::enrollment::name_problem;
use crate::ids::{ApiTokenId, UnixMillis, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Begins every API token.
pub const API_TOKEN_PREFIX: &str = "osca_";
/// Longest life of a token, in days.
pub const MAX_API_TOKEN_DAYS: u32 = 366;
/// Most tokens of one user, ended ones included.
pub const MAX_API_TOKENS: i64 = 100;

/// A token as the list shows it; the secret is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// Its id, never used again.
    pub id: ApiTokenId,
    /// Its name, unique among those of its user.
    pub name: String,
    /// Whose it is.
    pub user_id: UserId,
    /// Whose it is, by name.
    pub username: String,
    /// What it was made for.
    pub role: Role,
    /// What it may do now: its role or its user's, whichever is weaker.
    pub effective_role: Role,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// When it ends.
    pub expires_ms: UnixMillis,
    /// When it was last used; written about once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<UnixMillis>,
}

/// `GET /api/v1/api-tokens?cursor=&limit=`: newest first; an owner sees those of the organization, everyone else their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenPage {
    /// The tokens.
    pub items: Vec<ApiToken>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `POST /api/v1/api-tokens`: one of one's own. Answered with [`CreatedApiToken`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateApiToken {
    /// 1 to 64 printable characters, no space at either end; unique among those of its user.
    pub name: String,
    /// What it may do: not more than its user.
    pub role: Role,
    /// Days until it ends: 1 to 366.
    pub days: u32,
}

impl CreateApiToken {
    /// The first member that cannot be, and why; `own` is the role of its user.
    pub fn problem(&self, own: Role) -> Option<(&'static str, String)> {
        let name = name_problem(&self.name).map(|reason| ("name", reason));
        let days = (!(1..=MAX_API_TOKEN_DAYS).contains(&self.days))
            .then(|| ("days", format!("must be between 1 and {MAX_API_TOKEN_DAYS}")));
        let above = (self.role != self.role.weaker(own)).then(|| {
            (
                "role",
                format!("must not be above your own role {}", own.as_str()),
            )
        });
        name.or(above).or(days)
    }
}

/// A new token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedApiToken {
    /// Goes into `Authorization: Bearer …`; shown here once, stored hashed.
    pub secret: String,
    /// What the list shows of it.
    pub token: ApiToken,
}
