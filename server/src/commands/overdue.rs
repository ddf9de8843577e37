//! Background work: ends what nobody fetched or answered in time, and wakes held check-ins for what another replica created.
//!
//! May run on several replicas: each command is ended in a transaction of its own that looks again.

use super::store::{self, Change};
use super::transition::{GIVEN_UP, Transition};
use super::{upgrade, view};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use crate::upgrades::{self, News};
use scm_protocol::commands::CommandState;
use scm_protocol::ids::{CommandId, UnixMillis};
use scm_protocol::upgrades::upgrade::UpgradeState;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How often to look.
const PERIOD: Duration = Duration::from_secs(1);
/// Commands that are ended in one look.
const AT_ONCE: i64 = 200;
/// How long after a command should have ended its system may still say so, in milliseconds: a day.
const SILENCE_MS: i64 = 86_400_000;
/// How long a command is kept after its end, in milliseconds: 90 days.
const KEPT_MS: i64 = 90 * 86_400_000;

/// Looks until the server stops.
pub async fn keep_moving(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        if let Err(error) = look(&app).await {
            tracing::warn!(error = %error, "overdue commands could not be looked for, it is tried again");
        }
    }
}

async fn look(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let read = move |conn: &mut Conn| {
        let urgent = store::urgent(conn)?;
        let mut overdue = store::unfetched(conn, now, AT_ONCE)?;
        overdue.extend(store::unanswered(conn, now.plus(-SILENCE_MS), AT_ONCE)?);
        overdue.extend(upgrades::silent(conn, now, AT_ONCE)?);
        Ok((urgent, overdue))
    };
    let (urgent, overdue) = app.storage.readers.run(read).await?;
    for system in urgent {
        app.wake(&[system]);
    }
    for id in overdue {
        let ended = app.storage.writer.run(move |conn| end(conn, id, now)).await?;
        if let Some(organization_id) = ended {
            app.jobs.notify_one();
            app.events.commands(organization_id);
            app.events.audited(organization_id);
        }
    }
    Ok(())
}

/// Ends a command, if it is still overdue; of which organization.
fn end(conn: &mut Conn, id: CommandId, now: UnixMillis) -> Result<Option<i64>, Error> {
    let Some(row) = store::locked(conn, id)? else {
        return Ok(None);
    };
    let silent_since = |dispatched: i64| dispatched + row.timeout_secs * 1000 + SILENCE_MS < now.0;
    let silent = if upgrade::is_upgrade(&row) {
        !upgrades::heard(conn, id, now)?
    } else {
        row.dispatched_ms.is_some_and(silent_since)
    };
    let (state, reason) = match view::state(&row)? {
        CommandState::Created if row.wait_until_ms < now.0 => (
            CommandState::Expired,
            "its system did not fetch it in time; it was not run",
        ),
        CommandState::Dispatched | CommandState::Running if silent => (CommandState::Failed, GIVEN_UP),
        _ => return Ok(None),
    };
    let change = Change {
        reason: Some(reason.to_owned()),
        ended_ms: Some(now.0),
        ..Change::to(&row, state)
    };
    let transition = Transition::of(change, state);
    store::change(conn, id, &transition.change)?;
    let ended = match state {
        CommandState::Expired => UpgradeState::Expired,
        _ => UpgradeState::Failed,
    };
    upgrade::tell(conn, &row, &News::Given(ended, Some(reason.to_owned())), now)?;
    Entry {
        organization_id: row.organization_id,
        at: now,
        actor: &Actor::server(),
        action: transition.action,
        target: &format!("command:{id}"),
        outcome: Outcome::Done,
        detail: json!({ "system": row.system_id, "action": row.action, "reason": reason }),
    }
    .write(conn)?;
    Ok(Some(row.organization_id))
}

/// Forgets commands that were over long ago; what they did stands in the audit.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-KEPT_MS);
    let forgotten = app
        .storage
        .writer
        .run(move |conn| store::forget(conn, before))
        .await?;
    if forgotten > 0 {
        tracing::info!(
            commands.count = forgotten,
            "commands that were over for 90 days were forgotten"
        );
    }
    Ok(())
}
