//! Tags and the note of the system on the page.

use super::groups::ask;
use super::{fetch, session};
use crate::clock::Moment;
use crate::keys::{Action, Key};
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{AnnotationForm, AnnotationKind, Page, State, TextField, ToastKind};
use scm_protocol::annotations::{ChangeNote, ChangeTags, SystemTags, note_problem, tag_problem};
use scm_protocol::ids::SystemId;

/// Opens the form of the tags or of the note.
pub(super) fn open(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let Page::System(id) = state.page else {
        return Vec::new();
    };
    if let Some(reason) = state.action_obstacle(action) {
        state.toast(ToastKind::Error, reason, now);
        return Vec::new();
    }
    let Some(detail) = state.details.get(&id) else {
        return Vec::new();
    };
    let (kind, text) = if action == Action::EditTags {
        (AnnotationKind::Tags, detail.summary.tags.join(" "))
    } else {
        (AnnotationKind::Note, detail.note.clone().unwrap_or_default())
    };
    state.detail.form = Some(AnnotationForm {
        id,
        kind,
        before: detail.summary.tags.clone(),
        field: TextField::new(&text),
        fault: None,
        waits: false,
    });
    Vec::new()
}

/// Whether the form takes the keys.
pub(super) fn form_open(state: &State) -> bool {
    matches!(state.page, Page::System(_)) && state.detail.form.is_some()
}

/// A key in the form.
pub(super) fn key(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(form) = &mut state.detail.form else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => state.detail.form = None,
        _ if form.waits => {}
        Key::Enter => return submit(state),
        key => {
            form.field.key(key);
            form.fault = None;
        }
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    let Some(form) = &mut state.detail.form else {
        return Vec::new();
    };
    let id = form.id;
    let question = match form.kind {
        AnnotationKind::Note => {
            form.fault = note_problem(form.field.text()).map(|reason| format!("the note {reason}"));
            GroupCall::Note {
                id,
                body: ChangeNote {
                    note: form.field.text().to_owned(),
                },
            }
        }
        AnnotationKind::Tags => {
            let mut tags: Vec<String> = form.field.text().split_whitespace().map(str::to_owned).collect();
            tags.sort_unstable();
            tags.dedup();
            form.fault = tags
                .iter()
                .find_map(|tag| tag_problem(tag).map(|reason| format!("`{tag}` {reason}")));
            let added = tags.iter().filter(|tag| !form.before.contains(tag));
            let removed = form.before.iter().filter(|tag| !tags.contains(tag));
            GroupCall::Tags {
                id,
                body: ChangeTags {
                    add: added.cloned().collect(),
                    remove: removed.cloned().collect(),
                },
            }
        }
    };
    if form.fault.is_some() {
        return Vec::new();
    }
    form.waits = true;
    vec![ask(state, question)]
}

/// What came of a change of tags.
pub(super) fn tagged(
    state: &mut State,
    id: SystemId,
    result: Result<SystemTags, Failure>,
    now: Moment,
) -> Vec<Effect> {
    ended(state, id, result.map(drop), "tags changed", now)
}

/// What came of a change of the note.
pub(super) fn noted(
    state: &mut State,
    id: SystemId,
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    ended(state, id, result, "note changed", now)
}

fn ended(
    state: &mut State,
    id: SystemId,
    result: Result<(), Failure>,
    past: &str,
    now: Moment,
) -> Vec<Effect> {
    let form = state
        .detail
        .form
        .as_mut()
        .filter(|form| form.id == id && form.waits);
    match (result, form) {
        (Ok(()), form) => {
            if form.is_some() {
                state.detail.form = None;
            }
            state.toast(ToastKind::Done, past, now);
            fetch::detail(state)
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(form)) => {
            form.waits = false;
            form.fault = Some(failure.to_string());
            Vec::new()
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, failure.to_string(), now);
            Vec::new()
        }
    }
}
