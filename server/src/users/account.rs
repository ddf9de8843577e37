//! One's own user.

use super::store;
use crate::app::App;
use crate::auth::{self, Credential, Principal};
use crate::call::Caller;
use crate::error::Error;
use crate::storage::hold_organization;
use scm_protocol::users::{Account, ChangePassword};
use serde_json::json;
use zeroize::Zeroizing;

/// The caller's own user.
///
/// # Errors
/// [`Error::Conflict`] `no_account` for the local administrator.
pub(super) async fn show(app: &App, principal: &Principal) -> Result<Account, Error> {
    let Some(id) = principal.user_id else {
        return Err(Error::Conflict {
            code: "no_account",
            detail: "the local administrator has no account".to_owned(),
        });
    };
    let (organization_id, now) = (principal.organization_id, app.clock.now());
    let idle_after = now.plus(-app.settings.session_idle_ms);
    let read = app.storage.readers.run(move |conn| {
        let users = store::with_counts(conn, organization_id, (id.0, id.0), 1, now, idle_after)?;
        Ok((users, store::recovery_codes(conn, id)?))
    });
    let (users, recovery_codes) = read.await?;
    let user = users.into_iter().next();
    let user = user.ok_or_else(|| Error::NotFound("your user was deleted".to_owned()))?;
    Ok(Account { user, recovery_codes })
}

/// Changes the caller's own password and ends their other sessions.
///
/// # Errors
/// [`Error::Invalid`] naming the member; what [`auth::prove_password`] refuses.
pub(super) async fn set_password(app: &App, caller: Caller, change: ChangePassword) -> Result<(), Error> {
    let user = caller.principal.account()?;
    let new = Zeroizing::new(change.new_password);
    let named = |error| match error {
        Error::Invalid { reason, .. } => Error::invalid("new_password", reason),
        other => other,
    };
    auth::check_password(&new, &caller.principal.username).map_err(named)?;
    auth::prove_password(app, &caller, "old_password", change.old_password).await?;
    let hash = auth::hash_password(app, new).await?;
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let current = match caller.principal.credential {
        Credential::Session { id, .. } => Some(id),
        _ => None,
    };
    let changed = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        store::set_password(conn, user, &hash)?;
        let ended = auth::end_sessions(conn, user, current)?;
        caller.record(conn, now, &caller.actor.name, json!({ "sessions_ended": ended }))
    });
    changed.await?;
    app.events.access_changed(organization_id);
    Ok(())
}
