//! The server picker.

use crate::model::State;
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws the picker.
pub fn draw(state: &State, cursor: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let rows = u16::try_from(state.contexts.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let inside = canvas.window(body, 70, rows, "servers");
    let first = (cursor + 1).saturating_sub(usize::from(inside.height));
    for (index, context) in state.contexts.iter().enumerate().skip(first) {
        let row = u16::try_from(index - first).unwrap_or(u16::MAX);
        let here = index == cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let style = if here { theme.cursor() } else { Style::new() };
        let column = canvas.put(
            inside,
            row,
            2,
            &text::fit(&context.name, 20, theme.ellipsis()),
            style,
        );
        let mut notes = context.url.clone();
        if context.production {
            notes.push_str("  production");
        }
        if context.read_only {
            notes.push_str("  read-only");
        }
        if index == state.context {
            notes.push_str("  (in use)");
        }
        canvas.put(inside, row, column + 1, &notes, theme.dim());
    }
}
