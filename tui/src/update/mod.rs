//! What happens: `(state, message, moment) → effects`, pure and synchronous.

mod access;
mod access_form;
mod annotations;
mod audit;
mod backups;
mod bulk;
mod changes;
mod columns;
mod commands;
mod fetch;
mod filter_line;
mod group_form;
mod groups;
mod job_pages;
mod jobs;
mod keys;
mod list_export;
mod lists;
mod login;
mod members;
mod navigate;
mod new_system;
mod palette;
mod questions;
mod replies;
mod rollout_form;
mod rule_editor;
mod run_form;
mod run_many;
mod saved_filters;
mod session;
mod settings;
mod signing;
mod sorting;
mod token_form;
mod token_secret;
mod tokens;
mod upgrades;
mod views;

use crate::clock::Moment;
use crate::message::{Call, Effect, Msg};
use crate::model::{Dirty, Link, Overlay, Page, State};
use crate::terminal::TerminalEvent;

pub use keys::acts_on_the_drawn_row;
pub use saved_filters::shared_obstacle as shared_filters_obstacle;
pub use session::start;

/// How long rows stay where they are after a key, in milliseconds.
pub const SETTLE_MS: u64 = 3_000;

/// Lines of a list page that are not rows: header, place, columns, hints.
pub const LIST_CHROME: u16 = 4;

/// Takes a message in.
pub fn update(state: &mut State, msg: Msg, now: Moment) -> Vec<Effect> {
    match msg {
        Msg::Terminal(event) => terminal(state, event, now),
        Msg::Reply { generation, reply } if generation == state.generation => {
            replies::reply(state, reply, now)
        }
        Msg::Reply { .. } => Vec::new(),
        Msg::Tick => tick(state, now),
    }
}

fn terminal(state: &mut State, event: TerminalEvent, now: Moment) -> Vec<Effect> {
    match event {
        TerminalEvent::Key(press) => {
            state.mark(Dirty::Key);
            keys::press(state, press, now)
        }
        TerminalEvent::Paste(text) => {
            if let Some(field) = session::typed_into(state) {
                field.paste(&text);
                state.mark(Dirty::Key);
                navigate::typed(state, now);
            }
            Vec::new()
        }
        TerminalEvent::Resize(columns, rows) => {
            resize(state, columns, rows);
            fetch::look_around(state, now);
            Vec::new()
        }
        TerminalEvent::Terminate => vec![Effect::Quit],
        TerminalEvent::Suspend => vec![Effect::Suspend],
    }
}

/// The screen has another size.
pub fn resize(state: &mut State, columns: u16, rows: u16) {
    state.size = (columns, rows);
    let height = usize::from(rows.saturating_sub(LIST_CHROME));
    state.systems.set_height(height);
    state.pending.set_height(height);
    // The last line tells the groups of the token under the cursor.
    state.tokens.set_height(height.saturating_sub(1));
    state.audit.set_height(height.saturating_sub(audit::CHROME));
    state.groups.set_height(height);
    state.access.set_height(height);
    state.jobs.list.set_height(height);
    state.backups.set_height(height);
    state.commands.list.set_height(height);
    state.upgrades.set_height(height);
    state.organization.set_height(height);
    state.mark(Dirty::Key);
}

/// When [`Msg::Tick`] is wanted next; none while nothing waits, so that an idle console sleeps.
pub fn deadline(state: &State) -> Option<Moment> {
    let timers = state.timers;
    let mut moments = vec![
        timers.rows,
        timers.overview,
        timers.detail,
        timers.history,
        timers.list,
        timers.preview,
        timers.filter,
        timers.countdown,
        settles_at(state),
    ];
    moments.extend(state.toasts.iter().map(|toast| Some(toast.until)));
    if let Link::Waiting { at, .. } = state.link {
        moments.push(Some(at));
    }
    moments.into_iter().flatten().min()
}

/// When rows that wait for the administrator to be idle may move.
fn settles_at(state: &State) -> Option<Moment> {
    let list = state.list()?;
    let busy = state.dialog.as_ref().is_some_and(|dialog| !dialog.hidden)
        || matches!(
            state.overlay,
            Some(Overlay::Menu(_) | Overlay::Palette(_) | Overlay::Subject(_) | Overlay::RunMany(_))
        )
        || list.anchor.is_some()
        || state.paused;
    ((list.waiting > 0 || list.unsorted) && !busy).then(|| list.touched.plus(SETTLE_MS))
}

fn tick(state: &mut State, now: Moment) -> Vec<Effect> {
    let due = |timer: &mut Option<Moment>| timer.take_if(|at| *at <= now).is_some();
    let before = state.toasts.len();
    state.toasts.retain(|toast| toast.until > now);
    if state.toasts.len() != before || due(&mut state.timers.countdown) {
        state.mark(Dirty::Data);
    }
    if settles_at(state).is_some_and(|at| at <= now) {
        lists::settle(state, now);
    }
    let mut effects = session::reconnect(state, now);
    if due(&mut state.timers.list) {
        effects.extend(fetch::read_list(state));
    }
    if due(&mut state.timers.rows) {
        effects.extend(fetch::rows(state, now));
    }
    if due(&mut state.timers.overview) && state.page == Page::Dashboard {
        effects.push(call(state, Call::Overview));
    }
    if due(&mut state.timers.detail) {
        effects.extend(fetch::detail(state));
    }
    if due(&mut state.timers.filter) {
        effects.extend(lists::ask_matching(state));
    }
    if due(&mut state.timers.preview) {
        effects.extend(rule_editor::ask_preview(state));
    }
    if due(&mut state.timers.history) {
        effects.extend(fetch::history(state, now));
    }
    session::plan_countdown(state, now);
    effects
}

/// A question of the present generation.
fn call(state: &State, call: Call) -> Effect {
    Effect::Call {
        generation: state.generation,
        call,
    }
}
