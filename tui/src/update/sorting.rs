//! The order of a list: choosing one, and asking the server for those that rows do not know.

use super::{call, fetch, session, views};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Call, Effect, Failure, ViewCall};
use crate::model::{Overlay, Page, Sort, SortBy, SortMenu, State};
use scm_protocol::ids::SystemId;

/// Opens the menu of orders, with the cursor on the one in force.
pub(super) fn open(state: &mut State) {
    let Some(current) = state.list().map(|list| list.sort()) else {
        return;
    };
    let choices: Vec<Sort> = SortBy::choices(&state.views.fields)
        .into_iter()
        .map(|by| {
            if by == current.by {
                current
            } else {
                Sort::first(by)
            }
        })
        .collect();
    let cursor = choices.iter().position(|sort| sort.by == current.by).unwrap_or(0);
    state.overlay = Some(Overlay::Sort(SortMenu { choices, cursor }));
}

/// A key in the menu.
pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(6)).max(1);
    let Some(Overlay::Sort(menu)) = &mut state.overlay else {
        return Vec::new();
    };
    let last = menu.choices.len().saturating_sub(1);
    match key {
        Key::Down | Key::Char('j') => menu.cursor = (menu.cursor + 1).min(last),
        Key::Up | Key::Char('k') => menu.cursor = menu.cursor.saturating_sub(1),
        Key::PageDown => menu.cursor = (menu.cursor + page).min(last),
        Key::PageUp => menu.cursor = menu.cursor.saturating_sub(page),
        Key::Home | Key::Char('g') => menu.cursor = 0,
        Key::End | Key::Char('G') => menu.cursor = last,
        Key::Char(' ' | 'r') => {
            if let Some(choice) = menu.choices.get_mut(menu.cursor) {
                *choice = choice.reversed();
            }
        }
        Key::Enter => {
            let chosen = menu.choices.get(menu.cursor).copied();
            state.overlay = None;
            return chosen.map(|sort| sort_by(state, sort, now)).unwrap_or_default();
        }
        _ => {}
    }
    Vec::new()
}

/// Puts the list of the page in another order.
pub(super) fn sort_by(state: &mut State, sort: Sort, now: Moment) -> Vec<Effect> {
    let State {
        fleet,
        systems,
        pending,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    list.touched = now;
    list.set_sort(sort);
    list.rebuild(fleet);
    fetch::look_around(state, now);
    let mut effects = ask(state);
    effects.extend(views::remember(state));
    effects
}

/// Asks for orders that were not asked for yet.
pub(super) fn ask(state: &mut State) -> Vec<Effect> {
    let questions = [state.systems.order_question(), state.pending.order_question()];
    let asked = questions.into_iter().flatten();
    asked
        .map(|sort| call(state, Call::View(ViewCall::Ordered(sort))))
        .collect()
}

/// Asks again for the order of the page, where it is the server's: what it knows may have changed.
pub(super) fn ask_again(state: &mut State) -> Vec<Effect> {
    if let Some(list) = state.list_mut() {
        list.set_sort(list.sort());
    }
    ask(state)
}

/// The server's order.
pub(super) fn ordered(
    state: &mut State,
    sort: &str,
    result: Result<Vec<SystemId>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let ids = match result {
        Ok(ids) => ids,
        Err(failure) => return session::failed(state, "sort", &failure, now),
    };
    let State {
        fleet,
        systems,
        pending,
        ..
    } = state;
    for list in [systems, pending] {
        if list.placed(sort, &ids) {
            list.rebuild(fleet);
        }
    }
    fetch::look_around(state, now);
    Vec::new()
}
