//! The organization's settings: reading them, moving among them, the form of one.

use super::{call, session};
use crate::clock::Moment;
use crate::keys::{Action, Key};
use crate::message::{Call, Effect, Failure};
use crate::model::{
    Dirty, Page, SettingForm, State, Toast, ToastKind, Undo, clean, setting_obstacle, setting_route,
};
use scm_protocol::settings::{SettingList, SettingValue};
use serde_json::{Value, json};

/// Reads the list; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.organization.reading {
        state.organization.again = true;
        return Vec::new();
    }
    state.organization.reading = true;
    vec![call(state, Call::Settings)]
}

/// The list.
pub(super) fn listed(state: &mut State, answer: Result<SettingList, Failure>, now: Moment) -> Vec<Effect> {
    let view = &mut state.organization;
    view.reading = false;
    let again = std::mem::take(&mut view.again);
    state.mark(Dirty::Data);
    match answer {
        Ok(list) => {
            state.organization.error = None;
            state.organization.put(list.items);
            if again { fetch(state) } else { Vec::new() }
        }
        Err(failure) => {
            state.organization.error = Some(failure.to_string());
            session::failed(state, "settings", &failure, now)
        }
    }
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    let at = state.organization.position();
    state.organization.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
}

/// Whether an action is about the setting under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    setting_route(action).is_some()
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if action == Action::RotateSigningKey {
        return super::signing::begin(state, now);
    }
    let Some(route) = setting_route(action) else {
        return Vec::new();
    };
    let role = state.session.as_ref().map(|session| session.role);
    let Some(setting) = state.organization.current() else {
        return Vec::new();
    };
    let drawn = state.organization.drawn.as_deref() == state.organization.cursor();
    let refusal = state
        .obstacle(route)
        .or_else(|| role.and_then(|role| setting_obstacle(setting, role)))
        .or_else(|| (!drawn).then(|| "look where the cursor is now".to_owned()));
    if let Some(reason) = refusal {
        let text = format!("{}: {reason}", clean(&setting.name));
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    if action == Action::EditSetting {
        state.organization.form = Some(SettingForm::new(setting));
        return Vec::new();
    }
    if setting.changed_ms.is_none() {
        let text = format!("{} is at its default already", clean(&setting.name));
        state.toast(ToastKind::Note, text, now);
        return Vec::new();
    }
    let (name, before) = (setting.name.clone(), Some(setting.value.clone()));
    send(state, name, None, before)
}

/// Sends a value, or the wish for the default. Answers to what no form waits for are messages.
pub(super) fn send(
    state: &mut State,
    name: String,
    value: Option<Value>,
    before: Option<SettingValue>,
) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = state.tickets;
    vec![call(
        state,
        Call::ChangeSetting {
            ticket,
            name,
            value,
            before,
        },
    )]
}

/// Takes a change back.
pub(super) fn undo(state: &mut State, name: String, value: Option<SettingValue>) -> Vec<Effect> {
    let now_holds = state
        .organization
        .items()
        .iter()
        .find(|setting| setting.name == name);
    let before = now_holds
        .filter(|setting| setting.changed_ms.is_some())
        .map(|setting| setting.value.clone());
    send(state, name, value.map(|value| json!(value)), before)
}

/// A key in the form.
pub(super) fn form_key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(form) = &mut state.organization.form else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => state.organization.form = None,
        _ if form.waits_for.is_some() => {}
        Key::Enter => return submit(state),
        key => {
            form.field.key(key);
            form.fault = None;
        }
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    let obstacle = state.obstacle("settings.change");
    let Some(form) = &mut state.organization.form else {
        return Vec::new();
    };
    let value = match (obstacle, form.value()) {
        (Some(reason), _) | (None, Err(reason)) => {
            form.fault = Some(reason);
            return Vec::new();
        }
        (None, Ok(value)) => value,
    };
    let (name, before) = (form.name.clone(), form.before.clone());
    form.waits_for = Some(state.tickets + 1);
    send(state, name, Some(value), before)
}

/// What came of a change.
pub(super) fn changed(
    state: &mut State,
    ticket: u64,
    (name, before, reset): (String, Option<SettingValue>, bool),
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    let form = state
        .organization
        .form
        .as_mut()
        .filter(|form| form.waits_for == Some(ticket));
    match (result, form) {
        (Ok(()), form) => {
            if form.is_some() {
                state.organization.form = None;
            }
            let what = if reset { "is at its default" } else { "changed" };
            let mut toast = Toast::new(ToastKind::Done, format!("{} {what}", clean(&name)), now);
            toast.undo = Some(Undo::Setting(name, before));
            state.push_toast(toast);
        }
        (Err(Failure::Unauthorized(reason)), _) => return session::lost(state, &reason),
        (Err(failure), Some(form)) => {
            form.waits_for = None;
            form.fault = Some(failure.to_string());
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, format!("{}: {failure}", clean(&name)), now);
        }
    }
    state.mark(Dirty::Key);
    fetch(state)
}

/// Whether the form, or the window of the signing key, takes the keys.
pub(super) fn form_open(state: &State) -> bool {
    state.page == Page::Settings && state.organization.form.is_some() || super::signing::is_open(state)
}
