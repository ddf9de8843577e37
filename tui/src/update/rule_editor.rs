//! The rule of an automatic group while it is edited. Nothing here waits: a preview comes when it comes.

use super::groups::{self, ask};
use super::{session, tokens};
use crate::clock::Moment;
use crate::keys::{Key, Press};
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{EditorMode, GroupFront, RowPart, RuleEditor, State, TextField, ToastKind, clean};
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::rules::{ExplainRule, PreviewRule, RuleExplained, RulePreview, RuleSaved, SaveRule};

/// How long a draft rests before the server is asked what it would do, in milliseconds.
const DEBOUNCE_MS: u64 = 150;

fn editor(state: &mut State) -> Option<&mut RuleEditor> {
    match &mut state.groups.front {
        Some(GroupFront::Rule(editor)) => Some(editor),
        _ => None,
    }
}

/// The text that is being typed.
pub(super) fn typed_into(editor: &mut RuleEditor) -> Option<&mut TextField> {
    match &mut editor.mode {
        EditorMode::Typing => editor.rows.get_mut(editor.at).map(|row| &mut row.value),
        EditorMode::Asking(field) | EditorMode::Confirming { typed: field, .. } => Some(field),
        _ => None,
    }
}

/// Asks for a preview of the draft when it has rested.
pub(super) fn plan(state: &mut State, now: Moment) {
    let Some(editor) = editor(state) else { return };
    editor.changed();
    editor.preview_fault = editor
        .broken()
        .map(|row| format!("condition {} is not complete", row + 1));
    let rests = editor.preview_fault.is_none();
    state.timers.preview = rests.then(|| now.plus(DEBOUNCE_MS));
}

/// The draft has rested.
pub(super) fn ask_preview(state: &mut State) -> Vec<Effect> {
    if let Some(reason) = state.obstacle("rules.preview") {
        if let Some(editor) = editor(state) {
            editor.preview_fault = Some(reason);
        }
        return Vec::new();
    }
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    let (round, group) = (editor.round, Some(editor.group));
    let body = PreviewRule {
        conditions: editor.conditions(),
        group,
    };
    vec![ask(state, GroupCall::Preview { round, body })]
}

/// A preview came; that of an older draft is dropped.
pub(super) fn previewed(
    state: &mut State,
    round: u64,
    result: Result<Box<RulePreview>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(editor) = editor(state).filter(|editor| editor.round == round) else {
        return Vec::new();
    };
    match result {
        Ok(preview) => {
            editor.preview = Some(*preview);
            editor.stale = false;
            editor.preview_fault = None;
            Vec::new()
        }
        Err(failure) => {
            editor.preview_fault = Some(failure.to_string());
            session::failed(state, "preview", &failure, now)
        }
    }
}

/// A key in the editor.
pub(super) fn key(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    match &mut editor.mode {
        EditorMode::Rows => rows_key(state, press.key, now),
        EditorMode::Typing => {
            typing_key(state, press.key, now);
            Vec::new()
        }
        EditorMode::Choosing { choices, at } => {
            let chosen = match press.key {
                Key::Down | Key::Char('j') => {
                    *at = (*at + 1).min(choices.len().saturating_sub(1));
                    None
                }
                Key::Up | Key::Char('k') => {
                    *at = at.saturating_sub(1);
                    None
                }
                Key::Enter | Key::Char(' ') => choices.get(*at).copied(),
                Key::Esc | Key::Ctrl('c') => {
                    editor.mode = EditorMode::Rows;
                    None
                }
                Key::Char(letter) => {
                    // The next one that begins with the letter.
                    let from = *at + 1;
                    let order = (from..choices.len()).chain(0..from);
                    let found = order
                        .into_iter()
                        .find(|index| choices[*index].starts_with(letter));
                    *at = found.unwrap_or(*at);
                    None
                }
                _ => None,
            };
            if let Some(choice) = chosen {
                editor.mode = EditorMode::Rows;
                editor.choose(choice);
                plan(state, now);
            }
            Vec::new()
        }
        EditorMode::Asking(_) => asking_key(state, press.key, now),
        EditorMode::Why(_) => {
            editor.mode = EditorMode::Rows;
            Vec::new()
        }
        EditorMode::Confirming { .. } => confirming_key(state, press),
    }
}

fn rows_key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    let last = editor.rows.len().saturating_sub(1);
    match key {
        Key::Esc | Key::Ctrl('c') | Key::Char('q') => return leave(state, now),
        _ if editor.saving => {}
        Key::Down | Key::Char('j') => editor.at = (editor.at + 1).min(last),
        Key::Up | Key::Char('k') => editor.at = editor.at.saturating_sub(1),
        Key::Right | Key::Tab | Key::Char('l') => editor.part = step(editor.part, true),
        Key::Left | Key::BackTab | Key::Char('h') => editor.part = step(editor.part, false),
        Key::Enter | Key::Char('e' | 'i') => begin(editor),
        Key::Char('a') => {
            if !editor.add_row() {
                state.toast(ToastKind::Note, "a rule has at most 8 conditions", now);
            }
            plan(state, now);
        }
        Key::Char('x') => {
            editor.remove_row();
            plan(state, now);
        }
        Key::Char('J') => {
            editor.move_row(true);
            plan(state, now);
        }
        Key::Char('K') => {
            editor.move_row(false);
            plan(state, now);
        }
        Key::Char('=') => editor.mode = EditorMode::Asking(TextField::default()),
        Key::Char('W') => return save(state, None, now),
        _ => {}
    }
    Vec::new()
}

fn step(part: RowPart, forward: bool) -> RowPart {
    match (part, forward) {
        (RowPart::Field, true) | (RowPart::Value, false) => RowPart::Operator,
        (RowPart::Operator, true) => RowPart::Value,
        (RowPart::Operator, false) => RowPart::Field,
        (part, _) => part,
    }
}

