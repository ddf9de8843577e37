//! Filters under a name: applying, saving and deleting them.

use super::{call, filter_line, navigate, questions, session, tokens, views};
use crate::clock::Moment;
use crate::keys::{Key, Press};
use crate::message::{Call, Effect, Failure, ViewCall};
use crate::model::{
    Column, DeleteQuestion, Focus, Overlay, Page, SaveForm, SavedMenu, SavedMode, Sort, State, TextField,
    ToastKind, clean,
};
use scm_protocol::access;
use scm_protocol::groups::name_problem;
use scm_protocol::ids::FilterId;
use scm_protocol::saved_filters::{SaveFilter, SavedFilter, SavedFilterList};

/// Opens the list, and reads it again.
pub(super) fn open(state: &mut State) -> Vec<Effect> {
    let mut menu = SavedMenu::default();
    menu.go(0, &state.views.saved);
    state.overlay = Some(Overlay::Saved(menu));
    fetch(state)
}

/// Reads the list.
pub(super) fn fetch(state: &State) -> Vec<Effect> {
    vec![call(state, Call::View(ViewCall::Saved))]
}

/// The list.
pub(super) fn listed(
    state: &mut State,
    result: Result<SavedFilterList, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(list) => {
            state.views.saved = list.items;
            if let Some(Overlay::Saved(menu)) = &mut state.overlay {
                menu.go(menu.position(&state.views.saved), &state.views.saved);
            }
            if matches!(state.overlay, Some(Overlay::Palette(_))) {
                super::palette::refresh_kept(state);
            }
            Vec::new()
        }
        Err(failure) => session::failed(state, "saved filters", &failure, now),
    }
}

/// Why filters that everybody sees are not this user's to change; none when they are.
pub fn shared_obstacle(state: &State) -> Option<String> {
    let role = state.session.as_ref()?.role;
    (!access::allows(role, "groups.change")).then(|| "needs editor".to_owned())
}

/// A key in the list, its form or its question.
pub(super) fn key(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    let Some(Overlay::Saved(menu)) = &mut state.overlay else {
        return Vec::new();
    };
    match &mut menu.mode {
        SavedMode::List => list_key(state, press.key, now),
        SavedMode::Saving(_) => form_key(state, press.key),
        SavedMode::Deleting(_) => question_key(state, press),
    }
}

fn list_key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(8)).max(1);
    let State { overlay, views, .. } = state;
    let Some(Overlay::Saved(menu)) = overlay else {
        return Vec::new();
    };
    let (saved, at) = (&views.saved, menu.position(&views.saved));
    match key {
        Key::Esc | Key::Ctrl('c') | Key::Char('q') => *overlay = None,
        Key::Down | Key::Char('j') => menu.go(at + 1, saved),
        Key::Up | Key::Char('k') => menu.go(at.saturating_sub(1), saved),
        Key::PageDown => menu.go(at + page, saved),
        Key::PageUp => menu.go(at.saturating_sub(page), saved),
        Key::Home | Key::Char('g') => menu.go(0, saved),
        Key::End | Key::Char('G') => menu.go(usize::MAX, saved),
        Key::Enter => {
            let chosen = saved.get(at).map(|filter| filter.id);
            *overlay = None;
            return chosen.map(|id| apply(state, id, now)).unwrap_or_default();
        }
        Key::Char('n') => begin_saving(state, now),
        Key::Char('x') => begin_deleting(state, now),
        _ => {}
    }
    Vec::new()
}

fn begin_saving(state: &mut State, now: Moment) {
    if let Some(reason) = state.obstacle("saved_filters.save") {
        state.toast(ToastKind::Error, format!("save the filter: {reason}"), now);
        return;
    }
    let fault = state.list().and_then(|list| list.filter_error.as_ref());
    let fault = fault.map(|error| format!("the filter cannot be read: {error}"));
    if let Some(reason) = fault {
        state.toast(ToastKind::Error, reason, now);
        return;
    }
    if let Some(Overlay::Saved(menu)) = &mut state.overlay {
        menu.mode = SavedMode::Saving(SaveForm::default());
    }
}

fn begin_deleting(state: &mut State, now: Moment) {
    let Some(Overlay::Saved(menu)) = &state.overlay else {
        return;
    };
    let Some(filter) = state.views.saved.get(menu.position(&state.views.saved)) else {
        return;
    };
    let (id, name, shared) = (filter.id, clean(&filter.name), filter.shared);
    let obstacle = state.obstacle("saved_filters.delete");
    if let Some(reason) = obstacle.or_else(|| shared_obstacle(state).filter(|_| shared)) {
        state.toast(ToastKind::Error, format!("delete {name}: {reason}"), now);
        return;
    }
    if let Some(Overlay::Saved(menu)) = &mut state.overlay {
        menu.mode = SavedMode::Deleting(DeleteQuestion {
            id,
            name,
            shared,
            focus: Focus::Cancel,
            shown_at: None,
        });
    }
}

