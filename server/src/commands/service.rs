//! Creating, showing and cancelling commands. A change and its audit entry are one transaction.

use super::bulk::{self, stop};
use super::store::{self, Filter, NewCommand};
use super::{output_store, upgrade, view};
use crate::app::App;
use crate::auth::SecretHash;
use crate::call::Caller;
use crate::clock::random;
use crate::error::Error;
use crate::idempotency;
use crate::paging;
use crate::storage::{Conn, hold_organization};
use crate::systems::{self, Instants};
use crate::upgrades::News;
use scm_protocol::commands::catalogue::{Catalogue, OfferedAction};
use scm_protocol::commands::order::{MAX_ORDER_BYTES, RUN_ACTION};
use scm_protocol::commands::{
    Command, CommandOutput, CommandPage, CommandState, CreateCommand, DEFAULT_WAIT_SECS, MAX_WAIT_SECS,
    Offered, OfferedQuery, SystemActions,
};
use scm_protocol::ids::{CommandId, JobId, SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::upgrade::UpgradeState;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Most output of one reply, in bytes.
const OUTPUT_BYTES: usize = 64 * 1024;

/// What a system offers.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn actions(
    app: &App,
    organization_id: i64,
    system: SystemId,
) -> Result<SystemActions, Error> {
    let read = move |conn: &mut Conn| {
        systems::exists(conn, organization_id, system)?;
        offered(conn, system)
    };
    app.storage.readers.run(read).await
}

fn offered(conn: &mut Conn, system: SystemId) -> Result<SystemActions, Error> {
    let Some((text, at)) = store::catalogue(conn, system)? else {
        return Ok(SystemActions::default());
    };
    let catalogue: Catalogue = serde_json::from_str(&text)
        .map_err(|_| Error::internal(format!("the actions of system {system} are damaged")))?;
    Ok(SystemActions {
        catalogue,
        reported_ms: Some(UnixMillis(at)),
    })
}

/// Creates a command. A repeated `Idempotency-Key` creates none.
///
/// # Errors
/// [`Error::Invalid`] naming the member, [`Error::NotFound`], [`Error::Conflict`] `wrong_status`, `unknown_action`,
/// `confirmation_required` or `already_created`.
pub(super) async fn create(
    app: &App,
    caller: Caller,
    system: SystemId,
    wanted: CreateCommand,
    idempotency_key: Option<&str>,
) -> Result<Command, Error> {
    let now = app.clock.now();
    let key = idempotency_key.map(|chosen| idempotency::Key {
        organization_id: caller.organization_id(),
        principal: caller.actor.name.clone(),
        route: caller.route,
        hash: SecretHash::of(chosen),
    });
    let organization_id = caller.organization_id();
    let created = app.storage.writer.run(move |conn| {
        // In the order in which a check-in locks them: two servers would wait for each other otherwise.
        systems::lock_row(conn, system)?;
        hold_organization(conn, organization_id)?;
        let create = |conn: &mut Conn| {
            let id = write(conn, &caller, system, &wanted, now)?;
            Ok((id.0, find(conn, organization_id, id)?))
        };
        match key {
            Some(key) => idempotency::once(conn, &key, now, create),
            None => Ok(create(conn)?.1),
        }
    });
    let command = created.await?;
    app.wake(&[system]);
    app.events.commands(organization_id);
    app.events.audited(organization_id);
    Ok(command)
}