fn begin(editor: &mut RuleEditor) {
    editor.mode = match editor.choices() {
        Some((choices, at)) => EditorMode::Choosing { choices, at },
        None => EditorMode::Typing,
    };
}

fn typing_key(state: &mut State, key: Key, now: Moment) {
    let Some(editor) = editor(state) else { return };
    match key {
        Key::Enter | Key::Esc | Key::Ctrl('c') => editor.mode = EditorMode::Rows,
        key => {
            if editor.row().is_some_and(|row| row.value.key(key)) {
                plan(state, now);
            }
        }
    }
}

/// A draft is kept until it is saved, or its group is edited anew.
fn leave(state: &mut State, now: Moment) -> Vec<Effect> {
    if let Some(GroupFront::Rule(editor)) = state.groups.front.take()
        && editor.is_changed()
    {
        let text = format!(
            "the draft of {} is kept: open the group to go on",
            clean(&editor.name)
        );
        state.groups.draft = Some(editor);
        state.toast(ToastKind::Note, text, now);
    }
    state.timers.preview = None;
    Vec::new()
}

fn save(state: &mut State, confirmed: Option<i64>, now: Moment) -> Vec<Effect> {
    if let Some(reason) = state.obstacle("rules.save") {
        state.toast(ToastKind::Error, format!("save: {reason}"), now);
        return Vec::new();
    }
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    if let Some(row) = editor.broken() {
        editor.at = row;
        editor.fault = Some(format!("condition {} cannot be saved as it is", row + 1));
        return Vec::new();
    }
    editor.fault = None;
    editor.saving = true;
    let id = editor.group;
    let body = SaveRule {
        conditions: editor.conditions(),
        expected_version: editor.version,
        confirm_removals: confirmed,
    };
    vec![ask(state, GroupCall::Save { id, body })]
}

/// What came of saving.
pub(super) fn saved(
    state: &mut State,
    id: GroupId,
    result: Result<RuleSaved, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let editor = editor(state).filter(|editor| editor.group == id);
    match (result, editor) {
        (Ok(saved), editor) => {
            let name = editor.map_or(String::new(), |editor| clean(&editor.name));
            state.groups.front = None;
            state.groups.draft.take_if(|draft| draft.group == id);
            state.timers.preview = None;
            let text = format!(
                "saved the rule of {name}: {} joined, {} left, {} are in it",
                saved.joined, saved.left, saved.members
            );
            state.toast(ToastKind::Done, text, now);
            groups::fetch(state)
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(editor)) => {
            editor.saving = false;
            match removals(&failure) {
                Some(count) => {
                    editor.mode = EditorMode::Confirming {
                        count,
                        typed: TextField::default(),
                        shown_at: None,
                    };
                }
                None => editor.fault = Some(failure.to_string()),
            }
            Vec::new()
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, format!("save: {failure}"), now);
            Vec::new()
        }
    }
}

/// The number of systems that the server wants to be told; its sentence begins with it (docs/api.md).
fn removals(failure: &Failure) -> Option<i64> {
    let Failure::Refused(problem) = failure else {
        return None;
    };
    let number = problem.detail.split_whitespace().next()?;
    number.parse().ok().filter(|_| problem.code == "confirm_removals")
}

fn confirming_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    let EditorMode::Confirming {
        count,
        typed,
        shown_at,
    } = &mut editor.mode
    else {
        return Vec::new();
    };
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        editor.mode = EditorMode::Rows;
        return Vec::new();
    }
    if !tokens::armed(*shown_at, press.at) {
        return Vec::new();
    }
    if press.key != Key::Enter {
        typed.key(press.key);
        return Vec::new();
    }
    let count = *count;
    if typed.text().replace(',', "").parse() != Ok(count) {
        return Vec::new();
    }
    editor.mode = EditorMode::Rows;
    save(state, Some(count), press.at)
}

fn asking_key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(editor) = editor(state) else {
        return Vec::new();
    };
    let EditorMode::Asking(field) = &mut editor.mode else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => editor.mode = EditorMode::Rows,
        Key::Enter => {
            let wanted = field.text().trim().to_owned();
            let conditions = editor.conditions();
            editor.mode = EditorMode::Rows;
            return match system(state, &wanted) {
                Some(system) => vec![ask(state, GroupCall::Explain(ExplainRule { conditions, system }))],
                None => {
                    let text = format!("there is no system `{}`", clean(&wanted));
                    state.toast(ToastKind::Error, text, now);
                    Vec::new()
                }
            };
        }
        key => drop(field.key(key)),
    }
    Vec::new()
}

/// A system by its id or its host name.
fn system(state: &State, wanted: &str) -> Option<SystemId> {
    let by_id = wanted
        .parse()
        .ok()
        .map(SystemId)
        .filter(|id| state.fleet.get(*id).is_some());
    by_id.or_else(|| {
        let mut named: Vec<SystemId> = state
            .fleet
            .rows()
            .filter(|row| row.hostname.as_ref() == wanted)
            .map(|row| row.id)
            .collect();
        named.sort_unstable();
        named.first().copied()
    })
}

/// Why a system matches, or does not.
pub(super) fn explained(
    state: &mut State,
    result: Result<Box<RuleExplained>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match (result, editor(state)) {
        (Ok(why), Some(editor)) if matches!(editor.mode, EditorMode::Rows) => {
            editor.mode = EditorMode::Why(why);
            Vec::new()
        }
        (Ok(_), _) => Vec::new(),
        (Err(failure), _) => session::failed(state, "why", &failure, now),
    }
}
