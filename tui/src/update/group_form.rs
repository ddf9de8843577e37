//! The form of a new group, or of a group's texts.

use super::groups::{self, ask};
use super::session;
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{GroupField, GroupFront, State, ToastKind, clean};
use scm_protocol::access;
use scm_protocol::groups::{Group, GroupKind};

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(GroupFront::Form(form)) = &mut state.groups.front else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => state.groups.front = None,
        _ if form.waits_for.is_some() => {}
        Key::Tab | Key::Down => drop(form.step(true)),
        Key::BackTab | Key::Up => drop(form.step(false)),
        Key::Char(' ') | Key::Left | Key::Right if form.focus == GroupField::Kind => {
            form.kind = match form.kind {
                GroupKind::Manual => GroupKind::Auto,
                GroupKind::Auto => GroupKind::Manual,
            };
            form.fault = None;
        }
        // Enter goes through the form and sends it from the last field.
        Key::Enter if form.step(true) => {}
        Key::Enter => return submit(state),
        key => {
            if let Some(field) = form.focused() {
                field.key(key);
                form.fault = None;
            }
        }
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    let role = state.session.as_ref().map(|session| session.role);
    state.tickets += 1;
    let (ticket, nonce) = (state.tickets, state.nonce.clone());
    let Some(GroupFront::Form(form)) = &mut state.groups.front else {
        return Vec::new();
    };
    if let Some((field, reason)) = form.problem() {
        form.focus = field;
        form.fault = Some(reason);
        return Vec::new();
    }
    if form.kind == GroupKind::Auto && role.is_some_and(|role| !access::allows(role, "rules.save")) {
        form.fault = Some("automatic groups need admin".to_owned());
        return Vec::new();
    }
    form.waits_for = Some(ticket);
    let question = match form.id {
        Some(id) => GroupCall::Change {
            ticket,
            id,
            body: form.change(),
        },
        None => GroupCall::Create {
            ticket,
            key: format!("{nonce}-group-{ticket}"),
            body: form.create(),
        },
    };
    vec![ask(state, question)]
}

/// What came of it. A new group is opened: it has no members and no rule yet.
pub(super) fn written(
    state: &mut State,
    ticket: u64,
    created: bool,
    result: Result<Box<Group>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let form = match &mut state.groups.front {
        Some(GroupFront::Form(form)) if form.waits_for == Some(ticket) => Some(form),
        _ => None,
    };
    let waited = form.is_some();
    match (result, form) {
        (Ok(group), _) => {
            let past = if created { "created" } else { "changed" };
            state.toast(ToastKind::Done, format!("{past} {}", clean(&group.name)), now);
            state.groups.go_to(group.id);
            let mut effects = groups::fetch(state);
            if waited {
                state.groups.front = None;
                if created {
                    effects.extend(groups::open(state, &group, now));
                }
            }
            effects
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(form)) => {
            form.waits_for = None;
            form.fault = Some(failure.to_string());
            Vec::new()
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, format!("group: {failure}"), now);
            groups::fetch(state)
        }
    }
}