/// A name that is used once.
pub(super) fn nonce() -> Result<String, Error> {
    let bytes = random::<16>()?;
    Ok(bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// A command before it has an id.
pub(super) struct Wanted<'a> {
    pub organization_id: i64,
    /// The bulk job that it belongs to.
    pub job: Option<JobId>,
    pub created_by: &'a str,
    pub action: &'a str,
    pub parameters: &'a BTreeMap<String, String>,
    pub confirmed: bool,
    pub wait_secs: Option<u32>,
    pub now: UnixMillis,
}

fn write(
    conn: &mut Conn,
    caller: &Caller,
    system: SystemId,
    wanted: &CreateCommand,
    now: UnixMillis,
) -> Result<CommandId, Error> {
    let new = Wanted {
        organization_id: caller.organization_id(),
        job: None,
        created_by: &caller.actor.name,
        action: &wanted.action,
        parameters: &wanted.parameters,
        confirmed: wanted.confirmed,
        wait_secs: wanted.wait_secs,
        now,
    };
    let id = insert(conn, system, &new)?;
    let detail = json!({
        "system": system, "action": wanted.action, "parameters": wanted.parameters, "confirmed": wanted.confirmed,
    });
    caller.record(conn, now, &format!("command:{id}"), detail)?;
    Ok(id)
}

/// Creates a command for a system whose row the caller has locked; the audit entry is the caller's.
///
/// # Errors
/// As [`create`], but for the repeated key.
pub(super) fn insert(conn: &mut Conn, system: SystemId, wanted: &Wanted<'_>) -> Result<CommandId, Error> {
    let status = systems::status_in(conn, wanted.organization_id, system)?;
    if status != SystemStatus::Active {
        return Err(Error::Conflict {
            code: "wrong_status",
            detail: format!(
                "the system is {}: only an active system carries out commands",
                status.as_str()
            ),
        });
    }
    let catalogue = offered(conn, system)?.catalogue;
    let action = check(&catalogue, wanted.action, wanted.parameters, wanted.confirmed)?;
    let wait_secs = wait_secs(wanted.wait_secs)?;
    let parameters =
        serde_json::to_string(wanted.parameters).map_err(|error| Error::internal(error.to_string()))?;
    if parameters.len() > MAX_ORDER_BYTES {
        return Err(Error::invalid(
            "parameters",
            format!("must take at most {MAX_ORDER_BYTES} bytes together"),
        ));
    }
    let new = NewCommand {
        organization_id: wanted.organization_id,
        system_id: system.0,
        job_id: wanted.job.map(|job| job.0),
        kind: RUN_ACTION,
        action: action.name.clone(),
        parameters,
        redacted: i64::from(action.redacted),
        timeout_secs: i64::from(action.timeout_secs),
        state: CommandState::Created.as_str(),
        created_ms: wanted.now.0,
        created_by: wanted.created_by.to_owned(),
        wait_until_ms: wanted.now.plus(i64::from(wait_secs) * 1000).0,
        nonce: nonce()?,
    };
    Ok(CommandId(store::create(conn, &new)?))
}

/// The action that is wanted, if it is offered and everything that it takes is there.
pub(super) fn check<'a>(
    catalogue: &'a Catalogue,
    wanted: &str,
    parameters: &BTreeMap<String, String>,
    confirmed: bool,
) -> Result<&'a OfferedAction, Error> {
    let name: String = wanted.chars().filter(|c| !c.is_control()).take(64).collect();
    let Some(action) = catalogue.action(wanted) else {
        let refused = catalogue.refused.iter().find(|refused| refused.name == wanted);
        let why = refused.map_or_else(String::new, |refused| {
            format!(": its agent refuses it, {}", refused.reason)
        });
        return Err(Error::Conflict {
            code: "unknown_action",
            detail: format!("the system offers no action `{name}`{why}"),
        });
    };
    action
        .check(parameters)
        .map_err(|bad| Error::invalid(format!("parameters.{}", bad.parameter), bad.reason))?;
    if action.requires_confirmation && !confirmed {
        return Err(Error::Conflict {
            code: "confirmation_required",
            detail: format!("`{name}` must be confirmed: send it with \"confirmed\": true if it is meant"),
        });
    }
    Ok(action)
}

fn wait_secs(wanted: Option<u32>) -> Result<u32, Error> {
    let secs = wanted.unwrap_or(DEFAULT_WAIT_SECS);
    if (1..=MAX_WAIT_SECS).contains(&secs) {
        Ok(secs)
    } else {
        Err(Error::invalid(
            "wait_secs",
            format!("must be between 1 and {MAX_WAIT_SECS}"),
        ))
    }
}

/// Stops a command: at once while it waits here, else as soon as its system asks.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Conflict`] `command_over`.
pub(super) async fn cancel(app: &App, caller: Caller, id: CommandId) -> Result<Command, Error> {
    let now = app.clock.now();
    let organization_id = caller.organization_id();
    let cancelled = app.storage.writer.run(move |conn| {
        find(conn, organization_id, id)?;
        let row = store::locked(conn, id)?.ok_or_else(|| unknown(id))?;
        let state = view::state(&row)?;
        if state.is_over() {
            return Err(Error::Conflict {
                code: "command_over",
                detail: format!("command {id} is over already: {}", state.as_str()),
            });
        }
        if row.cancel_ms.is_some() {
            return find(conn, organization_id, id);
        }
        let transition = stop(&row, state, &caller.actor.name, now);
        store::change(conn, id, &transition.change)?;
        if transition.state.is_over() {
            upgrade::tell(conn, &row, &News::Given(UpgradeState::Cancelled, None), now)?;
        }
        let detail = json!({ "system": row.system_id, "action": row.action, "state": state });
        caller.record(conn, now, &format!("command:{id}"), detail)?;
        find(conn, organization_id, id)
    });
    let command = cancelled.await?;
    app.wake(&[command.system]);
    app.jobs.notify_one();
    app.events.commands(organization_id);
    app.events.audited(organization_id);
    Ok(command)
}

