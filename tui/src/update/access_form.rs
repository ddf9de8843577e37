//! The forms about access, and what came of a change.

use super::{access, call, session};
use crate::clock::Moment;
use crate::keys::{Action, Key};
use crate::message::{Call, Effect, Failure};
use crate::model::{
    AccessChange, AccessDone, AccessForm, AgentKey, Dirty, FormKind, Secret, State, ToastKind, clean,
};
use scm_protocol::auth::{CredentialKind, Role};

/// Opens a form.
pub(super) fn open(state: &mut State, kind: FormKind) -> Vec<Effect> {
    let own = state
        .session
        .as_ref()
        .map_or(Role::Compliance, |session| session.role);
    let ask_agent = matches!(kind, FormKind::AddSshKey);
    let keys = agent_keys(state).to_vec();
    state.overlay = None;
    state.access.form = Some(AccessForm::new(kind, own, &keys));
    if ask_agent && state.settings.ssh_agent && state.access.agent_keys.is_none() {
        return vec![call(state, Call::AgentKeys)];
    }
    Vec::new()
}

fn agent_keys(state: &State) -> &[AgentKey] {
    match &state.access.agent_keys {
        Some(Ok(keys)) => keys,
        _ => &[],
    }
}

/// What everyone does with their own account, from the palette on any page.
pub(super) fn own(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let account = state
        .session
        .as_ref()
        .is_some_and(|session| session.credential == CredentialKind::Session);
    if !account {
        let text = "you did not log in as a user: there is no account to change";
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    if action == Action::OwnPassword {
        return open(state, FormKind::OwnPassword);
    }
    vec![call(state, Call::Account)]
}

/// Whether there is a second factor: the form to turn it on, or off.
pub(super) fn account(state: &mut State, second_factor: Result<bool, Failure>, now: Moment) -> Vec<Effect> {
    match second_factor {
        Ok(true) => open(state, FormKind::Disable),
        Ok(false) => open(state, FormKind::Enroll),
        Err(failure) => session::failed(state, "second factor", &failure, now),
    }
}

/// The agent of this terminal says what it holds.
pub(super) fn agent(state: &mut State, keys: Result<Vec<AgentKey>, String>) -> Vec<Effect> {
    state.access.agent_keys = Some(keys);
    state.mark(Dirty::Key);
    super::login::agent_keys_came(state);
    let waiting = state
        .access
        .form
        .as_ref()
        .is_some_and(|form| matches!(form.kind, FormKind::AddSshKey) && form.waits_for.is_none());
    if waiting {
        // Only the choices are new: what was pasted stays.
        let own = state
            .session
            .as_ref()
            .map_or(Role::Compliance, |session| session.role);
        let mut fresh = AccessForm::new(FormKind::AddSshKey, own, agent_keys(state));
        if let Some(form) = &mut state.access.form {
            form.fields[0].choices = fresh.fields[0].choices.take();
        }
    }
    Vec::new()
}

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(form) = &mut state.access.form else {
        return Vec::new();
    };
    let last = form.fields.len().saturating_sub(1);
    match key {
        Key::Esc | Key::Ctrl('c') => state.access.form = None,
        _ if form.waits_for.is_some() => {}
        Key::Tab | Key::Down => form.focus = if form.focus >= last { 0 } else { form.focus + 1 },
        Key::BackTab | Key::Up => form.focus = if form.focus == 0 { last } else { form.focus - 1 },
        // Enter goes through the form and sends it from the last field.
        Key::Enter if form.focus < last => form.focus += 1,
        Key::Enter => return submit(state),
        key => {
            if let Some(field) = form.fields.get_mut(form.focus) {
                field.key(key);
            }
            form.fault = None;
        }
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    let keys = agent_keys(state).to_vec();
    let Some(form) = &mut state.access.form else {
        return Vec::new();
    };
    (form.fault, form.error) = (None, None);
    let change = match form.change(&keys) {
        Ok(change) => change,
        Err((member, reason)) => {
            form.refuse(member, reason);
            return Vec::new();
        }
    };
    let obstacle = state.obstacle(change.route());
    let done = said(&change);
    let Some(form) = &mut state.access.form else {
        return Vec::new();
    };
    if let Some(obstacle) = obstacle {
        form.error = Some(obstacle);
        return Vec::new();
    }
    form.waits_for = Some(state.tickets + 1);
    send(state, change, done)
}

/// What is said once a form's change was done.
fn said(change: &AccessChange) -> String {
    match change {
        AccessChange::CreateUser(create) => format!("created {}", create.username),
        AccessChange::SetRole(_, role) => format!("the role is {} now", role.as_str()),
        AccessChange::SetPassword(_, None) => "the password is gone".to_owned(),
        AccessChange::SetPassword(..) | AccessChange::OwnPassword(_) => "the password is changed".to_owned(),
        AccessChange::AddSshKey(_) => "the SSH key is added".to_owned(),
        AccessChange::Disable(_) => "the second factor is off".to_owned(),
        // The secret says it, or the next form.
        _ => String::new(),
    }
}

/// Sends a change. Answers to what no form waits for are messages.
pub(super) fn send(state: &mut State, change: AccessChange, done: String) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = state.tickets;
    let key = format!("scmtui-{}-{ticket}", state.nonce);
    let change = Box::new(change);
    vec![call(
        state,
        Call::AccessChange {
            ticket,
            key,
            change,
            done,
        },
    )]
}

/// What came of a change.
pub(super) fn changed(
    state: &mut State,
    ticket: u64,
    said: String,
    result: Result<AccessDone, Failure>,
    now: Moment,
) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let waits = |form: &&mut AccessForm| form.waits_for == Some(ticket);
    match result {
        Ok(done) => {
            if state.access.form.as_mut().filter(waits).is_some() {
                state.access.form = None;
            }
            if !said.is_empty() {
                state.toast(ToastKind::Done, said, now);
            }
            finish(state, done);
        }
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(failure) => match state.access.form.as_mut().filter(waits) {
            Some(form) => {
                form.waits_for = None;
                refused(form, &failure);
            }
            None => state.toast(ToastKind::Error, failure.to_string(), now),
        },
    }
    access::changed(state)
}

fn finish(state: &mut State, done: AccessDone) {
    if let AccessDone::Enrolled(secret) = done {
        let kind = FormKind::Confirm(Secret::new(secret.secret), Secret::new(secret.url));
        state.access.form = Some(AccessForm::new(kind, Role::Viewer, &[]));
        return;
    }
    if let Some(secret) = done.secret() {
        state.tokens.created = Some(secret);
    }
}

fn refused(form: &mut AccessForm, failure: &Failure) {
    let Failure::Refused(problem) = failure else {
        form.error = Some(failure.to_string());
        return;
    };
    let detail = clean(&problem.detail);
    let taken = (problem.code == "name_taken").then_some(form.fields[0].member);
    match problem.field.as_deref().or(taken) {
        Some(member) => form.refuse(member, detail),
        None => form.error = Some(failure.to_string()),
    }
}
