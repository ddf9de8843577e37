//! Sessions as their users and the owners see them; how they begin is in [`crate::auth`].

use crate::auth::LoginMethod;
use crate::ids::{SessionId, UnixMillis, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    /// Its id, never used again.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// Whose it is, by name.
    pub username: String,
    /// When it began.
    pub created_ms: UnixMillis,
    /// When it was last used; written about once a minute.
    pub last_used_ms: UnixMillis,
    /// When it ends even if it is used.
    pub expires_ms: UnixMillis,
    /// The address that logged in.
    pub address: String,
    /// How its user proved who they are.
    pub method: LoginMethod,
    /// Whether a second factor was given.
    pub second_factor: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `GET /api/v1/sessions?cursor=&limit=`: newest first; an owner sees those of the organization, everyone else their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionPage {
    /// The sessions.
    pub items: Vec<SessionSummary>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}
