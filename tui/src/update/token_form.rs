//! The form of a new enrollment token, up to the server's answer.

use super::{call, groups, session, tokens};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Call, Effect, Failure};
use crate::model::{Dirty, FormField, ShownSecret, State, ToastKind, TokenForm};

/// Opens the form with what was typed before.
pub(super) fn open(state: &mut State, now: Moment) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle("enrollment.tokens.create") {
        state.toast(ToastKind::Error, format!("new token: {obstacle}"), now);
        return Vec::new();
    }
    state.tokens.form.open = true;
    // It offers the manual groups.
    groups::fetch(state)
}

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let State { tokens, groups, .. } = state;
    let form = &mut tokens.form;
    match key {
        Key::Esc | Key::Ctrl('c') => close(state, now),
        _ if form.waits_for.is_some() => {}
        Key::Tab | Key::Down => form.focus = form.focus.next(),
        Key::BackTab | Key::Up => form.focus = form.focus.previous(),
        // Enter goes through the form and sends it from the last field.
        Key::Right if form.focus == FormField::Groups && form.groups.at_end() => {
            form.complete(groups.items());
        }
        Key::Enter if form.focus != FormField::Groups => form.focus = form.focus.next(),
        Key::Enter => return submit(state, now),
        key => {
            form.focused().key(key);
        }
    }
    Vec::new()
}

fn close(state: &mut State, now: Moment) {
    let form = &mut state.tokens.form;
    form.open = false;
    let typed = FormField::ALL.iter().any(|field| form.field(*field).chars() > 0);
    if form.waits_for.is_some() {
        state.toast(
            ToastKind::Note,
            "the request is under way: its secret will be shown",
            now,
        );
    } else if typed {
        state.toast(ToastKind::Note, "what you typed is kept: n shows it again", now);
    }
}

fn submit(state: &mut State, now: Moment) -> Vec<Effect> {
    let server_now = state.clock.at(now);
    let form = &mut state.tokens.form;
    (form.fault, form.error) = (None, None);
    let Some(server_now) = server_now else {
        form.error = Some("the server's time is not known yet: try again".to_owned());
        return Vec::new();
    };
    let body = match form.request(server_now, state.groups.items()) {
        Ok(body) => body,
        Err((field, reason)) => {
            form.refuse(field, reason);
            return Vec::new();
        }
    };
    if let Some(obstacle) = state.obstacle("enrollment.tokens.create") {
        state.tokens.form.error = Some(obstacle);
        return Vec::new();
    }
    state.tickets += 1;
    let ticket = state.tickets;
    let own = || format!("scmtui-{}-{ticket}", state.nonce);
    let key = state.tokens.form.key.clone().unwrap_or_else(own);
    state.tokens.form.key = Some(key.clone());
    state.tokens.form.waits_for = Some(ticket);
    vec![call(state, Call::CreateToken { ticket, key, body })]
}

/// The answer: the secret, or what is wrong.
pub(super) fn created(
    state: &mut State,
    ticket: u64,
    created: Result<Box<ShownSecret>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    if state.tokens.form.waits_for != Some(ticket) {
        return Vec::new();
    }
    state.tokens.form.waits_for = None;
    state.mark(Dirty::Key);
    let failure = match created {
        Ok(created) => {
            state.tokens.form = TokenForm::default();
            state.tokens.created = Some(*created);
            return tokens::fetch(state);
        }
        Err(failure) => failure,
    };
    let form = &mut state.tokens.form;
    if let Failure::Unauthorized(reason) = &failure {
        form.error = Some(format!("the session ended: {reason}"));
        return session::lost(state, reason);
    }
    refused(form, &failure);
    if !form.open {
        // Nobody looks at the form: the message says it.
        state.toast(ToastKind::Error, format!("new token: {failure}"), now);
    }
    tokens::fetch(state)
}

fn refused(form: &mut TokenForm, failure: &Failure) {
    form.error = Some(match failure {
        Failure::Refused(problem) => {
            let member = problem.field.as_deref().and_then(FormField::of);
            let taken = (problem.code == "name_taken").then_some(FormField::Name);
            if let Some(field) = member.or(taken) {
                form.refuse(field, crate::model::clean(&problem.detail));
                return;
            }
            if problem.code == "already_created" {
                // The answer with the secret was lost; what is sent next is another token.
                form.key = None;
                "it was created, but the answer with its secret was lost: delete it and create another"
                    .to_owned()
            } else {
                failure.to_string()
            }
        }
        Failure::Unreachable(reason) => {
            format!("no answer ({reason}): Enter asks again and creates nothing twice")
        }
        other => other.to_string(),
    });
}
