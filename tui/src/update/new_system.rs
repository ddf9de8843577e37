//! The page "New system": the form, the answer, copying and writing it.

use super::{call, session};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Call, Effect, Failure};
use crate::model::{Dirty, NewSystemField, Page, Recipe, State, clean};

/// The route that the page needs.
pub(super) const ROUTE: &str = "enrollment.bootstrap";

/// A key of the page. None: it is one of those that hold everywhere.
pub(super) fn key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    if state.new_system.recipe.is_some() {
        return recipe_key(state, key);
    }
    let view = &mut state.new_system;
    match key {
        Key::Esc | Key::Ctrl(_) => return None,
        _ if view.waits_for.is_some() => {}
        Key::Tab | Key::BackTab | Key::Down | Key::Up => view.focus = view.focus.next(),
        // Enter goes through the form and sends it from the last field.
        Key::Enter if view.focus == NewSystemField::Url => view.focus = view.focus.next(),
        Key::Enter => return Some(submit(state)),
        key => {
            view.focused().key(key);
            view.fault = None;
        }
    }
    Some(Vec::new())
}

fn recipe_key(state: &mut State, key: Key) -> Option<Vec<Effect>> {
    let recipe = state.new_system.recipe.as_ref()?;
    let copied = "sent to the terminal's clipboard: check that it arrived";
    match key {
        Key::Char('y') => {
            let text = recipe.install_line.expose().clone();
            state.new_system.notice = Some(Ok(format!("the command was {copied}")));
            Some(vec![Effect::Copy(text)])
        }
        Key::Char('c') => {
            let text = recipe.config.expose().clone();
            state.new_system.notice = Some(Ok(format!("the configuration was {copied}")));
            Some(vec![Effect::Copy(text)])
        }
        Key::Char('w') => Some(write(state)),
        Key::Esc | Key::Enter => {
            // Wipes it; the address stays for the next machine, the token does not.
            state.new_system.recipe = None;
            state.new_system.notice = None;
            state.new_system.token.clear();
            Some(Vec::new())
        }
        _ => None,
    }
}

fn submit(state: &mut State) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle(ROUTE) {
        state.new_system.error = Some(obstacle);
        return Vec::new();
    }
    state.tickets += 1;
    let ticket = state.tickets;
    let view = &mut state.new_system;
    (view.fault, view.error, view.notice) = (None, None, None);
    view.waits_for = Some(ticket);
    let body = view.request();
    vec![call(state, Call::Bootstrap { ticket, body })]
}

fn write(state: &mut State) -> Vec<Effect> {
    let view = &mut state.new_system;
    let Some(recipe) = view.recipe.as_ref().filter(|_| !view.writing) else {
        return Vec::new();
    };
    let text = recipe.config.expose().clone();
    view.writing = true;
    vec![call(state, Call::WriteConfig(text))]
}

/// The answer: what to bring to the machine, or what is wrong.
pub(super) fn made(
    state: &mut State,
    ticket: u64,
    answer: Result<Box<Recipe>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    if state.new_system.waits_for != Some(ticket) {
        return Vec::new();
    }
    state.new_system.waits_for = None;
    state.mark(Dirty::Key);
    match answer {
        Ok(recipe) => state.new_system.recipe = Some(*recipe),
        Err(Failure::Refused(problem)) => {
            let detail = clean(&problem.detail);
            match problem.field.as_deref().and_then(NewSystemField::of) {
                Some(field) => {
                    state.new_system.focus = field;
                    state.new_system.fault = Some((field, detail));
                }
                None => state.new_system.error = Some(detail),
            }
        }
        Err(failure) => {
            state.new_system.error = Some(failure.to_string());
            return session::failed(state, "new system", &failure, now);
        }
    }
    Vec::new()
}

/// The file was written, or not.
pub(super) fn written(state: &mut State, path: Result<String, String>) -> Vec<Effect> {
    state.new_system.writing = false;
    state.new_system.notice = Some(path.map(|path| format!("written to {path}")));
    state.mark(Dirty::Key);
    Vec::new()
}

/// Whether the page takes the keys.
pub(super) fn takes_keys(state: &State) -> bool {
    state.page == Page::NewSystem && state.overlay.is_none()
}
