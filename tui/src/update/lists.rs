//! Keys and data of the lists of systems.

use super::{bulk, fetch, navigate};
use crate::clock::Moment;
use crate::keys::Action;
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{Dirty, List, ListScope, Overlay, Page, Sort, State, ToastKind};
use scm_protocol::ids::SystemId;
use std::collections::HashSet;

/// How long a filter rests before the server is asked about it, in milliseconds.
const FILTER_MS: u64 = 150;

/// Systems appeared, or others may have to move. Rows stay where they are until the administrator is idle.
pub(super) fn appeared(state: &mut State, added: &[SystemId], moved: bool) {
    let State {
        fleet,
        systems,
        pending,
        ..
    } = state;
    for list in [systems, pending] {
        if !fleet.complete
            && fleet.is_reading()
            && list.scope == ListScope::All
            && list.sort() == Sort::default()
        {
            list.append(fleet, added);
            continue;
        }
        let order = list.order();
        let new = added
            .iter()
            .filter(|id| fleet.get(**id).is_some_and(|row| order.takes(row)))
            .count();
        list.waiting += new;
        list.unsorted |= moved || list.sort() != Sort::default();
        if list.is_empty() && (new > 0 || moved) {
            // Nothing can move away from under the cursor.
            list.rebuild(fleet);
        }
    }
    state.mark(Dirty::Data);
}

/// Systems are gone.
pub(super) fn vanished(state: &mut State, ids: &[SystemId]) {
    let gone: HashSet<SystemId> = state.fleet.remove(ids);
    if gone.is_empty() {
        return;
    }
    state.systems.remove(&gone);
    state.pending.remove(&gone);
    gone.iter().for_each(|id| drop(state.details.remove(id)));
    if matches!(state.page, Page::System(id) if gone.contains(&id)) {
        state.detail.gone = true;
    }
    state.mark(Dirty::Data);
}

/// Puts both lists in order.
pub(super) fn rebuild_all(state: &mut State) {
    for list in [&mut state.systems, &mut state.pending] {
        if !list.rebuild(&state.fleet) {
            list.disarmed = true;
        }
    }
    state.mark(Dirty::Data);
}

/// The administrator was idle: rows that waited take their places.
pub(super) fn settle(state: &mut State, now: Moment) {
    rebuild_all(state);
    if let Some(list) = state.list_mut() {
        list.touched = now;
    }
    fetch::look_around(state, now);
}

/// What would act on the row under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(
        action,
        Action::Actions | Action::Open | Action::Mark | Action::Range | Action::Copy | Action::MarkAll
    )
}

/// A key on a list.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let Some(list) = state.list_mut() else {
        return Vec::new();
    };
    list.touched = now;
    let disarmed = std::mem::take(&mut list.disarmed) || list.drawn != list.cursor();
    if disarmed && acts(action) {
        state.toast(
            ToastKind::Note,
            "the row under the cursor changed: look again, then press the key again",
            now,
        );
        return Vec::new();
    }
    // What is shown is not what was asked for.
    let unreadable = list.filter_error.as_ref().map(ToString::to_string);
    if let Some(error) = unreadable.filter(|_| matches!(action, Action::MarkAll | Action::ExportList)) {
        state.toast(
            ToastKind::Error,
            format!("the filter cannot be read: {error}"),
            now,
        );
        return Vec::new();
    }
    match action {
        Action::Open => return open(state, now),
        Action::Actions => {
            list.commit_range();
            let (targets, whole) = (list.targets(), list.whole().cloned());
            return super::changes::open_menu(state, targets, whole, now);
        }
        Action::Copy => return copy(state, now),
        Action::MarkAll => bulk::select(state, now),
        Action::Resort => {
            let settled = list.marked_only && list.marks.is_empty();
            list.marked_only &= !settled;
            settle(state, now);
            return super::sorting::ask_again(state);
        }
        Action::Sort => super::sorting::open(state),
        Action::Columns => state.overlay = Some(Overlay::Columns(0)),
        Action::SavedFilters => return super::saved_filters::open(state),
        Action::ExportList => super::list_export::open(state, now),
        Action::Filter => super::filter_line::begin(state),
        _ => place(state, action),
    }
    fetch::look_around(state, now);
    Vec::new()
}

