//! Handing commands out: with the reply to a check-in or to a report, to the system that asked.

use super::store::{self, Change, CommandRow};
use super::transition::Transition;
use super::{upgrade, view};
use crate::app::App;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use crate::upgrades::{self, News};
use scm_protocol::commands::order::{LIFETIME_MS, Order, RunAction, SignedOrder};
use scm_protocol::commands::report::{CommandName, Tasks};
use scm_protocol::commands::{CommandState, MAX_UNDER_WAY};
use scm_protocol::ids::{CommandId, SystemId, UnixMillis};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;

/// Which of these systems have commands that are not over.
///
/// # Errors
/// When the database fails.
pub fn waiting(conn: &mut Conn, systems: &[i64]) -> Result<HashSet<SystemId>, Error> {
    if systems.is_empty() {
        return Ok(HashSet::new());
    }
    Ok(store::waiting(conn, systems)?.into_iter().map(SystemId).collect())
}

/// What there is to do for a system that may speak and is Active, in a transaction of its own.
///
/// # Errors
/// When the database fails; nothing was handed out.
pub async fn hand_out(
    app: &App,
    organization: &Arc<SigningOrganization>,
    system: SystemId,
) -> Result<Tasks, Error> {
    let (now, signing) = (app.clock.now(), Arc::clone(organization));
    let dispatched = app.storage.writer.run(move |conn| {
        let handed = dispatch(conn, &signing, system, now)?;
        record(conn, &handed, now)?;
        Ok((handed.changed(), handed.tasks))
    });
    let (changed, tasks) = dispatched.await?;
    if changed {
        app.events.commands(organization.id);
        app.events.audited(organization.id);
    }
    Ok(tasks)
}

/// What there is to do for a system, and what changed with it.
#[derive(Debug)]
pub(super) struct Handed {
    pub tasks: Tasks,
    /// Handed out for the first time.
    first: Vec<CommandRow>,
    /// Upgrades that turned out to be done.
    settled: Vec<CommandRow>,
}

impl Handed {
    /// Whether anything is another than before.
    pub(super) fn changed(&self) -> bool {
        !self.first.is_empty() || !self.settled.is_empty()
    }
}

/// What there is to do for a system: to be followed by [`record`], when all rows are changed.
pub(super) fn dispatch(
    conn: &mut Conn,
    organization: &SigningOrganization,
    system: SystemId,
    now: UnixMillis,
) -> Result<Handed, Error> {
    let (mut rows, mut settled) = (Vec::new(), Vec::new());
    for row in store::open_of(conn, system)? {
        match upgrade::settle(conn, &row, now)? {
            Some(arrived) => settled.push(arrived),
            None => rows.push(row),
        }
    }
    let plan = plan(&rows, now)?;
    for row in &plan.first {
        let change = Change {
            dispatched_ms: Some(now.0),
            expires_ms: Some(now.plus(LIFETIME_MS).0),
            ..Change::to(row, CommandState::Dispatched)
        };
        store::change(conn, CommandId(row.id), &change)?;
        upgrade::tell(conn, row, &News::Dispatched, now)?;
    }
    let first = plan.first.iter().map(|row| (row, now, now.plus(LIFETIME_MS)));
    let again = plan.again.iter().map(|row| {
        let (issued, expires) = (row.dispatched_ms, row.expires_ms);
        (
            row,
            UnixMillis(issued.unwrap_or_default()),
            UnixMillis(expires.unwrap_or_default()),
        )
    });
    let mut commands = Vec::new();
    for (row, issued, expires) in again.chain(first) {
        commands.extend(sign(conn, row, organization, (issued, expires))?);
    }
    let tasks = Tasks {
        commands,
        cancel: plan.cancel,
    };
    Ok(Handed {
        tasks,
        first: plan.first,
        settled,
    })
}

/// What to do about the commands of a system that are not over.
#[derive(Debug, Default)]
struct Plan {
    /// Handed out now.
    first: Vec<CommandRow>,
    /// Handed out before, and not heard of.
    again: Vec<CommandRow>,
    cancel: Vec<CommandName>,
}

/// Decides. Oldest first; no more than may be under way at once.
fn plan(rows: &[CommandRow], now: UnixMillis) -> Result<Plan, Error> {
    let mut plan = Plan::default();
    let mut under_way = 0;
    for row in rows {
        let state = view::state(row)?;
        under_way += usize::from(state != CommandState::Created);
        match (state, row.cancel_ms) {
            (CommandState::Dispatched | CommandState::Running, Some(_)) => plan.cancel.push(name(row)),
            (CommandState::Dispatched, None) => plan.again.push(row.clone()),
            _ => {}
        }
    }
    for row in rows {
        let fresh = row.state == CommandState::Created.as_str() && row.wait_until_ms >= now.0;
        if fresh && under_way < MAX_UNDER_WAY {
            under_way += 1;
            plan.first.push(row.clone());
        }
    }
    Ok(plan)
}

