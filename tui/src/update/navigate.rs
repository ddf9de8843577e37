//! From page to page, and what lies over pages.

use super::{call, fetch, palette, replies, session};
use crate::clock::Moment;
use crate::keys::{Action, Key};
use crate::message::{Call, Effect};
use crate::model::{DetailView, Overlay, Page, State, ToastKind};
use scm_protocol::ids::SystemId;

/// Goes to a page of the first level.
pub(super) fn go(state: &mut State, page: Page, now: Moment) -> Vec<Effect> {
    let guarded = match page {
        Page::Audit => Some(("audit", "audit.list")),
        Page::Tokens => Some(("tokens", "enrollment.tokens.list")),
        Page::Jobs => Some(("jobs", "jobs.list")),
        Page::Backups => Some(("backups", "backups.list")),
        Page::Commands => Some(("commands", "commands.list")),
        Page::Upgrades => Some(("upgrades", "upgrades.list")),
        _ => None,
    };
    if let Some((name, route)) = guarded
        && let Some(obstacle) = state.obstacle(route)
    {
        state.toast(ToastKind::Error, format!("{name}: {obstacle}"), now);
        return Vec::new();
    }
    state.back = if page == Page::Dashboard {
        Vec::new()
    } else {
        vec![Page::Dashboard]
    };
    enter(state, page, now)
}

/// Goes to the page of a new system; Esc comes back to where it was asked for.
fn new_system(state: &mut State, now: Moment) -> Vec<Effect> {
    if let Some(obstacle) = state.obstacle(super::new_system::ROUTE) {
        state.toast(ToastKind::Error, format!("new system: {obstacle}"), now);
        return Vec::new();
    }
    if state.page != Page::NewSystem {
        state.back.push(state.page);
    }
    enter(state, Page::NewSystem, now)
}

fn enter(state: &mut State, page: Page, now: Moment) -> Vec<Effect> {
    state.page = page;
    state.overlay = None;
    fetch::look_around(state, now);
    fetch::page(state)
}

/// A page behind the present one.
pub(super) fn into(state: &mut State, page: Page, now: Moment) -> Vec<Effect> {
    state.back.push(state.page);
    enter(state, page, now)
}

/// Opens a system's own page.
pub(super) fn open_system(state: &mut State, id: SystemId, now: Moment) -> Vec<Effect> {
    if state.page != Page::System(id) {
        if !matches!(state.page, Page::System(_)) {
            state.back.push(state.page);
        }
        state.detail = DetailView {
            range: state.detail.range,
            ..DetailView::default()
        };
    }
    let mut effects = enter(state, Page::System(id), now);
    effects.extend(fetch::history(state, now));
    effects
}

/// Closes what is open, the innermost first; answers whether something was.
pub(super) fn close(state: &mut State) -> bool {
    if state.overlay.take().is_some() {
        return true;
    }
    if let Some(list) = state.list_mut() {
        if list.filtering {
            super::filter_line::end(state);
            return true;
        }
        if list.anchor.take().is_some() {
            return true;
        }
    }
    false
}

/// One page back; answers none when there is nothing behind.
pub(super) fn back(state: &mut State, now: Moment) -> Option<Vec<Effect>> {
    let page = state.back.pop()?;
    Some(enter(state, page, now))
}

/// What holds on every page.
pub(super) fn global(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    match action {
        Action::GoDashboard => return go(state, Page::Dashboard, now),
        Action::GoSystems => return go(state, Page::Systems, now),
        Action::GoPending => return go(state, Page::Pending, now),
        Action::GoAudit => return go(state, Page::Audit, now),
        Action::GoTokens => return go(state, Page::Tokens, now),
        Action::GoNewSystem => return new_system(state, now),
        Action::GoGroups => return go(state, Page::Groups, now),
        Action::GoAccess => return go(state, Page::Access, now),
        Action::OwnPassword | Action::OwnSecondFactor => return super::access_form::own(state, action, now),
        Action::GoJobs => return go(state, Page::Jobs, now),
        Action::GoBackups => return go(state, Page::Backups, now),
        Action::GoCommands => return go(state, Page::Commands, now),
        Action::GoUpgrades => return go(state, Page::Upgrades, now),
        Action::GoSettings => return go(state, Page::Settings, now),
        Action::Palette => palette::open(state),
        Action::Help => state.overlay = Some(Overlay::Help(0)),
        Action::Servers => state.overlay = Some(Overlay::Servers(state.context)),
        Action::Log => {
            state.overlay = Some(Overlay::Log { lines: None, back: 0 });
            return vec![call(state, Call::ReadLog)];
        }
        Action::Logout => return session::logout(state),
        Action::Pause => return pause(state, now),
        Action::Undo => return super::changes::undo(state, now),
        Action::Refetch => {
            state.toast(ToastKind::Note, "reading everything again", now);
            return replies::reread(state, now);
        }
        Action::Repaint => return vec![Effect::Repaint],
        Action::Suspend => return vec![Effect::Suspend],
        Action::Back if !close(state) => return back(state, now).unwrap_or_default(),
        Action::Quit if !close(state) => return back(state, now).unwrap_or_else(|| vec![Effect::Quit]),
        Action::Cancel if !close(state) => return vec![Effect::Quit],
        _ => {}
    }
    Vec::new()
}

