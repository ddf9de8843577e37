//! The lines that every page has: header, place, hints.

use super::{Canvas, FULL_HEIGHT, FULL_WIDTH, format};
use crate::keys::{Action, Scope, binding};
use crate::model::{Link, List, LoginStep, Overlay, Page, Phase, State, TokenFront};
use ratatui::layout::Rect;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;

/// Server, user, rights, fleet, connection and the server's time of what is shown.
pub(super) fn header(state: &State, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    let production = state.server().is_some_and(|context| context.production);
    let mut at = if production {
        canvas.put(
            row,
            0,
            0,
            &format!(" PROD {} ", state.server_name()),
            theme.production(),
        )
    } else {
        canvas.put(row, 0, 0, &state.server_name(), theme.title())
    };
    if let Some(session) = &state.session {
        let user = format!(
            "  {}({})",
            crate::model::clean(&session.username),
            session.role.as_str()
        );
        at = canvas.put(row, 0, at, &user, theme.accent());
    }
    let read_only = state.obstacle("systems.approve").is_some();
    if state.session.is_some() {
        at = if read_only {
            canvas.put(row, 0, at, "  RO", theme.warn())
        } else {
            canvas.put(row, 0, at, "  RW", theme.good())
        };
        let total = if state.fleet.complete {
            state.fleet.len()
        } else {
            usize::try_from(state.fleet.total).unwrap_or(0)
        };
        at = canvas.put(
            row,
            0,
            at,
            &format!("   {}", format::systems(total)),
            theme.title(),
        );
        let pending = state.fleet.pending();
        if pending > 0 {
            let pending = format::count(i64::try_from(pending).unwrap_or(i64::MAX));
            at = canvas.put(row, 0, at, &format!("  {pending} pending"), theme.warn());
        }
    }
    let time = state.shown_at.map(format::clock).unwrap_or_default();
    let (word, style) = link(state, theme);
    // The time gives way first, then what stands before: the state of the connection is always seen.
    let needed = |time: &str| word.len() + time.len() + 5;
    let free = usize::from(row.width.saturating_sub(at));
    let time = if free >= needed(&time) {
        format!("   {time}")
    } else {
        String::new()
    };
    let width = u16::try_from(word.len() + time.len() + 2).unwrap_or(u16::MAX);
    let column = row.width.saturating_sub(width);
    let column = canvas.put(row, 0, column, &format!("  {word}"), style);
    canvas.put(row, 0, column, &time, theme.dim());
}

fn link(state: &State, theme: super::Theme) -> (String, ratatui::style::Style) {
    match &state.link {
        _ if state.paused => ("PAUSED".to_owned(), theme.warn()),
        Link::Idle => (String::new(), theme.dim()),
        Link::Connecting { failures: 0 } => ("connecting".to_owned(), theme.accent()),
        Link::Connecting { .. } => ("reconnecting".to_owned(), theme.warn()),
        Link::Live => ("live".to_owned(), theme.good()),
        Link::Waiting { at, .. } => {
            let since = state.timers.countdown.unwrap_or(*at);
            let secs = (at.since(since) + 1_000).div_ceil(1_000);
            (format!("reconnecting {secs} s"), theme.warn())
        }
    }
}

/// Where the administrator is, with the filter and how much of the list it shows.
pub(super) fn place(state: &State, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    if row.width < FULL_WIDTH || state.size.1 < FULL_HEIGHT {
        let column = canvas.put(row, 0, 0, &title(state), theme.title());
        canvas.put(row, 0, column, "  small: 80x24 shows all", theme.dim());
        if let Some(list) = state.list() {
            filter(list, canvas, row);
        }
        return;
    }
    canvas.put(row, 0, 0, &title(state), theme.title());
    if state.page == Page::Tokens {
        tokens_place(state, canvas, row);
        return;
    }
    let Some(list) = state.list() else { return };
    filter(list, canvas, row);
    let mut parts = Vec::new();
    if list.waiting > 0 {
        parts.push(format!("+{} new", list.waiting));
    }
    if list.anchor.is_some() {
        parts.push(format!("range of {}", list.range().len()));
    }
    if !list.marks.is_empty() {
        let only = if list.marked_only { " only" } else { "" };
        parts.push(format!("{} marked{only}", list.marks.len()));
    }
    let of = |number: usize| format::count(i64::try_from(number).unwrap_or(i64::MAX));
    let known = match list.scope {
        crate::model::ListScope::All => state.fleet.len(),
        crate::model::ListScope::Pending => state.fleet.pending(),
    };
    let decided = match list.scope {
        crate::model::ListScope::All => 0,
        crate::model::ListScope::Pending => decided(state, list),
    };
    if decided > 0 {
        parts.push(format!("{} decided", of(decided)));
    }
    parts.push(format!(
        "{} of {}",
        of(list.len().saturating_sub(decided)),
        of(known)
    ));
    canvas.put_right(row, 0, &parts.join("  "), theme.dim());
}

