//! The form that runs an action on many systems: choosing, filling in, and on to the question.

use super::changes::{self, Aim};
use super::{commands, session};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{CommandCall, Effect, Failure};
use crate::model::{Change, Dirty, Overlay, RunManyForm, State};
use scm_protocol::commands::{Offered, OfferedQuery};

/// Opens the form on frozen systems.
pub(super) fn open(state: &mut State, aim: Aim) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = state.tickets;
    let query = match &aim.whole {
        Some(whole) => OfferedQuery {
            filter: Some(whole.filter.clone()),
            ..OfferedQuery::default()
        },
        None => OfferedQuery {
            systems: aim.ids.clone(),
            ..OfferedQuery::default()
        },
    };
    state.overlay = Some(Overlay::RunMany(Box::new(RunManyForm::new(
        aim.ids, aim.whole, ticket,
    ))));
    vec![commands::ask(state, CommandCall::Offered { ticket, query })]
}

fn form(state: &mut State) -> Option<&mut RunManyForm> {
    match &mut state.overlay {
        Some(Overlay::RunMany(form)) => Some(form),
        _ => None,
    }
}

/// What the systems offer.
pub(super) fn offered(
    state: &mut State,
    ticket: u64,
    result: Result<Box<Offered>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(form) = form(state).filter(|form| form.ticket == ticket) else {
        return Vec::new();
    };
    match result {
        Ok(offered) => {
            form.offered = Some(*offered);
            state.mark(Dirty::Key);
            Vec::new()
        }
        Err(failure) => {
            form.fault = Some(failure.to_string());
            session::failed(state, "actions", &failure, now)
        }
    }
}

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(form) = form(state) else {
        return Vec::new();
    };
    let cancel = matches!(key, Key::Esc | Key::Ctrl('c'));
    let Some(filling) = &mut form.filling else {
        let last = form.choices().len().saturating_sub(1);
        form.cursor = form.cursor.min(last);
        match key {
            _ if cancel => state.overlay = None,
            Key::Down | Key::Tab => form.cursor = (form.cursor + 1).min(last),
            Key::Up | Key::BackTab => form.cursor = form.cursor.saturating_sub(1),
            Key::Enter => form.choose(),
            key => {
                if form.narrow.key(key) {
                    form.cursor = 0;
                }
            }
        }
        return Vec::new();
    };
    let (count, at) = (filling.count(), filling.values.focus);
    match key {
        _ if cancel => form.filling = None,
        Key::Down | Key::Tab => filling.values.focus = (at + 1) % count,
        Key::Up | Key::BackTab => filling.values.focus = (at + count - 1) % count,
        Key::Enter if at + 1 < count => filling.values.focus += 1,
        Key::Enter => return submit(state, now),
        key => {
            if let Some(field) = form.focused() {
                field.key(key);
            }
        }
    }
    Vec::new()
}

fn submit(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(form) = form(state) else {
        return Vec::new();
    };
    let Some(filling) = &mut form.filling else {
        return Vec::new();
    };
    let subject = match filling.subject() {
        Ok(subject) => subject,
        Err(wrong) => {
            filling.values.focus = wrong;
            return Vec::new();
        }
    };
    let aim = Aim {
        ids: std::mem::take(&mut form.targets),
        whole: form.whole.take(),
        subject: Some(subject),
    };
    state.overlay = None;
    changes::begin(state, Change::Run, aim, now)
}
