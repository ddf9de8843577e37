//! Taking what an agent reports: all of a message or nothing of it, in one transaction with what it is told to do next.

use super::dispatch;
use super::store::{self, CommandRow};
use super::transition::{self, Transition};
use super::{output_store, upgrade, view};
use crate::agent_message::failed;
use crate::app::App;
use crate::audit::{self, Actor, Entry, Outcome};
use crate::certificates::{self, Credential, judge};
use crate::error::Error;
use crate::pki::Presented;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use crate::systems;
use crate::upgrades::News;
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::report::{
    CommandReport, End, Event, ResultsReply, ResultsRequest, Tasks, output_bytes,
};
use scm_protocol::commands::{CommandState, MAX_OUTPUT_BYTES};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{CommandId, SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{Unverified, Verified};
use scm_protocol::systems::SystemStatus;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;

/// A message whose signature held.
#[derive(Clone)]
struct Message {
    organization: Arc<SigningOrganization>,
    system: SystemId,
    key: PublicKey,
    sequence: u64,
    credential: Credential,
    actor: Actor,
    request: ResultsRequest,
    now: UnixMillis,
}

/// An audit entry to be written once every row is changed: its lock comes last.
struct Note {
    action: &'static str,
    target: String,
    outcome: Outcome,
    detail: Value,
}

/// Takes what an agent reports.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn take(
    app: &App,
    organization: &Arc<SigningOrganization>,
    unverified: Unverified<'_>,
    (presented, peer): (&Presented, IpAddr),
) -> Result<ResultsReply, Refusal> {
    let asked = systems::authenticate(app, organization, unverified, systems::Verification::Alone).await?;
    let request: Verified<ResultsRequest> = asked.body.parse()?;
    let request = request.into_inner();
    let (system, key, now) = (asked.id, asked.body.key, app.clock.now());
    if let Some((field, reason)) = request.problem() {
        let refusal = refusal(
            RefusalCode::InvalidRequest,
            &format!("`{field}` {reason}"),
            system,
            now,
        );
        return Err(Refusal {
            field: Some(field),
            ..refusal
        });
    }
    let message = Message {
        organization: Arc::clone(organization),
        system,
        key,
        sequence: asked.sequence,
        credential: Credential {
            shown: certificates::shown(presented, &organization.name, system, &key, now),
            required: certificates::required(app, organization.id),
        },
        actor: Actor {
            name: format!("system:{system}"),
            address: peer.to_string(),
        },
        request,
        now,
    };
    let taken = app.storage.writer.run(move |conn| apply(conn, &message)).await;
    let (tasks, changed) = taken.map_err(|error| failed(&error, now))??;
    if changed {
        // A bulk job may be waiting for it.
        app.jobs.notify_one();
        app.events.commands(organization.id);
        app.events.audited(organization.id);
    }
    Ok(ResultsReply {
        server_time_ms: app.clock.now(),
        tasks,
    })
}

fn refusal(code: RefusalCode, detail: &str, system: SystemId, now: UnixMillis) -> Refusal {
    Refusal {
        system_id: Some(system),
        ..Refusal::new(code, detail, now)
    }
}

