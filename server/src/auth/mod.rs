//! Who calls: sessions, the local administrator token, the first run.
//!
//! Invariants: no credential is stored in usable form (sessions and setup codes as SHA-256, passwords as Argon2id); an
//! address alone grants nothing; unknown users cost the same time as wrong passwords; every failed attempt slows the next.

mod attempt;
mod begin;
mod challenge;
mod local_admin;
mod login;
mod networks;
mod own_password;
mod password;
pub mod routes;
mod second_factor_login;
mod secret;
pub mod session_routes;
mod session_service;
mod session_store;
mod setup;
mod ssh_login;
mod store;
mod throttle;

pub use local_admin::LocalAdmin;
pub use login::sweep_failures;
pub use networks::{is_exempt, keeps_its_caller, lets_in};
pub use own_password::{count_own_attempt, forgive, prove_password};
pub use password::{check as check_password, hash as hash_password, verify as verify_password};
pub use secret::{SecretHash, normal_code, setup_code, token as new_secret};
pub use session_service::end_sessions;
pub use setup::{add_setup_code, offer_setup};

use crate::api_tokens;
use crate::app::App;
use crate::call::Call;
use crate::error::Error;
use crate::router;
use scm_protocol::access;
use scm_protocol::access::Audience;
use scm_protocol::api_tokens::API_TOKEN_PREFIX;
use scm_protocol::auth::{CredentialKind, Role};
use scm_protocol::ids::{ApiTokenId, SessionId, UnixMillis, UserId};
use scm_protocol::organizations::ORGANIZATION_HEADER;
use secret::SESSION_PREFIX;
use std::net::IpAddr;
use warp::http::header::AUTHORIZATION;

/// How often a session's last use is written, in milliseconds.
pub(crate) const TOUCH_EVERY_MS: i64 = 60_000;

/// A caller of the console API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Whose account it is; the local administrator has none.
    pub user_id: Option<UserId>,
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
    /// A session.
    Session {
        /// Its id.
        id: SessionId,
        /// Hash of its token.
        hash: SecretHash,
    },
    /// An API token.
    ApiToken {
        /// Its id.
        id: ApiTokenId,
        /// Its name.
        name: String,
        /// Hash of its secret.
        hash: SecretHash,
    },
    /// The token that this boot wrote for root.
    LocalAdmin,
}

impl Credential {
    /// What it is, for its holder.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Credential::Session { .. } => CredentialKind::Session,
            Credential::ApiToken { .. } => CredentialKind::ApiToken,
            Credential::LocalAdmin => CredentialKind::LocalAdmin,
        }
    }
}

impl Principal {
    /// As the audit names them.
    pub fn audit_name(&self) -> String {
        match &self.credential {
            Credential::Session { .. } => format!("user:{}", self.username),
            Credential::ApiToken { name, .. } => format!("token:{name} of user:{}", self.username),
            Credential::LocalAdmin => "local-admin".to_owned(),
        }
    }

    /// The caller's own account, where they logged in to it.
    ///
    /// # Errors
    /// [`Error::Forbidden`]: an API token does not change how its user logs in, nor makes it others that outlive it.
    /// [`Error::Conflict`] `no_account` for the local administrator.
    pub fn account(&self) -> Result<UserId, Error> {
        match (&self.credential, self.user_id) {
            (Credential::Session { .. }, Some(id)) => Ok(id),
            (Credential::ApiToken { .. }, _) => Err(Error::Forbidden(
                "an API token may not do this; log in instead".to_owned(),
            )),
            _ => Err(Error::Conflict {
                code: "no_account",
                detail: "the local administrator has no account; name a user".to_owned(),
            }),
        }
    }
}