/// How many rows of the pending page stand there although they wait no more: rows do not move while somebody works.
fn decided(state: &State, list: &List) -> usize {
    let waits = |id: &SystemId| {
        state
            .fleet
            .get(*id)
            .is_some_and(|row| row.status == SystemStatus::Pending)
    };
    list.all().iter().filter(|id| !waits(id)).count()
}

/// How many tokens there are, and what is forbidden.
fn tokens_place(state: &State, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    let number = i64::try_from(state.tokens.items().len()).unwrap_or(i64::MAX);
    let column = canvas.put_right(row, 0, &format::count(number), theme.dim());
    if let Some(reason) = crate::pages::tokens::forbidden(state) {
        let width = u16::try_from(reason.len()).unwrap_or(u16::MAX);
        canvas.put(row, 0, column.saturating_sub(width + 3), &reason, theme.warn());
    }
}

fn title(state: &State) -> String {
    match state.page {
        Page::Login => "Login".to_owned(),
        Page::Dashboard => "Dashboard".to_owned(),
        Page::Systems => "Systems".to_owned(),
        Page::Pending => "Pending".to_owned(),
        Page::Audit => "Audit".to_owned(),
        Page::Tokens => "Enrollment tokens".to_owned(),
        Page::System(id) => {
            let name = state
                .fleet
                .get(id)
                .map_or_else(|| format!("system {id}"), |row| row.hostname.to_string());
            format!("Systems > {name}")
        }
    }
}

/// Column at which the filter's text begins.
const FILTER_COLUMN: u16 = 10;
/// Columns of the filter's text.
const FILTER_WIDTH: u16 = 34;

fn filter(list: &List, canvas: &mut Canvas<'_>, row: Rect) {
    if !list.filtering && list.filter.text().is_empty() {
        return;
    }
    let theme = canvas.theme;
    let at = canvas.put(row, 0, FILTER_COLUMN, "/", theme.warn());
    let style = if list.filtering {
        theme.title()
    } else {
        theme.accent()
    };
    let field = Rect {
        width: row.width.min(FILTER_COLUMN + 1 + FILTER_WIDTH),
        ..row
    };
    let scroll = list.filter.scroll(usize::from(FILTER_WIDTH - 1));
    let shown: String = list.filter.text().chars().skip(scroll).collect();
    canvas.put(
        field,
        0,
        at,
        &super::text::fit(&shown, usize::from(FILTER_WIDTH), ""),
        style,
    );
}

/// Where the cursor stands in the filter.
pub(super) fn filter_cursor(list: &List, row: Rect) -> Option<(u16, u16)> {
    let scroll = list.filter.scroll(usize::from(FILTER_WIDTH - 1));
    let column = u16::try_from(list.filter.column().saturating_sub(scroll)).ok()?;
    Some((row.x + FILTER_COLUMN + 1 + column, row.y))
}

/// The newest message, or the keys that matter now.
pub(super) fn hints(state: &State, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    if let Some(toast) = state.toasts.last() {
        let undo = if toast.undo.is_some() {
            "  (u takes it back)"
        } else {
            ""
        };
        let text = format!("{}{undo}", toast.text);
        let text = super::text::cut(&text, usize::from(row.width), theme.ellipsis());
        canvas.put(row, 0, 0, &text, theme.toast(toast.kind));
        return;
    }
    if let Some(dialog) = state.dialog.as_ref().filter(|dialog| dialog.hidden) {
        let (done, failed) = dialog.counts();
        let text = format!(
            "{}: {} of {} done",
            dialog.change.verb(),
            done + failed,
            dialog.targets.len()
        );
        canvas.put_right(row, 0, &text, theme.accent());
    }
    let mut column = 0;
    for (keys, name) in keys_that_matter(state) {
        if column > 0 {
            column = canvas.put(row, 0, column, "  ", theme.dim());
        }
        column = canvas.put(row, 0, column, &keys, theme.title());
        column = canvas.put(row, 0, column, &format!(" {name}"), theme.dim());
    }
}

