//! Keys while a filter is typed: text, what is offered at the cursor, what was used before.

use super::{lists, views};
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::Effect;
use crate::model::{Offer, Page, State};

/// The filter of the list gets the keys.
pub(super) fn begin(state: &mut State) {
    if let Some(list) = state.list_mut() {
        list.filtering = true;
        list.offer = Offer::default();
    }
}

/// A key in the filter.
pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let Some(list) = state.list_mut() else {
        return Vec::new();
    };
    let offer = &mut list.offer;
    match key {
        Key::Esc | Key::Ctrl('c') if offer.is_chosen() => *offer = Offer::default(),
        Key::Enter if offer.is_chosen() => take(state, now),
        Key::Enter | Key::Esc | Key::Ctrl('c') => {
            end(state);
            lists::filter_changed(state, now);
            return views::remember(state);
        }
        Key::Tab if offer.is_shown() => take(state, now),
        Key::Tab => {
            refresh(state);
            if let Some(list) = state.list_mut() {
                list.offer.open();
            }
        }
        Key::Down | Key::BackTab | Key::Up if offer.is_shown() => offer.step(key == Key::Down),
        Key::Down => list.go(list.position() + 1),
        Key::Up => list.go(list.position().saturating_sub(1)),
        Key::Ctrl('p') => recall(state, true, now),
        Key::Ctrl('n') => recall(state, false, now),
        key => {
            if list.filter.key(key) {
                state.views.history.typed();
                changed(state, now);
            }
        }
    }
    Vec::new()
}

/// The filter is another: what matches and what is offered follows.
pub(super) fn changed(state: &mut State, now: Moment) {
    refresh(state);
    lists::filter_changed(state, now);
}

fn refresh(state: &mut State) {
    let State {
        systems,
        pending,
        views,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    list.offer = Offer::at(&list.filter, &views.fields);
}

/// Puts what is offered into the filter.
fn take(state: &mut State, now: Moment) {
    let Some(list) = state.list_mut() else { return };
    let offer = std::mem::take(&mut list.offer);
    if offer.take(&mut list.filter) {
        changed(state, now);
    }
}

/// The filter stays as it is, and the list gets the keys.
pub(super) fn end(state: &mut State) {
    let Some(list) = state.list_mut() else { return };
    list.filtering = false;
    list.offer = Offer::default();
    // What cannot be read was never used.
    if list.filter_error.is_none() {
        let text = list.filter.text().to_owned();
        state.views.history.used(&text);
    }
}

fn recall(state: &mut State, older: bool, now: Moment) {
    let State {
        systems,
        pending,
        views,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    if let Some(text) = views.history.recall(older, list.filter.text()) {
        list.filter = crate::model::TextField::new(&text);
        list.offer = Offer::default();
        lists::filter_changed(state, now);
    }
}