/// The caller of a route, when their role may call it.
///
/// # Errors
/// [`Error::Unauthenticated`] without a valid credential, [`Error::Forbidden`] naming the roles that may.
pub async fn authorize(app: &App, call: &Call) -> Result<Principal, Error> {
    let principal = in_organization(app, call, authenticate(app, call).await?).await?;
    // Another replica may have made it a moment ago.
    app.organizations
        .know(&app.storage, &app.master, principal.organization_id)
        .await?;
    networks::check_caller(app, &principal, call.peer)?;
    let route = access::by_name(call.route).ok_or_else(|| Error::internal("a route outside the table"))?;
    if route.audience == Audience::LocalAdmin {
        let local = principal.credential == Credential::LocalAdmin;
        let refused = || Error::Forbidden("only the server's local administrator may do this".to_owned());
        return local.then_some(principal).ok_or_else(refused);
    }
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

/// The local administrator says by a header which organization a request is for. Everyone else has one: naming another is
/// answered alike whether it exists or not.
async fn in_organization(app: &App, call: &Call, mut principal: Principal) -> Result<Principal, Error> {
    let Some(named) = call.headers.get(ORGANIZATION_HEADER) else {
        return Ok(principal);
    };
    let shown = String::from_utf8_lossy(named.as_bytes()).into_owned();
    let unknown = || Error::NotFound(format!("there is no organization `{shown}`"));
    let name = shown.parse().map_err(|_| unknown())?;
    let organization = app.organizations.find(&app.storage, &app.master, &name).await?;
    let id = organization.ok_or_else(unknown)?.id;
    if principal.credential == Credential::LocalAdmin {
        principal.organization_id = id;
    }
    if principal.organization_id == id {
        Ok(principal)
    } else {
        Err(unknown())
    }
}

/// Whether a credential that was good still is, with no less than the role that it had: asked again for streams that stay
/// open. Does not count as use.
pub async fn still_holds(app: &App, principal: &Principal, peer: IpAddr) -> bool {
    if networks::check_caller(app, principal, peer).is_err() {
        return false;
    }
    let now = app.clock.now();
    let again = match &principal.credential {
        Credential::Session { hash, .. } => session(app, hash.clone(), now, false).await,
        Credential::ApiToken { hash, .. } => api_tokens::principal(app, hash.clone(), now, false).await,
        Credential::LocalAdmin => return true,
    };
    match again {
        Ok(again) => again.role == principal.role,
        // Cannot be known now: asked again soon.
        Err(Error::Unavailable(_) | Error::Busy) => true,
        Err(_) => false,
    }
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
    let hash = SecretHash::of(token);
    if token.starts_with(SESSION_PREFIX) {
        session(app, hash, now, true).await
    } else if token.starts_with(API_TOKEN_PREFIX) {
        api_tokens::principal(app, hash, now, true).await
    } else {
        Err(Error::Unauthenticated(
            "this credential does not open the console's routes",
        ))
    }
}

async fn session(app: &App, hash: SecretHash, now: UnixMillis, touch: bool) -> Result<Principal, Error> {
    let wanted = hash.clone();
    let found = app
        .storage
        .readers
        .run(move |conn| session_store::by_hash(conn, &wanted))
        .await?;
    let ended = Error::Unauthenticated("the session has ended, log in again");
    let Some(session) = found else { return Err(ended) };
    let idle_end = session.last_used_ms.saturating_add(app.settings.session_idle_ms);
    if now.0 >= session.expires_ms || now.0 >= idle_end {
        return Err(ended);
    }
    let id = SessionId(session.id);
    if touch && now.0 - session.last_used_ms >= TOUCH_EVERY_MS {
        app.storage
            .writer
            .run(move |conn| session_store::touch(conn, id, now))
            .await?;
    }
    Ok(Principal {
        user_id: Some(UserId(session.user_id)),
        username: session.username,
        role: Role::parse(&session.role).ok_or_else(|| Error::internal("a user with an unknown role"))?,
        organization_id: session.organization_id,
        credential: Credential::Session { id, hash },
        expires: UnixMillis(session.expires_ms),
    })
}
