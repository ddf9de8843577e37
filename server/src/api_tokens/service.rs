//! What users do with API tokens, and what a token may do.

use super::store::{self, NewToken, Scope, TokenRow};
use crate::app::App;
use crate::auth::{Credential, Principal, SecretHash, TOUCH_EVERY_MS, new_secret};
use crate::call::Caller;
use crate::error::Error;
use crate::idempotency;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use scm_protocol::api_tokens::{
    API_TOKEN_PREFIX, ApiToken, ApiTokenPage, CreateApiToken, CreatedApiToken, MAX_API_TOKENS,
};
use scm_protocol::auth::Role;
use scm_protocol::ids::{ApiTokenId, UnixMillis, UserId};
use serde_json::json;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// An owner sees those of the organization, everyone else their own.
fn scope(caller: &Caller) -> Scope {
    let principal = &caller.principal;
    Scope {
        organization_id: principal.organization_id,
        user_id: (principal.role != Role::Owner).then_some(principal.user_id.unwrap_or(UserId(0))),
    }
}

/// The role of a token and that of its user.
fn roles(row: &TokenRow) -> Result<(Role, Role), Error> {
    Role::parse(&row.role)
        .zip(Role::parse(&row.user_role))
        .ok_or_else(|| Error::internal("an API token with an unknown role"))
}

/// Whoever holds the token with that hash.
///
/// # Errors
/// [`Error::Unauthenticated`] when there is none or its time is over.
pub async fn principal(
    app: &App,
    hash: SecretHash,
    now: UnixMillis,
    touch: bool,
) -> Result<Principal, Error> {
    let wanted = hash.clone();
    let found = app
        .storage
        .readers
        .run(move |conn| store::by_hash(conn, &wanted))
        .await?;
    let row = found.filter(|row| now.0 < row.expires_ms);
    let row = row.ok_or(Error::Unauthenticated("the API token is revoked or expired"))?;
    let (own, user) = roles(&row)?;
    let id = ApiTokenId(row.id);
    if touch && now.0 - row.last_used_ms.unwrap_or(0) >= TOUCH_EVERY_MS {
        app.storage
            .writer
            .run(move |conn| store::touch(conn, id, now))
            .await?;
    }
    Ok(Principal {
        user_id: Some(UserId(row.user_id)),
        username: row.username,
        role: own.weaker(user),
        organization_id: row.organization_id,
        credential: Credential::ApiToken {
            id,
            name: row.name,
            hash,
        },
        expires: UnixMillis(row.expires_ms),
    })
}

/// One page, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    caller: Caller,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<ApiTokenPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let scope = scope(&caller);
    let read = app
        .storage
        .readers
        .run(move |conn| store::page(conn, scope, before, i64::from(limit)));
    let rows = read.await?;
    let full = rows.len() == limit as usize;
    Ok(ApiTokenPage {
        next_cursor: rows.last().filter(|_| full).map(|row| row.id.to_string()),
        items: rows.into_iter().map(view).collect::<Result<_, _>>()?,
        server_time_ms: app.clock.now(),
    })
}

fn view(row: TokenRow) -> Result<ApiToken, Error> {
    let (role, user_role) = roles(&row)?;
    Ok(ApiToken {
        id: ApiTokenId(row.id),
        name: row.name,
        user_id: UserId(row.user_id),
        username: row.username,
        role,
        effective_role: role.weaker(user_role),
        created_ms: UnixMillis(row.created_ms),
        expires_ms: UnixMillis(row.expires_ms),
        last_used_ms: row.last_used_ms.map(UnixMillis),
    })
}

/// Creates a token for the caller. A repeated `Idempotency-Key` creates none.
///
/// # Errors
/// [`Error::Invalid`] naming the member; [`Error::Conflict`] `name_taken`, `too_many` or `already_created`;
/// [`Error::Forbidden`] for a caller with an API token.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    create: CreateApiToken,
    idempotency_key: Option<&str>,
) -> Result<CreatedApiToken, Error> {
    let user = caller.principal.account()?;
    if let Some((field, reason)) = create.problem(caller.principal.role) {
        return Err(Error::invalid(field, reason));
    }
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let secret = new_secret(API_TOKEN_PREFIX)?;
    let new = NewToken {
        user_id: user.0,
        name: create.name,
        token_hash: SecretHash::of(&secret).into_bytes(),
        role: create.role.as_str().to_owned(),
        created_ms: now.0,
        expires_ms: now.plus(i64::from(create.days) * DAY_MS).0,
    };
    let key = idempotency_key.map(|key| idempotency::Key {
        organization_id,
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(key),
    });
    let added = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let add = |conn: &mut Conn| add(conn, &caller, &new, now);
        match &key {
            Some(key) => idempotency::once(conn, key, now, add),
            None => Ok(add(conn)?.1),
        }
    });
    let token = view(added.await?)?;
    app.events.audited(organization_id);
    Ok(CreatedApiToken { secret, token })
}

fn add(conn: &mut Conn, caller: &Caller, new: &NewToken, now: UnixMillis) -> Result<(i64, TokenRow), Error> {
    let conflict = |code, detail| Error::Conflict { code, detail };
    if store::count(conn, UserId(new.user_id))? >= MAX_API_TOKENS {
        let detail = format!("you have {MAX_API_TOKENS} API tokens already; revoke one that is not needed");
        return Err(conflict("too_many", detail));
    }
    let id = store::add(conn, new)?.ok_or_else(|| {
        let detail = format!("you have an API token named `{}` already", new.name);
        conflict("name_taken", detail)
    })?;
    let scope = Scope {
        organization_id: caller.organization_id(),
        user_id: None,
    };
    let row = store::find(conn, scope, ApiTokenId(id))?;
    let row = row.ok_or_else(|| Error::internal("an API token that was just added is gone"))?;
    let detail = json!({ "name": new.name, "role": new.role, "expires_ms": new.expires_ms });
    caller.record(conn, now, &format!("api_token:{id}"), detail)?;
    Ok((id, row))
}

/// Revokes a token.
///
/// # Errors
/// [`Error::NotFound`] also for one that the caller may not see.
pub(super) async fn revoke(app: &App, caller: Caller, id: ApiTokenId) -> Result<(), Error> {
    let (now, organization_id, scope) = (app.clock.now(), caller.organization_id(), scope(&caller));
    let revoked = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let row = store::find(conn, scope, id)?;
        let row = row.ok_or_else(|| Error::NotFound(format!("there is no API token {id}")))?;
        store::delete(conn, id)?;
        let detail = json!({ "name": row.name, "user": row.username, "role": row.role });
        caller.record(conn, now, &format!("api_token:{id}"), detail)
    });
    revoked.await?;
    app.events.access_changed(organization_id);
    Ok(())
}
