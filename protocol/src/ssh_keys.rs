//! SSH public keys that log their users in: `ed25519`, `ecdsa` over P-256 or P-384, and `rsa` of 2048 bits or more with SHA-2.
//!
//! A login signs a challenge of the server as `ssh-keygen -Y sign -n openscm-login@openscm.org` does, so that the stock tool
//! can log in (docs/api.md).

use crate::ids::{SshKeyId, UnixMillis, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Namespace of the signatures that log in: one made for anything else is worth nothing here, and the other way round.
pub const LOGIN_NAMESPACE: &str = "openscm-login@openscm.org";
/// Most keys of one user.
pub const MAX_SSH_KEYS: i64 = 16;
/// Longest line of `authorized_keys` that is read: an RSA key of 16384 bits with a comment.
pub const MAX_LINE_BYTES: usize = 4096;

/// A registered key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SshKey {
    /// Its id, never used again.
    pub id: SshKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// The comment of its line, or what it was called.
    pub name: String,
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …
    pub algorithm: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub fingerprint: String,
    /// When it was added.
    pub created_ms: UnixMillis,
    /// When it last logged its user in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_ms: Option<UnixMillis>,
}

/// `GET /api/v1/ssh-keys?user=`: one's own; an owner may name another user of the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SshKeyList {
    /// The keys, oldest first.
    pub items: Vec<SshKey>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// `POST /api/v1/ssh-keys`. Answered with [`SshKey`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddSshKey {
    /// A line of `authorized_keys`, without options.
    pub public_key: String,
    /// Whom it logs in: oneself unless given; only an owner may name another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// `POST /api/v1/sessions/challenge`. Answered with [`LoginChallenge`], for unknown users as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChallengeRequest {
    /// Who wants to log in.
    pub username: String,
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginChallenge {
    /// The text, to be signed as it is, without another line end.
    pub challenge: String,
    /// When it is over.
    pub expires_ms: UnixMillis,
    /// The namespace to sign for: [`LOGIN_NAMESPACE`].
    pub namespace: String,
}

/// `POST /api/v1/sessions/ssh`. Answered as a login with a password is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SshLoginRequest {
    /// Who logs in.
    pub username: String,
    /// The challenge, as it came.
    pub challenge: String,
    /// The armored signature: `-----BEGIN SSH SIGNATURE-----` and so on.
    pub signature: String,
}
