//! The form of a new rollout: filled in, counted by the server, confirmed by the number.

use super::upgrades::ask;
use super::{session, upgrades};
use crate::clock::Moment;
use crate::keys::{Key, Press};
use crate::message::{Effect, Failure, UpgradeCall};
use crate::model::{
    ARM_MS, Dirty, Page, ROLLOUT_FIELDS, RolloutForm, RolloutStep, State, TextField, ToastKind,
};
use scm_protocol::systems::SystemCount;
use scm_protocol::upgrades::offer::newest;
use scm_protocol::upgrades::rollout::Rollout;

/// Opens it, with what was typed before, or with what is usual.
pub(super) fn open(state: &mut State, now: Moment) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle("rollouts.create") {
        state.toast(ToastKind::Error, format!("new rollout: {obstacle}"), now);
        return Vec::new();
    }
    let offered = state.upgrades.packages.iter().filter(|package| package.offered);
    let Some(version) = newest(offered.map(|package| package.version.as_str())).map(str::to_owned) else {
        let text = "there is no package to roll out: add one with `scmserver packages add`";
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    };
    state.tickets += 1;
    state.upgrades.form = Some(RolloutForm::new(state.tickets, &version));
    Vec::new()
}

/// Whether it takes the keys.
pub(super) fn is_open(state: &State) -> bool {
    state.upgrades.form.is_some() && state.page == Page::Upgrades
}

/// The field that takes what is pasted.
pub(super) fn typed_into(state: &mut State) -> Option<&mut TextField> {
    let form = state.upgrades.form.as_mut()?;
    match &mut form.step {
        RolloutStep::Typing => form.fields.get_mut(form.focus),
        RolloutStep::Confirming { typed, .. } => Some(typed),
        RolloutStep::Counting | RolloutStep::Sent => None,
    }
}

/// A key in it.
pub(super) fn key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(form) = &mut state.upgrades.form else {
        return Vec::new();
    };
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        match form.step {
            // What was typed is not lost by one key: it closes an empty step first.
            RolloutStep::Typing => state.upgrades.form = None,
            _ => form.step = RolloutStep::Typing,
        }
        return Vec::new();
    }
    match &mut form.step {
        RolloutStep::Counting | RolloutStep::Sent => Vec::new(),
        RolloutStep::Confirming {
            count,
            typed,
            shown_at,
        } => {
            if shown_at.is_none_or(|shown| press.at < shown.plus(ARM_MS)) {
                return Vec::new();
            }
            if press.key != Key::Enter {
                typed.key(press.key);
                return Vec::new();
            }
            let count = *count;
            if typed.text().trim() == count.to_string() {
                send(state, count)
            } else {
                Vec::new()
            }
        }
        RolloutStep::Typing => typing(state, press.key),
    }
}

fn typing(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(form) = &mut state.upgrades.form else {
        return Vec::new();
    };
    let last = ROLLOUT_FIELDS.len() - 1;
    match key {
        Key::Tab | Key::Down => form.focus = if form.focus == last { 0 } else { form.focus + 1 },
        Key::BackTab | Key::Up => form.focus = form.focus.checked_sub(1).unwrap_or(last),
        Key::Enter => return count(state),
        key => {
            if form.fields[form.focus].key(key) {
                form.fault = None;
            }
        }
    }
    Vec::new()
}

/// Asks how many systems it would be for, where what was typed can be.
fn count(state: &mut State) -> Vec<Effect> {
    let Some(form) = &mut state.upgrades.form else {
        return Vec::new();
    };
    if let Err((field, reason)) = form.body(1) {
        form.focus = field;
        form.fault = Some(format!("{} {reason}", ROLLOUT_FIELDS[field].0));
        return Vec::new();
    }
    form.fault = None;
    form.step = RolloutStep::Counting;
    let (ticket, filter) = (form.ticket, form.filter());
    vec![ask(state, UpgradeCall::Count { ticket, filter })]
}

/// How many there are.
pub(super) fn counted(
    state: &mut State,
    ticket: u64,
    count: Result<SystemCount, Failure>,
    now: Moment,
) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let Some(form) = state.upgrades.form.as_mut().filter(|form| form.ticket == ticket) else {
        return Vec::new();
    };
    match count {
        Ok(count) if count.matching > 0 => {
            form.step = RolloutStep::Confirming {
                count: count.matching,
                typed: TextField::default(),
                shown_at: None,
            };
            Vec::new()
        }
        Ok(_) => {
            form.step = RolloutStep::Typing;
            form.focus = 0;
            form.fault = Some("no system matches".to_owned());
            Vec::new()
        }
        Err(failure) => refused(state, failure, now),
    }
}

fn send(state: &mut State, count: i64) -> Vec<Effect> {
    let nonce = state.nonce.clone();
    let Some(form) = &mut state.upgrades.form else {
        return Vec::new();
    };
    let Ok(body) = form.body(count) else {
        return Vec::new();
    };
    form.step = RolloutStep::Sent;
    let ticket = form.ticket;
    let key = format!("{nonce}-rollout-{ticket}");
    let body = Box::new(body);
    vec![ask(state, UpgradeCall::Create { ticket, key, body })]
}

/// The server took it, or not.
pub(super) fn created(
    state: &mut State,
    ticket: u64,
    created: Result<Box<Rollout>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    state.mark(Dirty::Key);
    match created {
        Ok(rollout) => {
            state.upgrades.form.take_if(|form| form.ticket == ticket);
            let text = format!("rollout {} to {} began", rollout.id, rollout.version);
            state.upgrades.put_rollout(*rollout);
            state.toast(ToastKind::Done, text, now);
            upgrades::fetch(state)
        }
        Err(failure) => refused(state, failure, now),
    }
}

fn refused(state: &mut State, failure: Failure, now: Moment) -> Vec<Effect> {
    if let Failure::Unauthorized(reason) = failure {
        return session::lost(state, &reason);
    }
    state.tickets += 1;
    let ticket = state.tickets;
    match &mut state.upgrades.form {
        Some(form) => {
            form.step = RolloutStep::Typing;
            // Another attempt is another request.
            form.ticket = ticket;
            form.fault = Some(failure.to_string());
        }
        None => state.toast(ToastKind::Error, failure.to_string(), now),
    }
    Vec::new()
}