fn apply(conn: &mut Conn, message: &Message) -> Result<Result<(Tasks, bool), Refusal>, Error> {
    let Message { system, now, .. } = *message;
    let run = (system, message.request.boot_id.as_str());
    let admitted = match systems::admit_run(conn, run, &message.key, message.sequence, now)? {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if admitted.status != SystemStatus::Active {
        let detail = "only an active system reports results";
        return Ok(Err(refusal(RefusalCode::InvalidRequest, detail, system, now)));
    }
    if let Err(fault) = judge(&message.credential, &admitted.certificates, now) {
        return Ok(Err(certificates::invalid(fault, system, now)));
    }
    systems::take_number(conn, &admitted)?;
    let mut notes = Vec::new();
    if let Some(catalogue) = &message.request.catalogue {
        notes.extend(keep(conn, message, catalogue)?);
    }
    let mut wrote = false;
    for report in &message.request.reports {
        wrote |= one(conn, message, report, &mut notes)?;
    }
    let handed = dispatch::dispatch(conn, &message.organization, system, now)?;
    let changed = wrote || !notes.is_empty() || handed.changed();
    record(conn, message, &notes)?;
    dispatch::record(conn, &handed, now)?;
    Ok(Ok((handed.tasks, changed)))
}

/// Keeps what the system offers. What it would not offer is a security event.
fn keep(conn: &mut Conn, message: &Message, catalogue: &Catalogue) -> Result<Option<Note>, Error> {
    let digest = catalogue.digest();
    let before = store::catalogue(conn, message.system)?;
    let before: Option<Catalogue> = before.and_then(|(text, _)| serde_json::from_str(&text).ok());
    let text = serde_json::to_string(catalogue).map_err(|error| Error::internal(error.to_string()))?;
    store::set_catalogue(conn, message.system, &text, message.now)?;
    systems::note_actions(conn, message.system, &digest)?;
    if before.as_ref() == Some(catalogue) {
        return Ok(None);
    }
    for refused in &catalogue.refused {
        tracing::warn!(
            target: "security", { system.id = %message.system, action.name = %refused.name },
            "an agent refused an action of its own configuration: {}", refused.reason
        );
    }
    let offered: Vec<&str> = catalogue
        .actions
        .iter()
        .map(|action| action.name.as_str())
        .collect();
    let outcome = if catalogue.refused.is_empty() {
        Outcome::Done
    } else {
        Outcome::Refused
    };
    Ok(Some(Note {
        action: "commands.catalogue",
        target: format!("system:{}", message.system),
        outcome,
        detail: json!({ "offered": offered, "refused": catalogue.refused }),
    }))
}

/// Takes one report; whether it brought output.
fn one(
    conn: &mut Conn,
    message: &Message,
    report: &CommandReport,
    notes: &mut Vec<Note>,
) -> Result<bool, Error> {
    let id = report.command.id;
    let row = store::locked(conn, id)?;
    let own = |row: &CommandRow| row.system_id == message.system.0 && row.nonce == report.command.nonce;
    // One that was deleted, or is of a database that was put back: the agent need not say it again.
    let Some(row) = row.filter(own) else {
        tracing::info!(system.id = %message.system, command.id = %id, "a report about a command that is not known was dropped");
        return Ok(false);
    };
    match &report.event {
        Event::Started => {
            let begun = transition::started(&row, message.now)?;
            if begun.is_some() {
                upgrade::tell(conn, &row, &News::Started, message.now)?;
            }
            notes.extend(write(conn, &row, begun, None)?);
            Ok(false)
        }
        Event::Output { start, data } => output(conn, &row, *start, data),
        Event::Progress(progress) => {
            if !view::state(&row)?.is_over() {
                upgrade::tell(conn, &row, &News::Progress(*progress), message.now)?;
            }
            Ok(true)
        }
        Event::Ended(end) => {
            let ended = transition::ended(&row, end, message.now)?;
            if ended.is_some() {
                let news = News::Ended(end.outcome, end.reason.clone());
                upgrade::tell(conn, &row, &news, message.now)?;
            }
            notes.extend(write(conn, &row, ended, Some(end))?);
            Ok(false)
        }
    }
}

fn write(
    conn: &mut Conn,
    row: &CommandRow,
    transition: Option<Transition>,
    end: Option<&End>,
) -> Result<Option<Note>, Error> {
    let Some(transition) = transition else {
        return Ok(None);
    };
    let id = CommandId(row.id);
    store::change(conn, id, &transition.change)?;
    let refused = transition.state == CommandState::Refused;
    if refused {
        tracing::warn!(
            target: "security", { system.id = row.system_id, command.id = row.id },
            "an agent refused a command: {}", transition.change.reason.as_deref().unwrap_or_default()
        );
    }
    let mut detail = json!({ "system": row.system_id, "action": row.action });
    if let Some(end) = end {
        detail["outcome"] = json!(end.outcome);
        detail["exit_code"] = json!(end.exit_code);
        detail["reason"] = json!(transition.change.reason);
    }
    Ok(Some(Note {
        action: transition.action,
        target: format!("command:{id}"),
        outcome: if refused { Outcome::Refused } else { Outcome::Done },
        detail,
    }))
}

/// Adds output where it goes on; what is there already is left out. Whether there was anything new.
fn output(conn: &mut Conn, row: &CommandRow, start: i64, data: &str) -> Result<bool, Error> {
    let state = view::state(row)?;
    let bytes = output_bytes(data).map_err(Error::internal)?;
    if !matches!(state, CommandState::Dispatched | CommandState::Running) || row.redacted != 0 {
        return Ok(false);
    }
    let known = usize::try_from((row.output_bytes - start).max(0)).unwrap_or(usize::MAX);
    let room = usize::try_from((MAX_OUTPUT_BYTES - row.output_bytes).max(0)).unwrap_or_default();
    let new = bytes.get(known..).unwrap_or_default();
    let new = &new[..new.len().min(room)];
    if new.is_empty() {
        return Ok(false);
    }
    // Output between what is known and what comes is lost; what comes is kept behind what there is.
    let gap = start > row.output_bytes;
    let id = CommandId(row.id);
    output_store::add(conn, id, row.output_bytes, new)?;
    let total = row.output_bytes + i64::try_from(new.len()).unwrap_or(i64::MAX);
    store::set_output(conn, id, total, i64::from(gap || row.output_incomplete != 0))?;
    Ok(true)
}

fn record(conn: &mut Conn, message: &Message, notes: &[Note]) -> Result<(), Error> {
    if notes.is_empty() {
        return Ok(());
    }
    let entries: Vec<Entry<'_>> = notes
        .iter()
        .map(|note| Entry {
            organization_id: message.organization.id,
            at: message.now,
            actor: &message.actor,
            action: note.action,
            target: &note.target,
            outcome: note.outcome,
            detail: note.detail.clone(),
        })
        .collect();
    audit::record_all(conn, &entries)
}
