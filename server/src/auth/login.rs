//! Logging in with a password, and logging out.

use super::attempt::Attempt;
use super::begin::{LoggedIn, Proven, first_factor_held};
use super::store;
use super::throttle::FORGET_MS;
use super::{Credential, password, session_store};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use scm_protocol::auth::{LoginMethod, LoginRequest};
use serde_json::json;
use zeroize::Zeroizing;

/// Checks a password and begins a session, or half of one.
///
/// # Errors
/// [`Error::Unauthenticated`] for a wrong name or password alike, [`Error::Throttled`] after too many failures.
pub(super) async fn log_in(app: &App, request: LoginRequest, address: String) -> Result<LoggedIn, Error> {
    let password = Zeroizing::new(request.password);
    let attempt = Attempt::new(request.username, address, LoginMethod::Password)?;
    let user = attempt.begin(app, store::user).await?;
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let holds = password::verify(app, password, stored).await?;
    let Some(user) = user.filter(|_| holds) else {
        attempt.failed(app, "wrong name or password").await?;
        return Err(Error::Unauthenticated("the name or the password is wrong"));
    };
    first_factor_held(app, attempt, Proven::Password(user)).await
}

/// Ends the caller's session. API tokens and the local administrator token have none.
pub(super) async fn log_out(app: &App, caller: Caller) -> Result<(), Error> {
    let Credential::Session { id, .. } = caller.principal.credential else {
        let detail = "you did not call with a session: there is none to end".to_owned();
        return Err(Error::Conflict {
            code: "no_session",
            detail,
        });
    };
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let ended = app.storage.writer.run(move |conn| {
        session_store::end(conn, id)?;
        caller.record(conn, now, &caller.actor.name, json!({}))
    });
    ended.await?;
    app.events.access_changed(organization_id);
    Ok(())
}

/// Forgets failures that no longer count: names that somebody tries at random would fill the table.
///
/// # Errors
/// When the database fails.
pub async fn sweep_failures(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| {
            session_store::sweep(conn, now)?;
            store::sweep_failures(conn, now.plus(-FORGET_MS))
        })
        .await
}