fn place(state: &mut State, action: Action) {
    let State {
        fleet,
        systems,
        pending,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    let (at, step) = (list.position(), list.height().saturating_sub(1).max(1));
    match action {
        Action::Down => list.go(at + 1),
        Action::Up => list.go(at.saturating_sub(1)),
        Action::PageDown => list.go(at + step),
        Action::PageUp => list.go(at.saturating_sub(step)),
        Action::Top => list.go(0),
        Action::Bottom => list.go(usize::MAX - 1),
        Action::Mark => {
            list.dissolve();
            list.toggle_mark();
            list.go(at + 1);
        }
        Action::Range if list.anchor.is_some() => list.commit_range(),
        Action::Range => {
            list.dissolve();
            list.anchor = list.cursor();
        }
        Action::ClearMarks => {
            list.clear_marks();
            if list.marked_only {
                list.marked_only = false;
                list.rebuild(fleet);
            }
        }
        Action::MarkedOnly => marked_only(list, fleet),
        _ => {}
    }
}

fn marked_only(list: &mut List, fleet: &crate::model::Fleet) {
    if list.marks.is_empty() && !list.marked_only {
        return;
    }
    list.marked_only = !list.marked_only;
    list.rebuild(fleet);
}

/// The filter was typed into: what matches is shown at once.
pub(super) fn filter_changed(state: &mut State, now: Moment) {
    let State {
        fleet,
        systems,
        pending,
        page,
        ..
    } = state;
    let list = if *page == Page::Pending { pending } else { systems };
    list.touched = now;
    list.rebuild(fleet);
    plan_question(state, now);
    fetch::look_around(state, now);
}

/// A filter that rows cannot be asked about is for the server, when it has rested.
pub(super) fn plan_question(state: &mut State, now: Moment) {
    if state.systems.has_question() || state.pending.has_question() {
        state.timers.filter = Some(now.plus(FILTER_MS));
    }
}

/// The filter has rested.
pub(super) fn ask_matching(state: &mut State) -> Vec<Effect> {
    let questions = [state.systems.question(), state.pending.question()];
    let asked = questions.into_iter().flatten();
    asked
        .map(|text| super::groups::ask(state, GroupCall::Matching(text)))
        .collect()
}

/// What the server says that a filter takes.
pub(super) fn matching(
    state: &mut State,
    text: &str,
    result: Result<Vec<SystemId>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let State {
        fleet,
        systems,
        pending,
        ..
    } = state;
    match result {
        Ok(ids) => {
            let ids: HashSet<SystemId> = ids.into_iter().collect();
            for list in [systems, pending] {
                if list.answered(text, ids.clone()) {
                    list.rebuild(fleet);
                }
            }
            fetch::look_around(state, now);
            Vec::new()
        }
        Err(failure) => super::session::failed(state, "filter", &failure, now),
    }
}

fn open(state: &mut State, now: Moment) -> Vec<Effect> {
    match state.list().and_then(List::cursor) {
        Some(id) => navigate::open_system(state, id, now),
        None => Vec::new(),
    }
}

fn copy(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(list) = state.list() else {
        return Vec::new();
    };
    let targets = list.targets();
    let names: Vec<&str> = targets
        .iter()
        .filter_map(|id| state.fleet.get(*id))
        .map(|row| row.hostname.as_ref())
        .collect();
    let (count, text) = (names.len(), names.join("\n"));
    if count == 0 {
        return Vec::new();
    }
    let what = if count == 1 {
        text.clone()
    } else {
        format!("{count} host names")
    };
    state.toast(ToastKind::Done, format!("copied {what}"), now);
    vec![Effect::Copy(text.into())]
}
