//! What administrators do with enrollment tokens. A change and its audit entry are one transaction.

use super::token_store::{self, NewToken, TokenRow};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::auth::{SecretHash, new_secret};
use crate::error::Error;
use crate::groups;
use crate::idempotency;
use crate::paging;
use crate::storage::Conn;
use scm_protocol::enrollment::{CreateToken, CreatedToken, EnrollmentToken, TOKEN_PREFIX, TokenPage};
use scm_protocol::ids::{TokenId, UnixMillis};
use serde_json::{Value, json};

/// Who asks, and for what.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub organization_id: i64,
    pub actor: Actor,
    /// Name of the route, which is the audit's action.
    pub route: &'static str,
}

/// What an administrator does with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Disable,
    Enable,
    Delete,
}

/// Creates a token. A repeated `Idempotency-Key` creates none.
///
/// # Errors
/// [`Error::Invalid`] naming the member; [`Error::Conflict`] `name_taken` or `already_created`.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    create: CreateToken,
    idempotency_key: Option<&str>,
) -> Result<CreatedToken, Error> {
    let now = app.clock.now();
    if let Some((field, reason)) = create.problem(now) {
        return Err(Error::invalid(field, reason));
    }
    let secret = new_secret(TOKEN_PREFIX)?;
    let hash = SecretHash::of(&secret);
    let key = idempotency_key.map(|key| idempotency::Key {
        organization_id: caller.organization_id,
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(key),
    });
    let organization_id = caller.organization_id;
    let added = app.storage.writer.run(move |conn| {
        token_store::hold_organization(conn, caller.organization_id)?;
        let add = |conn: &mut Conn| add(conn, &caller, &create, &hash, now);
        match &key {
            Some(key) => idempotency::once(conn, key, now, add),
            None => Ok(add(conn)?.1),
        }
    });
    let (row, joins) = added.await?;
    app.events.audited(organization_id);
    Ok(CreatedToken {
        secret,
        token: view(row, joins, now),
    })
}

fn add(
    conn: &mut Conn,
    caller: &Caller,
    create: &CreateToken,
    hash: &SecretHash,
    now: UnixMillis,
) -> Result<(i64, (TokenRow, Vec<String>)), Error> {
    let new = NewToken {
        organization_id: caller.organization_id,
        create,
        hash,
        by: &caller.actor.name,
        now,
    };
    let row = token_store::add(conn, &new)?.ok_or_else(|| Error::Conflict {
        code: "name_taken",
        detail: format!("there is an enrollment token named `{}` already", create.name),
    })?;
    let joins = groups::choose_for_token(conn, caller.organization_id, row.id, &create.groups)?;
    let detail = json!({
        "name": create.name,
        "expires_ms": create.expires_ms,
        "max_uses": create.max_uses,
        "groups": joins,
    });
    record(conn, caller, TokenId(row.id), detail, now)?;
    Ok((row.id, (row, joins)))
}

/// Disables, enables or deletes a token; what it is already, it stays without an entry.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn change(app: &App, caller: Caller, id: TokenId, change: Change) -> Result<(), Error> {
    let now = app.clock.now();
    let organization_id = caller.organization_id;
    let changed = app.storage.writer.run(move |conn| {
        token_store::hold_organization(conn, caller.organization_id)?;
        let row = token_store::find(conn, caller.organization_id, id)?;
        let row = row.ok_or_else(|| Error::NotFound(format!("there is no enrollment token {id}")))?;
        match (change, row.disabled_ms) {
            (Change::Disable, Some(_)) | (Change::Enable, None) => return Ok(false),
            (Change::Disable, None) => token_store::set_disabled(conn, id, Some(now))?,
            (Change::Enable, Some(_)) => token_store::set_disabled(conn, id, None)?,
            (Change::Delete, _) => token_store::delete(conn, id)?,
        }
        let detail = json!({
            "name": row.name,
            "uses": row.uses,
            "before": row.limits().status(now).as_str(),
        });
        record(conn, &caller, id, detail, now)?;
        Ok(true)
    });
    if changed.await? {
        app.events.audited(organization_id);
    }
    Ok(())
}

fn record(
    conn: &mut Conn,
    caller: &Caller,
    id: TokenId,
    detail: Value,
    now: UnixMillis,
) -> Result<(), Error> {
    Entry {
        organization_id: caller.organization_id,
        at: now,
        actor: &caller.actor,
        action: caller.route,
        target: &format!("enrollment_token:{id}"),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)
}

/// One page, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<TokenPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let read = app.storage.readers.run(move |conn| {
        let rows = token_store::page(conn, organization_id, before, i64::from(limit))?;
        Ok((rows, groups::names_by_token(conn, organization_id)?))
    });
    let (rows, mut joins) = read.await?;
    let full = rows.len() == limit as usize;
    let now = app.clock.now();
    Ok(TokenPage {
        next_cursor: rows.last().filter(|_| full).map(|row| row.id.to_string()),
        items: rows
            .into_iter()
            .map(|row| {
                let joins = joins.remove(&row.id).unwrap_or_default();
                view(row, joins, now)
            })
            .collect(),
        server_time_ms: now,
    })
}

fn view(row: TokenRow, groups: Vec<String>, now: UnixMillis) -> EnrollmentToken {
    EnrollmentToken {
        id: TokenId(row.id),
        status: row.limits().status(now),
        name: row.name,
        created_ms: UnixMillis(row.created_ms),
        created_by: row.created_by,
        expires_ms: row.expires_ms.map(UnixMillis),
        max_uses: row.max_uses,
        uses: row.uses,
        last_used_ms: row.last_used_ms.map(UnixMillis),
        groups,
    }
}
