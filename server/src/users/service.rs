//! What owners do with users. A change and its audit entry are one transaction, behind the organization's lock, so that two
//! owners who demote each other at once leave one.

use super::store::{self, NewUser, UserRow};
use crate::app::App;
use crate::auth;
use crate::call::Caller;
use crate::error::Error;
use crate::storage::{Conn, hold_organization};
use crate::{idempotency, paging, second_factors, ssh_keys};
use scm_protocol::auth::Role;
use scm_protocol::ids::{UnixMillis, UserId};
use scm_protocol::users::{CreateUser, CreatedUser, SetPassword, SetRole, UserPage, username_problem};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// One page, by id.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<UserPage, Error> {
    let limit = paging::limit(limit)?;
    let first = paging::id_cursor(cursor)?.unwrap_or(0).saturating_add(1);
    let now = app.clock.now();
    let idle_after = now.plus(-app.settings.session_idle_ms);
    let read = app.storage.readers.run(move |conn| {
        let range = (first, i64::MAX);
        store::with_counts(conn, organization_id, range, i64::from(limit), now, idle_after)
    });
    let items = read.await?;
    let full = items.len() == limit as usize;
    Ok(UserPage {
        next_cursor: items.last().filter(|_| full).map(|user| user.id.to_string()),
        items,
        server_time_ms: now,
    })
}

/// Creates a user.
///
/// # Errors
/// [`Error::Invalid`] naming the member; [`Error::Conflict`] `name_taken` or `already_created`.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    create: CreateUser,
    idempotency_key: Option<&str>,
) -> Result<CreatedUser, Error> {
    let invalid = |field: &str, reason: String| Error::invalid(field, reason);
    if let Some(reason) = username_problem(&create.username) {
        return Err(invalid("username", reason));
    }
    let key = create.ssh_key.as_deref().map(ssh_keys::read_line).transpose();
    let key = key.map_err(|reason| invalid("ssh_key", reason))?;
    let password_hash = match create.password.map(Zeroizing::new) {
        Some(password) => {
            auth::check_password(&password, &create.username)?;
            auth::hash_password(app, password).await?
        }
        None if key.is_none() => {
            let reason = "is needed unless an SSH key is given: nothing would log this user in".to_owned();
            return Err(invalid("password", reason));
        }
        None => String::new(),
    };
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let new = NewUser {
        organization_id,
        username: create.username,
        password_hash,
        role: create.role.as_str().to_owned(),
        created_ms: now.0,
    };
    let once = idempotency_key.map(|key| idempotency::Key {
        organization_id,
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: auth::SecretHash::of(key),
    });
    let added = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let add = |conn: &mut Conn| add(conn, &caller, &new, key.as_ref(), now).map(|id| (id, id));
        match &once {
            Some(once) => idempotency::once(conn, once, now, add),
            None => Ok(add(conn)?.1),
        }
    });
    let id = UserId(added.await?);
    app.events.audited(organization_id);
    Ok(CreatedUser { id })
}

fn add(
    conn: &mut Conn,
    caller: &Caller,
    new: &NewUser,
    key: Option<&ssh_keys::PublicKey>,
    now: UnixMillis,
) -> Result<i64, Error> {
    let id = store::add(conn, new)?.ok_or_else(|| Error::Conflict {
        code: "name_taken",
        detail: format!(
            "there is a user named `{}` on this server already; names are unique over all organizations",
            new.username
        ),
    })?;
    if let Some(key) = key {
        ssh_keys::add_key(conn, UserId(id), key, now)?;
    }
    let detail = json!({
        "role": new.role,
        "password": !new.password_hash.is_empty(),
        "ssh_key": key.map(|key| &key.fingerprint),
    });
    caller.record(conn, now, &format!("user:{}", new.username), detail)?;
    Ok(id)
}

/// Runs a change of one user behind the lock and records what it returns; nothing is recorded where it returns nothing.
async fn change<F>(app: &App, caller: Caller, id: UserId, change: F) -> Result<(), Error>
where
    F: FnOnce(&mut Conn, &Caller, UserRow) -> Result<Option<Value>, Error> + Clone + Send + 'static,
{
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let changed = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let row = store::find(conn, organization_id, id)?;
        let row = row.ok_or_else(|| Error::NotFound(format!("there is no user {id}")))?;
        let target = format!("user:{}", row.username);
        match change(conn, &caller, row)? {
            Some(detail) => caller.record(conn, now, &target, detail).map(|()| true),
            None => Ok(false),
        }
    });
    if changed.await? {
        app.events.access_changed(organization_id);
    }
    Ok(())
}