fn pause(state: &mut State, now: Moment) -> Vec<Effect> {
    state.paused = !state.paused;
    if state.paused {
        Vec::new()
    } else {
        replies::reread(state, now)
    }
}

/// A key in help, log or the server picker.
pub(super) fn overlay_key(state: &mut State, key: Key) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(4)).max(1);
    let contexts = state.contexts.len();
    let step = |at: usize, key: Key| match key {
        Key::Down | Key::Char('j') => at + 1,
        Key::Up | Key::Char('k') => at.saturating_sub(1),
        Key::PageDown | Key::Char(' ') | Key::Ctrl('d') => at + page,
        Key::PageUp | Key::Ctrl('u') => at.saturating_sub(page),
        Key::Home | Key::Char('g') => 0,
        Key::End | Key::Char('G') => usize::MAX / 2,
        _ => at,
    };
    let help_lines = match &state.overlay {
        Some(Overlay::Help(_)) => crate::pages::help::count(state),
        _ => 0,
    };
    match &mut state.overlay {
        Some(Overlay::Help(scroll)) => *scroll = step(*scroll, key).min(help_lines.saturating_sub(page)),
        Some(Overlay::Log { lines, back }) => {
            let most = lines.as_ref().map_or(0, Vec::len).saturating_sub(page);
            // The end is where a log is read first: distances count from there.
            let from_top = most.saturating_sub(*back);
            *back = most.saturating_sub(step(from_top, key).min(most));
        }
        Some(Overlay::Servers(cursor)) if key == Key::Enter => {
            let chosen = *cursor;
            state.overlay = None;
            return session::switch(state, chosen);
        }
        Some(Overlay::Servers(cursor)) => *cursor = step(*cursor, key).min(contexts.saturating_sub(1)),
        _ => {}
    }
    Vec::new()
}

/// Something was pasted: what depends on the text follows.
pub(super) fn typed(state: &mut State, now: Moment) {
    if matches!(state.overlay, Some(Overlay::Palette(_))) {
        palette::refresh(state);
        return;
    }
    if matches!(state.page, Page::Systems | Page::Pending) {
        super::filter_line::changed(state, now);
    }
}

/// A key on a page that only scrolls, or on a system's page.
pub(super) fn scroll(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if state.page == Page::Access {
        super::access::scroll(state, action);
        return Vec::new();
    }
    if state.page == Page::Tokens {
        super::tokens::scroll(state, action);
        return Vec::new();
    }
    if state.page == Page::Groups {
        super::groups::scroll(state, action);
        return Vec::new();
    }
    if matches!(state.page, Page::Jobs | Page::Job(_)) {
        return super::job_pages::scroll(state, action);
    }
    if state.page == Page::Backups {
        super::backups::scroll(state, action);
        return Vec::new();
    }
    if matches!(state.page, Page::Commands | Page::Command(_)) {
        return super::commands::scroll(state, action);
    }
    if state.page == Page::Upgrades {
        return super::upgrades::scroll(state, action);
    }
    if state.page == Page::Settings {
        super::settings::scroll(state, action);
        return Vec::new();
    }
    if state.page == Page::Audit {
        return super::audit::scroll(state, action);
    }
    let height = crate::pages::system::height(state);
    let lines = match state.page {
        Page::System(_) => crate::pages::system::lines(state),
        _ => 0,
    };
    let most = lines.saturating_sub(height);
    // A line of the page before stays, so that one finds one's place.
    let step = height.saturating_sub(1).max(1);
    let at = &mut state.detail.scroll;
    // The page may have become shorter since.
    let from = (*at).min(most);
    *at = match action {
        Action::Down => from + 1,
        Action::Up => from.saturating_sub(1),
        Action::PageDown => from + step,
        Action::PageUp => from.saturating_sub(step),
        Action::Top => 0,
        Action::Bottom => most,
        _ => from,
    }
    .min(most);
    fetch::look_around(state, now);
    Vec::new()
}