/// What these systems offer, or those that match a filter.
///
/// # Errors
/// [`Error::Invalid`] naming the member.
pub(super) async fn offered_by(
    app: &App,
    organization_id: i64,
    asked: OfferedQuery,
) -> Result<Offered, Error> {
    if let Some((field, reason)) = asked.problem() {
        return Err(Error::invalid(field, reason));
    }
    let filter = asked.filter.as_deref().map(systems::parse_filter).transpose()?;
    let instants = Instants::of(app);
    let read = move |conn: &mut Conn| {
        let mut ids = Vec::new();
        match &filter {
            Some(filter) => systems::scan(conn, organization_id, filter.needs(), |system| {
                if filter.matches(&system.at(instants)) {
                    ids.push(system.id());
                }
                Ok(())
            })?,
            None => ids.extend(systems::names(conn, organization_id, &asked.systems)?.into_keys()),
        }
        Ok(Offered {
            systems: i64::try_from(ids.len()).unwrap_or(i64::MAX),
            actions: bulk::offered_by(conn, &ids)?,
        })
    };
    app.storage.readers.run(read).await
}

/// One command.
///
/// # Errors
/// [`Error::NotFound`].
pub(super) async fn show(app: &App, organization_id: i64, id: CommandId) -> Result<Command, Error> {
    app.storage
        .readers
        .run(move |conn| find(conn, organization_id, id))
        .await
}

fn find(conn: &mut Conn, organization_id: i64, id: CommandId) -> Result<Command, Error> {
    view::command(store::find(conn, organization_id, id)?.ok_or_else(|| unknown(id))?)
}

fn unknown(id: CommandId) -> Error {
    Error::NotFound(format!("there is no command {id}"))
}

/// One page of commands, newest first.
///
/// # Errors
/// [`Error::Invalid`] naming the parameter.
pub(super) async fn page(
    app: &App,
    organization_id: i64,
    (system, state): (Option<i64>, Option<&str>),
    (cursor, limit): (Option<&str>, Option<u32>),
) -> Result<CommandPage, Error> {
    let limit = paging::limit(limit)?;
    let state = state.map(|name| {
        let known = CommandState::ALL.map(CommandState::as_str).join(", ");
        CommandState::parse(name).ok_or_else(|| Error::invalid("state", format!("must be one of {known}")))
    });
    let filter = Filter {
        system,
        state: state.transpose()?,
        before: paging::id_cursor(cursor)?,
    };
    let read = move |conn: &mut Conn| store::page(conn, organization_id, filter, i64::from(limit));
    let rows = app.storage.readers.run(read).await?;
    let full = rows.len() == limit as usize;
    Ok(CommandPage {
        next_cursor: rows.last().filter(|_| full).map(|(row, _)| row.id.to_string()),
        items: rows.into_iter().map(view::command).collect::<Result<_, _>>()?,
        server_time_ms: app.clock.now(),
    })
}

/// What a command wrote, from a byte on.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Invalid`] naming the parameter.
pub(super) async fn output(
    app: &App,
    organization_id: i64,
    id: CommandId,
    start: Option<i64>,
) -> Result<CommandOutput, Error> {
    let start = start.unwrap_or(0);
    if start < 0 {
        return Err(Error::invalid("start", "must not be negative"));
    }
    let read = move |conn: &mut Conn| {
        let command = find(conn, organization_id, id)?;
        Ok((command, output_store::read(conn, id, start, OUTPUT_BYTES)?))
    };
    let (command, bytes) = app.storage.readers.run(read).await?;
    let read_to = start.saturating_add(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
    let more = !command.state.is_over() || read_to < command.output_bytes;
    let (text, used) = view::text(&bytes, more);
    let next_start = start.saturating_add(i64::try_from(used).unwrap_or(i64::MAX));
    Ok(CommandOutput {
        text,
        next_start,
        complete: command.state.is_over() && next_start >= command.output_bytes,
    })
}