/// An organization without an owner could not be managed any more.
fn keep_an_owner(conn: &mut Conn, caller: &Caller, row: &UserRow) -> Result<(), Error> {
    if row.role == Role::Owner.as_str() && store::owners(conn, caller.organization_id())? < 2 {
        return Err(Error::Conflict {
            code: "last_owner",
            detail: format!(
                "`{}` is the only owner; make somebody else an owner first",
                row.username
            ),
        });
    }
    Ok(())
}

/// Changes a user's role and ends their sessions.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `last_owner`.
pub(super) async fn set_role(app: &App, caller: Caller, id: UserId, set: SetRole) -> Result<(), Error> {
    change(app, caller, id, move |conn, caller, row| {
        if row.role == set.role.as_str() {
            return Ok(None);
        }
        keep_an_owner(conn, caller, &row)?;
        store::set_role(conn, id, set.role)?;
        let ended = auth::end_sessions(conn, id, None)?;
        let (before, after) = (row.role, set.role.as_str());
        Ok(Some(
            json!({ "before": before, "after": after, "sessions_ended": ended }),
        ))
    })
    .await
}

/// Sets or takes away a user's password and ends their sessions.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Invalid`] for `password`; [`Error::Conflict`] `own_password` or `last_credential`.
pub(super) async fn set_password(
    app: &App,
    caller: Caller,
    id: UserId,
    set: SetPassword,
) -> Result<(), Error> {
    let conflict = |code, detail: &str| Error::Conflict {
        code,
        detail: detail.to_owned(),
    };
    if caller.principal.user_id == Some(id) {
        let detail = "this is you: change your own password with the old one, at /api/v1/account/password";
        return Err(conflict("own_password", detail));
    }
    let organization_id = caller.organization_id();
    let hash = match set.password.map(Zeroizing::new) {
        Some(password) => {
            let find = move |conn: &mut Conn| store::find(conn, organization_id, id);
            let row = app.storage.readers.run(find).await?;
            let row = row.ok_or_else(|| Error::NotFound(format!("there is no user {id}")))?;
            auth::check_password(&password, &row.username)?;
            auth::hash_password(app, password).await?
        }
        None => String::new(),
    };
    change(app, caller, id, move |conn, _, row| {
        if hash.is_empty() && ssh_keys::registered(conn, row.id)?.is_empty() {
            let detail = "this user has no SSH key: without a password nothing would log them in";
            return Err(conflict("last_credential", detail));
        }
        store::set_password(conn, id, &hash)?;
        let ended = auth::end_sessions(conn, id, None)?;
        Ok(Some(
            json!({ "password": !hash.is_empty(), "sessions_ended": ended }),
        ))
    })
    .await
}

/// Removes a user's second factor, for whoever lost theirs, and ends their sessions.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `own_second_factor`.
pub(super) async fn reset_second_factor(app: &App, caller: Caller, id: UserId) -> Result<(), Error> {
    if caller.principal.user_id == Some(id) {
        return Err(Error::Conflict {
            code: "own_second_factor",
            detail: "this is you: disable your own second factor with a code of it or a recovery code"
                .to_owned(),
        });
    }
    change(app, caller, id, move |conn, _, _| {
        if !second_factors::reset(conn, id)? {
            return Ok(None);
        }
        let ended = auth::end_sessions(conn, id, None)?;
        Ok(Some(json!({ "sessions_ended": ended })))
    })
    .await
}

/// Ends every session of a user.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn end_sessions(app: &App, caller: Caller, id: UserId) -> Result<(), Error> {
    change(app, caller, id, move |conn, _, _| {
        let ended = auth::end_sessions(conn, id, None)?;
        Ok(Some(json!({ "sessions_ended": ended })))
    })
    .await
}

/// Deletes a user with their sessions, API tokens and SSH keys.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::Conflict`] `last_owner`.
pub(super) async fn delete(app: &App, caller: Caller, id: UserId) -> Result<(), Error> {
    change(app, caller, id, move |conn, caller, row| {
        keep_an_owner(conn, caller, &row)?;
        let ended = auth::end_sessions(conn, id, None)?;
        // Their API tokens, SSH keys and second factor go with the row.
        store::delete(conn, id)?;
        Ok(Some(json!({ "role": row.role, "sessions_ended": ended })))
    })
    .await
}
