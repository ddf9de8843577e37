//! What to ask the server for, and when.

use super::call;
use crate::clock::Moment;
use crate::message::{Call, Effect, GroupCall};
use crate::model::{Page, State};
use scm_protocol::ids::SystemId;

/// Rows are fetched at most this often, in milliseconds.
const ROWS_MS: u64 = 500;
/// Details of what is shown are fetched at most this often after a change.
const DETAIL_MS: u64 = 500;
/// The cursor rests on a pending system this long before its card is fetched.
const CARD_MS: u64 = 120;
/// Charts are fetched anew this often while values change.
const HISTORY_MS: u64 = 15_000;
/// The dashboard is fetched at most this often.
const OVERVIEW_MS: u64 = 1_000;
/// Most ids of one request.
const MAX_IDS: usize = 100;

/// Reads the list from its beginning, in the background.
pub(super) fn read_list(state: &mut State) -> Vec<Effect> {
    state.fleet.begin();
    let list = call(
        state,
        Call::List {
            round: state.fleet.round,
            cursor: None,
        },
    );
    let mut effects = vec![list];
    effects.extend(super::upgrades::fetch_packages(state));
    effects
}

/// Values of these systems changed at the server.
pub(super) fn plan_rows(state: &mut State, now: Moment) {
    let at = state.rows_fetched.plus(ROWS_MS).max(now);
    state.timers.rows = Some(state.timers.rows.map_or(at, |other| other.min(at)));
}

/// Fetches what appeared or changed its status, and visible rows whose values changed.
pub(super) fn rows(state: &mut State, now: Moment) -> Vec<Effect> {
    let visible = state
        .list()
        .map(|list| list.visible().to_vec())
        .unwrap_or_default();
    let stale = |id: &SystemId| state.fleet.get(*id).is_some_and(|row| row.stale);
    let stale: Vec<SystemId> = visible.into_iter().filter(stale).collect();
    let mut ids = std::mem::take(&mut state.wanted);
    ids.extend(stale);
    if ids.is_empty() {
        return Vec::new();
    }
    state.rows_fetched = now;
    let ids: Vec<SystemId> = ids.into_iter().collect();
    ids.chunks(MAX_IDS)
        .map(|ids| call(state, Call::Rows(ids.to_vec())))
        .collect()
}

/// After the screen shows other rows: fetches those whose values are old.
pub(super) fn look_around(state: &mut State, now: Moment) {
    let stale = state.list().is_some_and(|list| {
        list.visible()
            .iter()
            .any(|id| state.fleet.get(*id).is_some_and(|row| row.stale))
    });
    if stale && !state.paused {
        plan_rows(state, now);
    }
    let card = match state.page {
        Page::Pending => state.pending.cursor(),
        _ => None,
    };
    if card.is_some_and(|id| !state.details.contains_key(&id)) {
        state.timers.detail = Some(now.plus(CARD_MS));
    }
}

/// Details of what is shown changed.
pub(super) fn plan_detail(state: &mut State, now: Moment) {
    if state.shown_system().is_some() {
        state.timers.detail.get_or_insert(now.plus(DETAIL_MS));
        if matches!(state.page, Page::System(_)) {
            state.timers.history.get_or_insert(now.plus(HISTORY_MS));
        }
    }
}

/// The dashboard changed.
pub(super) fn plan_overview(state: &mut State, now: Moment) {
    if state.page == Page::Dashboard {
        state.timers.overview.get_or_insert(now.plus(OVERVIEW_MS));
    }
}

/// Details of what is shown.
pub(super) fn detail(state: &State) -> Vec<Effect> {
    let Some(id) = state.shown_system() else {
        return Vec::new();
    };
    let mut effects = vec![call(state, Call::Detail(id))];
    if matches!(state.page, Page::System(_)) {
        effects.push(call(state, Call::Group(GroupCall::OfSystem(id))));
    }
    effects
}

/// The history of the system on the page.
pub(super) fn history(state: &State, now: Moment) -> Vec<Effect> {
    match (state.page, state.clock.at(now)) {
        (Page::System(id), Some(to)) => vec![call(
            state,
            Call::History {
                id,
                range: state.detail.range,
                to,
            },
        )],
        _ => Vec::new(),
    }
}

/// What a page needs when it is entered.
pub(super) fn page(state: &mut State) -> Vec<Effect> {
    match state.page {
        Page::Login | Page::Systems | Page::NewSystem => Vec::new(),
        Page::Dashboard => vec![call(state, Call::Overview)],
        Page::System(_) | Page::Pending => detail(state),
        Page::Audit => super::audit::fetch(state),
        Page::Groups => super::groups::fetch(state),
        Page::Tokens => super::tokens::fetch(state),
        Page::Jobs => super::jobs::fetch(state),
        Page::Job(_) => {
            let mut effects = super::jobs::fetch(state);
            effects.extend(super::job_pages::fetch_targets(state));
            effects
        }
        Page::Backups => super::backups::fetch(state),
        Page::Commands => super::commands::fetch(state),
        Page::Upgrades => super::upgrades::fetch(state),
        Page::Command(_) => {
            let mut effects = super::commands::fetch(state);
            effects.extend(super::commands::fetch_output(state));
            effects
        }
        Page::Settings => super::settings::fetch(state),
        Page::Access => super::access::fetch(state),
    }
}
