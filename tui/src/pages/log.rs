//! The console's own log.

use crate::view::Canvas;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws the last lines; `back` lines lie below the screen.
pub fn draw(lines: Option<&[String]>, back: usize, canvas: &mut Canvas<'_>, body: Rect) {
    canvas.clear(body);
    canvas.rule(body, 0, "log of this console");
    let Some(lines) = lines else {
        canvas.put(body, 1, 2, "reading", canvas.theme.dim());
        return;
    };
    let height = usize::from(body.height.saturating_sub(1));
    let end = lines.len().saturating_sub(back);
    let first = end.saturating_sub(height);
    for (line, row) in lines.iter().take(end).skip(first).zip(1..) {
        canvas.put(body, row, 0, line, Style::new());
    }
    if lines.is_empty() {
        canvas.put(body, 1, 2, "nothing was logged", canvas.theme.dim());
    }
}
