//! The lines that every page begins with: header and place.

use super::{Canvas, FULL_HEIGHT, FULL_WIDTH, format};
use crate::model::{Link, List, Page, Sort, State};
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
        // The stream may look well while the server does not answer.
        Link::Live if state.late > 0 => ("no answer yet".to_owned(), theme.warn()),
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
        match state.list() {
            // Both do not fit.
            Some(list) if list.filtering || !list.filter.text().is_empty() => {
                super::filter_line::draw(state, list, canvas, row);
            }
            _ => drop(canvas.put(row, 0, column, "  small: 80x24 shows all", theme.dim())),
        }
        return;
    }
    canvas.put(row, 0, 0, &title(state), theme.title());
    if let Page::System(_) = state.page
        && let Some(part) = crate::pages::system::part(state)
    {
        canvas.put_right(row, 0, &part, theme.dim());
    }
    let plain = match state.page {
        Page::Tokens => Some((state.tokens.items().len(), crate::pages::tokens::forbidden(state))),
        Page::Groups => Some((state.groups.items().len(), crate::pages::groups::forbidden(state))),
        Page::Access => Some((
            state.access.list(state.access.tab).items().len(),
            crate::pages::access::forbidden(state),
        )),
        Page::Jobs => Some((
            state.jobs.list.items().len(),
            state
                .obstacle("jobs.cancel")
                .map(|reason| format!("x r: {reason}")),
        )),
        Page::Backups => Some((
            state.backups.items().len(),
            state
                .obstacle("backups.create")
                .map(|reason| format!("n: {reason}")),
        )),
        Page::Commands => Some((
            state.commands.list.items().len(),
            state
                .obstacle("commands.cancel")
                .map(|reason| format!("x: {reason}")),
        )),
        Page::Upgrades => Some((
            state.upgrades.len(),
            state
                .obstacle("rollouts.create")
                .map(|reason| format!("n a h r x: {reason}")),
        )),
        Page::Settings => Some((
            state.organization.items().len(),
            crate::pages::settings::forbidden(state),
        )),
        _ => None,
    };
    if let Some((number, forbidden)) = plain {
        plain_place(number, forbidden, canvas, row);
        return;
    }
    let Some(list) = state.list() else { return };
    super::filter_line::draw(state, list, canvas, row);
    canvas.put_right(row, 0, &numbers(state, list), theme.dim());
}

/// What is marked, how the list is sorted where no column says it, and how much of it is shown.
pub(super) fn numbers(state: &State, list: &List) -> String {
    let mut parts = Vec::new();
    let sort = list.sort();
    if sort != Sort::default() && !crate::pages::systems::shows_order(state, sort) {
        parts.push(format!(
            "by {}{}",
            sort.by.name(),
            super::Theme::new(state.settings).arrow(sort.descending)
        ));
    }
    if list.waiting > 0 {
        parts.push(format!("+{} new", list.waiting));
    }
    if list.anchor.is_some() {
        parts.push(format!("range of {}", list.range().len()));
    }
    if list.whole().is_some() {
        parts.push("all selected".to_owned());
    } else if !list.marks.is_empty() {
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
    parts.join("  ")
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

/// How many lines a list without filter has, and what is forbidden.
fn plain_place(number: usize, forbidden: Option<String>, canvas: &mut Canvas<'_>, row: Rect) {
    let theme = canvas.theme;
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    let column = canvas.put_right(row, 0, &format::count(number), theme.dim());
    if let Some(reason) = forbidden {
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
        Page::Groups => "Groups".to_owned(),
        Page::Jobs => "Jobs".to_owned(),
        Page::Job(id) => format!("Jobs > job {id}"),
        Page::Backups => "Backups".to_owned(),
        Page::Commands => "Commands".to_owned(),
        Page::Command(id) => format!("Commands > command {id}"),
        Page::Upgrades => "Upgrades".to_owned(),
        Page::Settings => "Settings".to_owned(),
        Page::NewSystem => "New system".to_owned(),
        Page::Access => "Access".to_owned(),
        Page::System(id) => {
            let name = state
                .fleet
                .get(id)
                .map_or_else(|| format!("system {id}"), |row| row.hostname.to_string());
            format!("Systems > {name}")
        }
    }
}
