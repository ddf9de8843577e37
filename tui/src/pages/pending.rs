//! Pending systems: the list on the left, the approval card of the one under the cursor on the right.

use super::{system, systems};
use crate::keys::binding;
use crate::model::{Change, State, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use scm_protocol::systems::SystemDetail;

/// Columns of the list.
const LIST_WIDTH: u16 = 26;

/// Draws the page.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    if state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT || state.pending.is_empty() {
        systems::draw(state, &state.pending, canvas, body);
        return;
    }
    names(
        state,
        canvas,
        Rect {
            width: LIST_WIDTH.min(body.width),
            ..body
        },
    );
    let card = Rect {
        x: body.x + LIST_WIDTH.min(body.width),
        width: body.width.saturating_sub(LIST_WIDTH),
        ..body
    };
    let side = if canvas.theme.settings.accessible {
        " "
    } else {
        canvas.theme.lines()[1]
    };
    for row in 0..card.height {
        canvas.put(card, row, 0, side, canvas.theme.dim());
    }
    let inside = Rect {
        x: card.x + 2.min(card.width),
        width: card.width.saturating_sub(2),
        ..card
    };
    let Some(id) = state.pending.cursor() else { return };
    match state.details.get(&id) {
        Some(detail) => {
            for (row, line) in lines(state, detail, canvas, usize::from(inside.width))
                .iter()
                .enumerate()
            {
                canvas.put_line(inside, u16::try_from(row).unwrap_or(u16::MAX), line);
            }
        }
        None => {
            canvas.put(inside, 1, 0, "reading the request", canvas.theme.dim());
        }
    }
}

fn names(state: &State, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    let list = &state.pending;
    let range = list.range();
    canvas.put(area, 0, 3, "WAITS HOST", theme.dim());
    for (line, id) in list.visible().iter().enumerate() {
        let Some(row) = state.fleet.get(*id) else { continue };
        let at = u16::try_from(line + 1).unwrap_or(u16::MAX);
        let here = list.cursor() == Some(*id);
        let marked = list.is_marked(*id, range);
        let lead = format!(
            "{}{}",
            if here { '>' } else { ' ' },
            if marked { theme.mark() } else { ' ' }
        );
        canvas.put(
            area,
            at,
            0,
            &text::fit(&lead, 3, ""),
            if marked { theme.warn() } else { theme.title() },
        );
        let age = format::seen(Some(row.first_seen), state.shown_at);
        let column = canvas.put(area, at, 3, &format!("{age:>5} "), theme.dim());
        let width = usize::from(area.width.saturating_sub(column + 1));
        // A request that was decided stays in its place until rows move again; its word tells.
        let name = if row.status == scm_protocol::systems::SystemStatus::Pending {
            row.hostname.to_string()
        } else {
            format!("{} {}", row.word().word(), row.hostname)
        };
        let style = if here { theme.cursor() } else { Style::new() };
        canvas.put(
            area,
            at,
            column,
            &text::fit(&name, width, theme.ellipsis()),
            style,
        );
    }
}

/// What an administrator compares and decides by.
fn lines(state: &State, detail: &SystemDetail, canvas: &Canvas<'_>, width: usize) -> Vec<Line<'static>> {
    let theme = canvas.theme;
    let system = &detail.summary;
    let plain = |text: String| Line::from(text);
    let member = |name: &str, value: String| {
        let value = text::cut(&clean(&value), width.saturating_sub(11), theme.ellipsis());
        Line::from(vec![
            Span::styled(format!("{name:<11}"), theme.dim()),
            Span::raw(value),
        ])
    };
    let mut lines = vec![
        Line::styled(clean(&system.hostname), theme.title()),
        plain(String::new()),
    ];
    lines.push(Line::styled(
        "compare with `scmclient status` on the host:",
        theme.dim(),
    ));
    for words in text::wrap(&clean(&detail.fingerprint_words), width.min(44)) {
        lines.push(Line::styled(format!("  {words}"), theme.warn()));
    }
    let hex = detail.fingerprint.to_string();
    let (front, back) = hex.split_at(hex.len() / 2);
    lines.push(member("sha256", front.to_owned()));
    lines.push(member("", back.to_owned()));
    lines.push(plain(String::new()));
    lines.push(member("claims", detail.claimed_addresses.join(" ")));
    lines.push(member("seen from", system.address.clone()));
    lines.push(member("system", format!("{} ({})", system.os, system.arch)));
    lines.push(member("agent", system.agent_version.clone()));
    lines.push(member("first seen", format::date_time(system.first_seen_ms)));
    lines.push(member(
        "last seen",
        format!("{} ago", format::seen(system.last_seen_ms, state.shown_at)),
    ));
    lines.extend(system::duplicates(detail, theme, width));
    lines.push(plain(String::new()));
    let mut actions = vec![Span::styled("a, then ", theme.dim())];
    for change in [Change::Approve, Change::Reject, Change::Deny] {
        let key = binding(change.action())
            .and_then(|line| line.keys.first())
            .map(ToString::to_string);
        actions.push(Span::styled(key.unwrap_or_default(), theme.title()));
        actions.push(Span::styled(format!(" {}  ", change.verb()), theme.dim()));
    }
    if let Some(obstacle) = state.obstacle(Change::Approve.route()) {
        actions.push(Span::styled(format!("({obstacle})"), theme.warn()));
    }
    lines.push(Line::from(actions));
    lines
}
