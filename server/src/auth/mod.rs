//! Who calls: sessions, the local administrator token, the first run.
//!
//! Invariants: no credential is stored in usable form (sessions and setup codes as SHA-256, passwords as Argon2id); an
//! address alone grants nothing; unknown users cost the same time as wrong passwords; every failed attempt slows the next.

mod local_admin;
mod login;
mod password;
pub mod routes;
mod secret;
mod setup;
mod store;
mod throttle;

pub use local_admin::LocalAdmin;
pub use login::sweep_failures;
pub use secret::{SecretHash, token as new_secret};
pub use setup::offer_setup;

use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router;
use scm_protocol::access;
use scm_protocol::auth::Role;
use scm_protocol::ids::UnixMillis;
use secret::SESSION_PREFIX;
use warp::http::header::AUTHORIZATION;

/// How often a session's last use is written, in milliseconds.
const TOUCH_EVERY_MS: i64 = 60_000;

/// A caller of the console API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Their name.
    pub username: String,
    /// What they may do.
    pub role: Role,
    /// Where they may do it.
    pub organization_id: i64,
    /// How they proved who they are.
    pub credential: Credential,
    /// When the credential ends.
    pub expires: UnixMillis,
}

/// How a caller proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A session, by the hash of its token.
    Session(Vec<u8>),
    /// The token that this boot wrote for root.
    LocalAdmin,
}

impl Principal {
    /// As the audit names them.
    pub fn audit_name(&self) -> String {
        match self.credential {
            Credential::Session(_) => format!("user:{}", self.username),
            Credential::LocalAdmin => "local-admin".to_owned(),
        }
    }
}

/// The caller of a route, when their role may call it.
///
/// # Errors
/// [`Error::Unauthenticated`] without a valid credential, [`Error::Forbidden`] naming the roles that may.
pub async fn authorize(app: &App, call: &Call) -> Result<Principal, Error> {
    let principal = authenticate(app, call).await?;
    let route = access::by_name(call.route).ok_or_else(|| Error::internal("a route outside the table"))?;
    if router::allowed(route, principal.role) {
        return Ok(principal);
    }
    let roles = Role::ALL
        .into_iter()
        .filter(|role| router::allowed(route, *role))
        .map(Role::as_str);
    let roles: Vec<&str> = roles.collect();
    Err(Error::Forbidden(format!(
        "your role {} may not do this, it needs one of: {}",
        principal.role.as_str(),
        roles.join(", ")
    )))
}

async fn authenticate(app: &App, call: &Call) -> Result<Principal, Error> {
    let header = call
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.split_once(' '));
    let token = token
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    let token = token.ok_or(Error::Unauthenticated(
        "log in first: this needs `Authorization: Bearer`",
    ))?;
    let now = app.clock.now();
    if app.local_admin.is(token) {
        return Ok(app.local_admin.principal(now));
    }
    if !token.starts_with(SESSION_PREFIX) {
        return Err(Error::Unauthenticated(
            "this credential does not open the console's routes",
        ));
    }
    session(app, SecretHash::of(token), now).await
}

async fn session(app: &App, hash: SecretHash, now: UnixMillis) -> Result<Principal, Error> {
    let wanted = hash.clone();
    let found = app
        .storage
        .readers
        .run(move |conn| store::session(conn, &wanted))
        .await?;
    let ended = Error::Unauthenticated("the session has ended, log in again");
    let Some(session) = found else { return Err(ended) };
    let idle_end = session.last_used_ms.saturating_add(app.settings.session_idle_ms);
    if now.0 >= session.expires_ms || now.0 >= idle_end {
        return Err(ended);
    }
    if now.0 - session.last_used_ms >= TOUCH_EVERY_MS {
        let touched = hash.clone();
        app.storage
            .writer
            .run(move |conn| store::touch_session(conn, &touched, now))
            .await?;
    }
    Ok(Principal {
        username: session.username,
        role: Role::parse(&session.role).ok_or_else(|| Error::internal("a user with an unknown role"))?,
        organization_id: session.organization_id,
        credential: Credential::Session(hash.into_bytes()),
        expires: UnixMillis(session.expires_ms),
    })
}
