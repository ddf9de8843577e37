//! The two lists of a manual group; what was moved is sent as one request.

use super::groups::{self, ask};
use super::session;
use crate::clock::Moment;
use crate::keys::Key;
use crate::message::{Effect, Failure, GroupCall};
use crate::model::{GroupFront, Side, State, ToastKind, clean};
use scm_protocol::groups::MembersChanged;
use scm_protocol::ids::{GroupId, SystemId};

/// A key in the lists.
pub(super) fn key(state: &mut State, key: Key, now: Moment) -> Vec<Effect> {
    let obstacle = state.obstacle("groups.members.change");
    let page = usize::from(state.size.1.saturating_sub(7)).max(1);
    let State { groups, fleet, .. } = state;
    let Some(GroupFront::Members(lists)) = &mut groups.front else {
        return Vec::new();
    };
    if lists.filtering && !matches!(key, Key::Down | Key::Up) {
        match key {
            Key::Enter | Key::Esc | Key::Ctrl('c') => lists.filtering = false,
            key => drop(lists.filter.key(key)),
        }
        return Vec::new();
    }
    let systems = lists.systems(lists.side, fleet);
    let at = lists.position(lists.side, &systems);
    match key {
        Key::Esc | Key::Ctrl('c') | Key::Char('q') => return leave(state, now),
        _ if lists.saving => {}
        Key::Down | Key::Char('j') => lists.go(at + 1, &systems),
        Key::Up | Key::Char('k') => lists.go(at.saturating_sub(1), &systems),
        Key::PageDown | Key::Ctrl('d') => lists.go(at + page, &systems),
        Key::PageUp | Key::Ctrl('u') => lists.go(at.saturating_sub(page), &systems),
        Key::Home | Key::Char('g') => lists.go(0, &systems),
        Key::End | Key::Char('G') => lists.go(usize::MAX, &systems),
        Key::Tab | Key::BackTab | Key::Left | Key::Right | Key::Char('h' | 'l') => {
            lists.side = match lists.side {
                Side::Others => Side::Members,
                Side::Members => Side::Others,
            };
        }
        Key::Char('/') => {
            lists.side = Side::Others;
            lists.filtering = true;
        }
        Key::Char(' ') | Key::Enter => {
            if let Some(reason) = obstacle {
                lists.fault = Some(reason);
            } else if lists.is_read() {
                lists.fault = None;
                lists.transfer(fleet);
            }
        }
        Key::Char('W') => return save(state, now),
        _ => {}
    }
    Vec::new()
}

fn leave(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(GroupFront::Members(lists)) = &mut state.groups.front else {
        return Vec::new();
    };
    let changes = lists.changes();
    if changes == 0 || lists.leaving {
        state.groups.front = None;
    } else {
        lists.leaving = true;
        let text = format!("{changes} moves are not saved: W saves them, Esc again drops them");
        state.toast(ToastKind::Note, text, now);
    }
    Vec::new()
}

fn save(state: &mut State, now: Moment) -> Vec<Effect> {
    let Some(GroupFront::Members(lists)) = &mut state.groups.front else {
        return Vec::new();
    };
    let body = lists.change();
    if body.add.is_empty() && body.remove.is_empty() {
        state.toast(ToastKind::Note, "nothing was moved", now);
        return Vec::new();
    }
    lists.saving = true;
    let id = lists.group;
    vec![ask(state, GroupCall::ChangeMembers { id, body })]
}

/// The members were read.
pub(super) fn read(
    state: &mut State,
    id: GroupId,
    result: Result<Vec<SystemId>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let lists = match &mut state.groups.front {
        Some(GroupFront::Members(lists)) if lists.group == id => lists,
        _ => return Vec::new(),
    };
    match result {
        Ok(members) => {
            lists.read(members);
            Vec::new()
        }
        Err(failure) => {
            lists.fault = Some(failure.to_string());
            session::failed(state, "members", &failure, now)
        }
    }
}

/// What came of the request.
pub(super) fn changed(
    state: &mut State,
    id: GroupId,
    result: Result<MembersChanged, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let lists = match &mut state.groups.front {
        Some(GroupFront::Members(lists)) if lists.group == id => Some(lists),
        _ => None,
    };
    match (result, lists) {
        (Ok(changed), lists) => {
            let name = lists.map_or(String::new(), |lists| clean(&lists.name));
            let text = format!("{name}: {} joined, {} left", changed.added, changed.removed);
            state.groups.front = None;
            state.toast(ToastKind::Done, text, now);
            groups::fetch(state)
        }
        (Err(Failure::Unauthorized(reason)), _) => session::lost(state, &reason),
        (Err(failure), Some(lists)) => {
            lists.saving = false;
            lists.fault = Some(failure.to_string());
            Vec::new()
        }
        (Err(failure), None) => {
            state.toast(ToastKind::Error, format!("members: {failure}"), now);
            Vec::new()
        }
    }
}
