//! The two lists of a manual group.

use crate::model::{DualList, Side, State, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::ids::SystemId;

/// Draws both; answers where the text cursor is.
pub fn draw(state: &State, lists: &DualList, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    canvas.clear(body);
    let changes = lists.changes();
    let head = format!("Members of {}", clean(&lists.name));
    canvas.put(body, 0, 0, &head, theme.title());
    let said = match (&lists.fault, lists.saving, lists.is_read()) {
        (Some(fault), ..) => (clean(fault), theme.error()),
        (None, true, _) => ("saving".to_owned(), theme.accent()),
        (None, _, false) => ("reading the members".to_owned(), theme.dim()),
        (None, ..) if changes > 0 => (format!("{changes} moved, not saved"), theme.warn()),
        (None, ..) => (String::new(), theme.dim()),
    };
    canvas.put_right(body, 0, &said.0, said.1);
    let half = body.width / 2;
    let left = Rect {
        y: body.y + 1.min(body.height),
        height: body.height.saturating_sub(1),
        width: half.saturating_sub(1),
        ..body
    };
    let right = Rect {
        x: body.x + half,
        width: body.width - half,
        ..left
    };
    column(state, lists, Side::Others, canvas, left);
    column(state, lists, Side::Members, canvas, right);
    if !lists.filtering {
        return None;
    }
    let column = u16::try_from(lists.filter.column()).ok()?;
    Some((left.x + 9 + column, left.y))
}

fn column(state: &State, lists: &DualList, side: Side, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    let systems = if lists.is_read() {
        lists.systems(side, &state.fleet)
    } else {
        Vec::new()
    };
    let here = lists.side == side;
    let (title, number) = match side {
        Side::Others => ("others", systems.len()),
        Side::Members => ("members", systems.len()),
    };
    let style = if here { theme.title() } else { theme.dim() };
    let at = canvas.put(area, 0, 0, title, style);
    if side == Side::Others && (lists.filtering || !lists.filter.text().is_empty()) {
        let at = canvas.put(area, 0, at + 2, "/", theme.warn());
        canvas.put(area, 0, at, lists.filter.text(), theme.accent());
    }
    let number = format::count(i64::try_from(number).unwrap_or(i64::MAX));
    canvas.put_right(area, 0, &number, theme.dim());
    let height = usize::from(area.height.saturating_sub(1)).max(1);
    let cursor = lists.position(side, &systems);
    let top = cursor
        .saturating_sub(height / 2)
        .min(systems.len().saturating_sub(height));
    for ((index, id), row) in systems.iter().enumerate().skip(top).take(height).zip(1..) {
        let under = here && index == cursor;
        canvas.put(area, row, 0, if under { ">" } else { " " }, theme.title());
        let width = usize::from(area.width.saturating_sub(3));
        let name = text::fit(&name(state, *id), width, theme.ellipsis());
        let style = if under { theme.cursor() } else { Style::new() };
        canvas.put(area, row, 2, &name, style);
    }
}

fn name(state: &State, id: SystemId) -> String {
    let row = state.fleet.get(id);
    row.map_or_else(|| format!("system {id}"), |row| row.hostname.to_string())
}
