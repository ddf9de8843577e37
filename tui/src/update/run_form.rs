//! Keys of the form that runs an action on the system of the page.

use super::{commands, questions, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{CommandCall, Effect, Failure};
use crate::model::{ARM_MS, Confirm, Filling, Focus, Page, RunForm, State, TextField, ToastKind, clean};
use scm_protocol::commands::{Command, CreateCommand, SystemActions};
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;

/// Opens the form.
pub(super) fn open(state: &mut State, id: SystemId, now: Moment) -> Vec<Effect> {
    let detail = state.details.get(&id);
    let active = detail.is_some_and(|detail| detail.summary.status == SystemStatus::Active);
    let hostname = detail
        .map(|detail| clean(&detail.summary.hostname))
        .unwrap_or_default();
    let obstacle = state
        .action_obstacle(Action::RunAction)
        .or_else(|| (!active).then(|| "only an active system carries out commands".to_owned()));
    if let Some(reason) = obstacle {
        state.toast(ToastKind::Error, format!("run: {reason}"), now);
        return Vec::new();
    }
    state.commands.form = Some(RunForm::new(id, hostname));
    vec![commands::ask(state, CommandCall::Actions(id))]
}

/// Whether the form takes the keys.
pub(super) fn is_open(state: &State) -> bool {
    let form = state.commands.form.as_ref();
    form.is_some_and(|form| state.page == Page::System(form.system))
}

/// The field that text goes to.
pub(super) fn typed_into(state: &mut State) -> Option<&mut TextField> {
    let filling = state.commands.form.as_mut()?.filling.as_mut()?;
    if filling.waits_for.is_some() {
        return None;
    }
    match &mut filling.confirm {
        Some(confirm) => confirm.typed.as_mut().map(|(_, field)| field),
        None => filling.fields.get_mut(filling.focus),
    }
}

/// What the system offers.
pub(super) fn offered(
    state: &mut State,
    id: SystemId,
    actions: Result<Box<SystemActions>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(form) = state.commands.form.as_mut().filter(|form| form.system == id) else {
        return Vec::new();
    };
    match actions {
        Ok(actions) => {
            form.offer = Some((actions.catalogue.actions, actions.catalogue.refused));
            state.mark(crate::model::Dirty::Key);
            Vec::new()
        }
        Err(failure) => {
            form.fault = Some(failure.to_string());
            session::failed(state, "actions", &failure, now)
        }
    }
}

/// A key in the form.
pub(super) fn key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(form) = &mut state.commands.form else {
        return Vec::new();
    };
    let cancel = matches!(press.key, Key::Esc | Key::Ctrl('c'));
    let Some(filling) = &mut form.filling else {
        match press.key {
            _ if cancel => state.commands.form = None,
            Key::Char('q') => state.commands.form = None,
            Key::Down | Key::Char('j') => {
                form.cursor = (form.cursor + 1).min(form.actions().len().saturating_sub(1));
            }
            Key::Up | Key::Char('k') => form.cursor = form.cursor.saturating_sub(1),
            Key::Enter => {
                let chosen = form.actions().get(form.cursor).cloned();
                form.filling = chosen.map(Filling::new);
                form.fault = None;
                confirm_where_nothing_is_to_be_typed(form);
            }
            _ => {}
        }
        return Vec::new();
    };
    if filling.waits_for.is_some() {
        return Vec::new();
    }
    if filling.confirm.is_some() {
        return confirm_key(state, press);
    }
    let count = filling.fields.len().max(1);
    match press.key {
        _ if cancel => form.filling = None,
        Key::Tab | Key::Down => filling.focus = (filling.focus + 1) % count,
        Key::BackTab | Key::Up => filling.focus = (filling.focus + count - 1) % count,
        Key::Enter if filling.focus + 1 < filling.fields.len() => filling.focus += 1,
        Key::Enter => {
            let wrong = (0..filling.fields.len()).find(|index| filling.fault(*index).is_some());
            match wrong {
                Some(index) => filling.focus = index,
                None => ask_whether(form),
            }
        }
        key => {
            if let Some(field) = filling.fields.get_mut(filling.focus) {
                field.key(key);
            }
            form.fault = None;
        }
    }
    Vec::new()
}

fn confirm_where_nothing_is_to_be_typed(form: &mut RunForm) {
    if form
        .filling
        .as_ref()
        .is_some_and(|filling| filling.fields.is_empty())
    {
        ask_whether(form);
    }
}

/// What the action marks so is confirmed by typing the system's name; anything else by a button.
fn ask_whether(form: &mut RunForm) {
    let name = form.hostname.clone();
    if let Some(filling) = &mut form.filling {
        let typed = filling
            .action
            .requires_confirmation
            .then(|| (name, TextField::default()));
        filling.confirm = Some(Confirm {
            focus: Focus::Cancel,
            typed,
            shown_at: None,
        });
    }
}

fn confirm_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(form) = &mut state.commands.form else {
        return Vec::new();
    };
    let Some(filling) = &mut form.filling else {
        return Vec::new();
    };
    let Some(confirm) = &mut filling.confirm else {
        return Vec::new();
    };
    let answer = if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        Some(false)
    } else if confirm
        .shown_at
        .is_some_and(|shown| press.at >= shown.plus(ARM_MS))
    {
        questions::question_key(press.key, &mut confirm.focus, &mut confirm.typed)
    } else {
        None
    };
    match answer {
        None => Vec::new(),
        Some(false) => {
            filling.confirm = None;
            if filling.fields.is_empty() {
                form.filling = None;
            }
            Vec::new()
        }
        Some(true) => send(state),
    }
}

fn send(state: &mut State) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = state.tickets;
    let key = format!("{}-run-{ticket}", state.nonce);
    let Some(form) = &mut state.commands.form else {
        return Vec::new();
    };
    let Some(filling) = &mut form.filling else {
        return Vec::new();
    };
    filling.waits_for = Some(ticket);
    let body = CreateCommand {
        action: filling.action.name.clone(),
        parameters: filling.values(),
        confirmed: filling.action.requires_confirmation,
        wait_secs: None,
    };
    let id = form.system;
    vec![commands::ask(
        state,
        CommandCall::Create {
            ticket,
            id,
            key,
            body,
        },
    )]
}

/// What came of it: its own page opens.
pub(super) fn created(
    state: &mut State,
    ticket: u64,
    created: Result<Box<Command>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let form = state.commands.form.as_mut();
    let filling = form.and_then(|form| form.filling.as_mut());
    let own = filling.filter(|filling| filling.waits_for == Some(ticket));
    match (created, own) {
        (Ok(command), own) => {
            let here = own.is_some();
            let text = format!(
                "command {}: {} on {}",
                command.id,
                clean(&command.action),
                clean(&command.hostname)
            );
            let id = command.id;
            state.commands.list.put_one(*command);
            state.toast(ToastKind::Done, text, now);
            if here {
                state.commands.form = None;
                return commands::open(state, id, now);
            }
            Vec::new()
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(filling)) => {
            filling.waits_for = None;
            filling.confirm = None;
            if let Some(form) = &mut state.commands.form {
                form.fault = Some(failure.to_string());
            }
            Vec::new()
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, failure.to_string(), now);
            Vec::new()
        }
    }
}