fn form_key(state: &mut State, key: Key) -> Vec<Effect> {
    let obstacle = shared_obstacle(state);
    let Some(Overlay::Saved(menu)) = &mut state.overlay else {
        return Vec::new();
    };
    let SavedMode::Saving(form) = &mut menu.mode else {
        return Vec::new();
    };
    match key {
        Key::Esc | Key::Ctrl('c') => menu.mode = SavedMode::List,
        _ if form.waits_for.is_some() => {}
        Key::Tab | Key::BackTab | Key::Down | Key::Up => form.on_shared = !form.on_shared,
        Key::Char(' ') | Key::Left | Key::Right if form.on_shared => match obstacle {
            Some(reason) => form.fault = Some(format!("shared filters: {reason}")),
            None => form.shared = !form.shared,
        },
        Key::Enter => return submit(state),
        key if !form.on_shared => {
            form.name.key(key);
            form.fault = None;
        }
        _ => {}
    }
    Vec::new()
}

fn submit(state: &mut State) -> Vec<Effect> {
    state.tickets += 1;
    let ticket = state.tickets;
    let columns = state.views.columns.iter().map(|column| column.name().to_owned());
    let columns = columns.collect();
    let (filter, sort) = state.list().map_or_else(Default::default, |list| {
        let sort = list.sort().written().unwrap_or_default();
        (list.filter.text().trim().to_owned(), sort)
    });
    let Some(Overlay::Saved(SavedMenu {
        mode: SavedMode::Saving(form),
        ..
    })) = &mut state.overlay
    else {
        return Vec::new();
    };
    let name = form.name.text().to_owned();
    if let Some(reason) = name_problem(&name) {
        form.fault = Some(format!("the name {reason}"));
        form.on_shared = false;
        return Vec::new();
    }
    form.waits_for = Some(ticket);
    let body = SaveFilter {
        name,
        filter,
        sort,
        columns,
        shared: form.shared,
    };
    vec![call(state, Call::View(ViewCall::Save { ticket, body }))]
}

fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(Overlay::Saved(menu)) = &mut state.overlay else {
        return Vec::new();
    };
    let SavedMode::Deleting(question) = &mut menu.mode else {
        return Vec::new();
    };
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        menu.mode = SavedMode::List;
        return Vec::new();
    }
    if !tokens::armed(question.shown_at, press.at) {
        return Vec::new();
    }
    let Some(yes) = questions::question_key(press.key, &mut question.focus, &mut None) else {
        return Vec::new();
    };
    let (id, name) = (question.id, std::mem::take(&mut question.name));
    menu.mode = SavedMode::List;
    if !yes {
        return Vec::new();
    }
    vec![call(state, Call::View(ViewCall::Delete { id, name }))]
}

/// What came of saving.
pub(super) fn saved(
    state: &mut State,
    ticket: u64,
    result: Result<SavedFilter, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let menu = match &mut state.overlay {
        Some(Overlay::Saved(menu)) => Some(menu),
        _ => None,
    };
    let waiting =
        menu.filter(|menu| matches!(&menu.mode, SavedMode::Saving(form) if form.waits_for == Some(ticket)));
    match (result, waiting) {
        (Ok(filter), menu) => {
            if let Some(menu) = menu {
                menu.mode = SavedMode::List;
                menu.cursor = Some(filter.id);
            }
            let text = format!("saved the filter {}: :filter finds it", clean(&filter.name));
            state.toast(ToastKind::Done, text, now);
            fetch(state)
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(menu)) => {
            if let SavedMode::Saving(form) = &mut menu.mode {
                form.waits_for = None;
                form.fault = Some(failure.to_string());
            }
            Vec::new()
        }
        (Err(failure), None) => session::failed(state, "save the filter", &failure, now),
    }
}

/// What came of deleting.
pub(super) fn deleted(
    state: &mut State,
    name: &str,
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(()) => {
            state.toast(
                ToastKind::Done,
                format!("deleted the filter {}", clean(name)),
                now,
            );
            fetch(state)
        }
        Err(failure) => session::failed(state, &format!("delete {}", clean(name)), &failure, now),
    }
}

/// Shows a list as a saved filter says: of the page, or of all systems where the page has none.
pub(super) fn apply(state: &mut State, id: FilterId, now: Moment) -> Vec<Effect> {
    let found = state.views.saved.iter().find(|filter| filter.id == id).cloned();
    let Some(filter) = found else {
        return Vec::new();
    };
    let mut effects = if state.list().is_none() {
        navigate::go(state, Page::Systems, now)
    } else {
        Vec::new()
    };
    let columns: Vec<Column> = filter
        .columns
        .iter()
        .filter_map(|name| Column::named(name))
        .collect();
    if !columns.is_empty() {
        state.views.columns = columns;
    }
    let unknown = Sort::read(&filter.sort).is_none();
    if let Some(list) = state.list_mut() {
        list.filter = TextField::new(&filter.filter);
        list.set_sort(Sort::read(&filter.sort).unwrap_or_default());
    }
    filter_line::changed(state, now);
    filter_line::end(state);
    let order = if unknown {
        format!(" (this console cannot sort by {})", clean(&filter.sort))
    } else {
        String::new()
    };
    state.toast(
        ToastKind::Note,
        format!("filter {}{order}", clean(&filter.name)),
        now,
    );
    effects.extend(super::sorting::ask(state));
    effects.extend(views::remember(state));
    effects
}

/// The field that takes pasted text.
pub(super) fn typed_into(menu: &mut SavedMenu) -> Option<&mut TextField> {
    match &mut menu.mode {
        SavedMode::Saving(form) if !form.on_shared && form.waits_for.is_none() => Some(&mut form.name),
        _ => None,
    }
}