fn name(row: &CommandRow) -> CommandName {
    CommandName {
        id: CommandId(row.id),
        nonce: row.nonce.clone(),
    }
}

/// What exactly is to be done; none where that cannot be told any more.
fn body(conn: &mut Conn, row: &CommandRow) -> Result<Option<String>, Error> {
    let written = if upgrade::is_upgrade(row) {
        let Some(order) = upgrades::order(conn, CommandId(row.id))? else {
            tracing::error!(
                command.id = row.id,
                "an upgrade is not handed out: its package is gone"
            );
            return Ok(None);
        };
        serde_json::to_string(&order)
    } else {
        serde_json::to_string(&RunAction {
            action: row.action.clone(),
            parameters: view::parameters(row)?,
        })
    };
    written
        .map(Some)
        .map_err(|error| Error::internal(error.to_string()))
}

fn sign(
    conn: &mut Conn,
    row: &CommandRow,
    organization: &SigningOrganization,
    (issued_ms, expires_ms): (UnixMillis, UnixMillis),
) -> Result<Option<SignedOrder>, Error> {
    let Some(body) = body(conn, row)? else {
        return Ok(None);
    };
    let order = Order {
        id: CommandId(row.id),
        system: SystemId(row.system_id),
        kind: row.kind.clone(),
        body,
        issued_ms,
        expires_ms,
        nonce: row.nonce.clone(),
    };
    Ok(Some(order.sign(&organization.key, &organization.name)))
}

/// One entry for each that was handed out. After every change of the transaction: the audit's lock comes last, here as
/// everywhere, so that replicas never wait for each other in a circle.
pub(super) fn record(conn: &mut Conn, handed: &Handed, now: UnixMillis) -> Result<(), Error> {
    upgrade::record_settled(conn, &handed.settled, now)?;
    let rows = &handed.first;
    let server = Actor::server();
    let targets: Vec<String> = rows.iter().map(|row| format!("command:{}", row.id)).collect();
    let entries: Vec<Entry<'_>> = rows
        .iter()
        .zip(&targets)
        .map(|(row, target)| Entry {
            organization_id: row.organization_id,
            at: now,
            actor: &server,
            action: Transition::of(
                Change::to(row, CommandState::Dispatched),
                CommandState::Dispatched,
            )
            .action,
            target,
            outcome: Outcome::Done,
            detail: json!({ "system": row.system_id, "action": row.action }),
        })
        .collect();
    if entries.is_empty() {
        return Ok(());
    }
    audit::record_all(conn, &entries)
}

#[cfg(test)]
mod tests {
    use super::super::transition::tests::row;
    use super::*;

    fn numbered(id: i64, state: CommandState) -> CommandRow {
        CommandRow { id, ..row(state) }
    }

    fn ids(rows: &[CommandRow]) -> Vec<i64> {
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn no_more_are_under_way_than_may() {
        use CommandState::{Created, Dispatched, Running};
        let rows: Vec<CommandRow> = [Running, Dispatched, Created, Created, Created]
            .into_iter()
            .zip(1..)
            .map(|(state, id)| numbered(id, state))
            .collect();
        let plan = plan(&rows, UnixMillis(0)).unwrap();
        assert_eq!((ids(&plan.first), ids(&plan.again)), (vec![3, 4], vec![2]));
        assert!(plan.cancel.is_empty());
    }

    #[test]
    fn what_waited_too_long_is_not_handed_out() {
        let rows = [numbered(1, CommandState::Created)];
        assert_eq!(ids(&plan(&rows, UnixMillis(600_000)).unwrap().first), [1]);
        assert!(plan(&rows, UnixMillis(600_001)).unwrap().first.is_empty());
    }

    #[test]
    fn what_is_to_be_stopped_is_not_handed_out_again() {
        let stopped = |id, state| CommandRow {
            cancel_ms: Some(5),
            ..numbered(id, state)
        };
        let rows = [
            stopped(1, CommandState::Dispatched),
            stopped(2, CommandState::Running),
        ];
        let plan = plan(&rows, UnixMillis(0)).unwrap();
        assert!(plan.first.is_empty() && plan.again.is_empty());
        assert_eq!(
            plan.cancel.iter().map(|name| name.id.0).collect::<Vec<_>>(),
            [1, 2]
        );
    }
}
