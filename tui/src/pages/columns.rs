//! Which columns the lists have.

use super::systems;
use crate::model::{Column, State};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;

/// Draws the chooser.
pub fn draw(state: &State, at: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let height = u16::try_from(Column::ALL.len() + 2).unwrap_or(u16::MAX);
    let inside = canvas.window(body, 70, height, "columns behind state and host");
    let shown = systems::columns(state, usize::from(state.size.0));
    let rows = usize::from(inside.height).max(1);
    let first = (at + 1).saturating_sub(rows);
    for ((index, column), row) in Column::ALL
        .into_iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .zip(0..)
    {
        let here = index == at;
        let chosen = state.views.columns.contains(&column);
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let line = format!(
            "{} {}",
            if chosen { "[x]" } else { "[ ]" },
            text::fit(column.name(), 12, "")
        );
        let style = if here { theme.cursor() } else { theme.title() };
        let from = canvas.put(inside, row, 2, &line, style);
        let from = canvas.put(inside, row, from + 1, column.text(), theme.dim());
        if chosen && !shown.contains(&column) {
            canvas.put(inside, row, from + 1, "(does not fit)", theme.warn());
        }
    }
}
