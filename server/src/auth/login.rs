//! Logging in and out with a password.

use super::secret::{SESSION_PREFIX, SecretHash, token};
use super::store::{self, NewSession, User};
use super::throttle::{FORGET_MS, Subject};
use super::{Credential, Principal, password};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::auth::{LoginReply, LoginRequest, Role, Session};
use scm_protocol::ids::UnixMillis;
use serde_json::json;
use zeroize::Zeroizing;

/// Checks a password and begins a session.
///
/// # Errors
/// [`Error::Unauthenticated`] for a wrong name or password alike, [`Error::Throttled`] after too many failures.
pub(super) async fn log_in(app: &App, request: LoginRequest, address: String) -> Result<LoginReply, Error> {
    let password = Zeroizing::new(request.password);
    let username = request.username;
    if username.len() > 256 {
        return Err(Error::invalid("username", "must be at most 256 bytes"));
    }
    let subjects = [Subject::account(&username), Subject::address(&address)];
    let (name, checked) = (username.clone(), subjects.clone());
    let now = app.clock.now();
    // The attempt is counted before it is looked at: a thousand at once are not a thousand free ones.
    let user = app.storage.writer.run(move |conn| {
        let wait = count_attempt(conn, &checked, now)?;
        Ok((wait, store::user(conn, &name)?))
    });
    let (wait, user) = user.await?;
    if let Some(retry_after_secs) = wait {
        return Err(Error::Throttled { retry_after_secs });
    }
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let holds = password::verify(app, password, stored).await?;
    let Some(user) = user.filter(|_| holds) else {
        record_failure(app, username, address).await?;
        return Err(Error::Unauthenticated("the name or the password is wrong"));
    };
    let actor = Actor {
        name: format!("user:{}", user.username),
        address,
    };
    begin_session(app, user, actor, subjects.to_vec()).await
}

/// Counts an attempt against every subject; returns the seconds to wait when one of them is blocked.
pub(super) fn count_attempt(
    conn: &mut Conn,
    subjects: &[Subject],
    now: UnixMillis,
) -> Result<Option<u32>, Error> {
    let mut wait = None;
    for subject in subjects {
        let failures = store::failures(conn, subject)?;
        wait = wait.max(failures.wait_secs(now));
    }
    if wait.is_none() {
        for subject in subjects {
            let failures = store::failures(conn, subject)?;
            store::set_failures(conn, subject, failures.failed(subject.free, now))?;
        }
    }
    Ok(wait)
}

async fn record_failure(app: &App, username: String, address: String) -> Result<(), Error> {
    let now = app.clock.now();
    tracing::warn!(target: "security", { peer.address = %address }, "a login failed");
    let organizations = app.organizations.clone();
    let organization_id = app
        .storage
        .writer
        .run(move |conn| {
            // An unknown user's failure is recorded with the organization that the server started with.
            let user = store::user(conn, &username)?;
            let organization_id = user.map_or_else(|| organizations.first_id(), |user| user.organization_id);
            let shown: String = username.chars().filter(|c| !c.is_control()).take(64).collect();
            let actor = Actor {
                name: "anonymous".to_owned(),
                address,
            };
            let target = format!("user:{shown}");
            let detail = json!({ "reason": "wrong name or password" });
            let outcome = Outcome::Refused;
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action: "auth.login",
                target: &target,
                outcome,
                detail,
            }
            .write(conn)?;
            Ok(organization_id)
        })
        .await?;
    app.events.audited(organization_id);
    Ok(())
}

/// Begins a session for a user who proved who they are, and forgets their failures.
pub(super) async fn begin_session(
    app: &App,
    user: User,
    actor: Actor,
    proven: Vec<Subject>,
) -> Result<LoginReply, Error> {
    let now = app.clock.now();
    let token = token(SESSION_PREFIX)?;
    let expires = now.plus(app.settings.session_absolute_ms);
    let session = NewSession {
        token_hash: SecretHash::of(&token).into_bytes(),
        user_id: user.id,
        address: actor.address.clone(),
        created_ms: now.0,
        last_used_ms: now.0,
        expires_ms: expires.0,
    };
    let organization_id = user.organization_id;
    let target = actor.name.clone();
    app.storage
        .writer
        .run(move |conn| {
            proven
                .iter()
                .try_for_each(|subject| store::forget_failures(conn, subject))?;
            store::add_session(conn, &session)?;
            let detail = json!({});
            let outcome = Outcome::Done;
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action: "auth.login",
                target: &target,
                outcome,
                detail,
            }
            .write(conn)
        })
        .await?;
    app.events.audited(organization_id);
    let role = Role::parse(&user.role).ok_or_else(|| Error::internal("a user with an unknown role"))?;
    let organization = app
        .organizations
        .name_of(organization_id)
        .cloned()
        .unwrap_or_default();
    let session = Session {
        username: user.username,
        role,
        organization,
        expires_ms: expires,
    };
    Ok(LoginReply { token, session })
}

/// Ends the caller's session. The local administrator token has none.
pub(super) async fn log_out(app: &App, principal: &Principal, actor: Actor) -> Result<(), Error> {
    let Credential::Session(hash) = &principal.credential else {
        let detail = "the local administrator token has no session to end".to_owned();
        return Err(Error::Conflict {
            code: "no_session",
            detail,
        });
    };
    let hash = SecretHash::from_bytes(hash.clone());
    let (now, organization_id) = (app.clock.now(), principal.organization_id);
    app.storage
        .writer
        .run(move |conn| {
            store::end_session(conn, &hash)?;
            let (detail, outcome, target) = (json!({}), Outcome::Done, actor.name.as_str());
            Entry {
                organization_id,
                at: now,
                actor: &actor,
                action: "auth.logout",
                target,
                outcome,
                detail,
            }
            .write(conn)
        })
        .await?;
    app.events.audited(organization_id);
    Ok(())
}

/// Forgets failures that no longer count: names that somebody tries at random would fill the table.
///
/// # Errors
/// When the database fails.
pub async fn sweep_failures(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-FORGET_MS);
    app.storage
        .writer
        .run(move |conn| store::sweep_failures(conn, before))
        .await
}
