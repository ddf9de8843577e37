//! Sessions as their users and the owners see and end them.

use super::Credential;
use super::session_store::{self, ListedRow, Live, Scope};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use scm_protocol::auth::{LoginMethod, Role};
use scm_protocol::ids::{SessionId, UnixMillis, UserId};
use scm_protocol::sessions::{SessionPage, SessionSummary};
use serde_json::json;

/// An owner sees those of the organization, everyone else their own.
fn scope(caller: &Caller) -> Scope {
    let principal = &caller.principal;
    let all = principal.role == Role::Owner;
    Scope {
        organization_id: principal.organization_id,
        // The local administrator is an owner; whoever has no id sees nothing.
        user_id: (!all).then_some(principal.user_id.unwrap_or(UserId(0))),
    }
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
) -> Result<SessionPage, Error> {
    let limit = paging::limit(limit)?;
    let before = paging::id_cursor(cursor)?;
    let now = app.clock.now();
    let live = live(app, now);
    let scope = scope(&caller);
    let rows = app
        .storage
        .readers
        .run(move |conn| session_store::page(conn, scope, live, before, i64::from(limit)))
        .await?;
    let full = rows.len() == limit as usize;
    let current = match caller.principal.credential {
        Credential::Session { id, .. } => Some(id),
        _ => None,
    };
    Ok(SessionPage {
        next_cursor: rows.last().filter(|_| full).map(|row| row.id.to_string()),
        items: rows
            .into_iter()
            .map(|row| view(row, current))
            .collect::<Result<_, _>>()?,
        server_time_ms: now,
    })
}

/// What a session that did not end by itself looks like.
fn live(app: &App, now: UnixMillis) -> Live {
    Live {
        now,
        used_after: now.plus(-app.settings.session_idle_ms),
    }
}

fn view(row: ListedRow, current: Option<SessionId>) -> Result<SessionSummary, Error> {
    let method = LoginMethod::parse(&row.method);
    let id = SessionId(row.id);
    Ok(SessionSummary {
        id,
        user_id: UserId(row.user_id),
        username: row.username,
        created_ms: UnixMillis(row.created_ms),
        last_used_ms: UnixMillis(row.last_used_ms),
        expires_ms: UnixMillis(row.expires_ms),
        address: row.address,
        method: method.ok_or_else(|| Error::internal("a session of an unknown kind"))?,
        second_factor: row.second_factor != 0,
        current: current == Some(id),
    })
}

/// Ends one session.
///
/// # Errors
/// [`Error::NotFound`] also for one that the caller may not see.
pub(super) async fn end(app: &App, caller: Caller, id: SessionId) -> Result<(), Error> {
    let (now, organization_id, scope) = (app.clock.now(), caller.organization_id(), scope(&caller));
    let ended = app.storage.writer.run(move |conn| {
        hold_organization(conn, scope.organization_id)?;
        let username = session_store::owner(conn, scope, id)?;
        let username = username.ok_or_else(|| Error::NotFound(format!("there is no session {id}")))?;
        session_store::end(conn, id)?;
        let detail = json!({ "user": username });
        caller.record(conn, now, &format!("session:{id}"), detail)
    });
    ended.await?;
    app.events.access_changed(organization_id);
    Ok(())
}

/// Ends every session of a user but one, in the transaction of whatever is the reason; returns how many.
///
/// # Errors
/// When the database fails.
pub fn end_sessions(conn: &mut Conn, user: UserId, but: Option<SessionId>) -> Result<usize, Error> {
    session_store::end_all(conn, user, but)
}