fn keys_that_matter(state: &State) -> Vec<(String, String)> {
    let fixed = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(key, name)| ((*key).to_owned(), (*name).to_owned()))
            .collect::<Vec<_>>()
    };
    if let Some(front) = state.token_front() {
        return fixed(token_front_keys(front));
    }
    if let Some(dialog) = state.dialog.as_ref().filter(|dialog| !dialog.hidden) {
        return match &dialog.phase {
            Phase::Gathering { .. } => fixed(&[("Esc", "cancel")]),
            Phase::Asking { typed: Some(_), .. } => {
                fixed(&[("Enter", "confirm what was typed"), ("Esc", "cancel")])
            }
            Phase::Asking { .. } => {
                fixed(&[("Tab", "other button"), ("Enter", "press it"), ("Esc", "cancel")])
            }
            Phase::Running { .. } => fixed(&[("Esc", "goes on behind"), ("j k", "scroll")]),
            Phase::Finished => fixed(&[("Enter", "close"), ("j k", "scroll")]),
        };
    }
    match (&state.overlay, state.page) {
        (Some(Overlay::Menu(_)), _) => {
            fixed(&[("j k", "choose"), ("Enter", "or its letter"), ("Esc", "close")])
        }
        (Some(Overlay::Palette(_)), _) => fixed(&[("Down Up", "choose"), ("Enter", "go"), ("Esc", "close")]),
        (Some(Overlay::Servers(_)), _) => fixed(&[("j k", "choose"), ("Enter", "connect"), ("Esc", "close")]),
        (Some(_), _) => fixed(&[("j k PgDn PgUp", "scroll"), ("Esc", "close")]),
        (None, Page::Login) if state.login.step == LoginStep::Connecting => {
            let again: &[_] = if state.login.busy {
                &[]
            } else {
                &[("Enter", "try again")]
            };
            fixed(&[again, &[("@", "other server"), ("q", "quit")]].concat())
        }
        (None, Page::Login) => fixed(&[("Tab", "next field"), ("Enter", "go on"), ("Ctrl-C", "quit")]),
        (None, Page::Systems | Page::Pending) if state.list().is_some_and(|list| list.filtering) => {
            fixed(&[("Enter", "keep"), ("Ctrl-U", "empty"), ("Down Up", "move")])
        }
        (None, page) => {
            let (actions, scope) = page_keys(page);
            listed(actions, scope)
        }
    }
}

/// Actions that matter on a page, and where most of them are bound.
fn page_keys(page: Page) -> (&'static [Action], Scope) {
    match page {
        Page::Login => (&[], Scope::Global),
        Page::Dashboard => (
            &[
                Action::GoSystems,
                Action::GoPending,
                Action::GoAudit,
                Action::GoTokens,
                Action::Palette,
                Action::Servers,
                Action::Help,
                Action::Quit,
            ],
            Scope::Global,
        ),
        Page::Systems | Page::Pending => (
            &[
                Action::Open,
                Action::Actions,
                Action::Filter,
                Action::Mark,
                Action::Range,
                Action::MarkAll,
                Action::Sort,
                Action::Help,
                Action::Back,
            ],
            Scope::List,
        ),
        Page::System(_) => (
            &[
                Action::Actions,
                Action::Hour,
                Action::Day,
                Action::Week,
                Action::Copy,
                Action::Help,
                Action::Back,
            ],
            Scope::Detail,
        ),
        Page::Tokens => (
            &[
                Action::NewToken,
                Action::DisableToken,
                Action::EnableToken,
                Action::DeleteToken,
                Action::Help,
                Action::Back,
            ],
            Scope::Tokens,
        ),
        Page::Audit => (
            &[
                Action::Down,
                Action::Up,
                Action::PageDown,
                Action::Help,
                Action::Back,
            ],
            Scope::Scroll,
        ),
    }
}

fn token_front_keys(front: TokenFront) -> &'static [(&'static str, &'static str)] {
    match front {
        TokenFront::Secret => &[
            ("y", "copy"),
            ("w", "write to a file"),
            ("Space", "tick"),
            ("Enter", "done"),
        ],
        TokenFront::Question => &[("Enter", "confirm what was typed"), ("Esc", "cancel")],
        TokenFront::Form => &[
            ("Tab", "next field"),
            ("Enter", "go on"),
            ("Esc", "close, keeping what is typed"),
        ],
    }
}

/// Keys and names from the table, those of `scope` first.
fn listed(actions: &[Action], scope: Scope) -> Vec<(String, String)> {
    let line = |action: &Action| {
        crate::keys::BINDINGS
            .iter()
            .find(|line| line.action == *action && line.scope == scope)
            .or_else(|| binding(*action))
    };
    actions
        .iter()
        .filter_map(line)
        .filter_map(|line| {
            line.keys
                .first()
                .map(|key| (key.to_string(), line.name.to_owned()))
        })
        .collect()
}
