//! The form of an export of systems.

use super::login::draw_field;
use crate::model::ExportForm;
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;

/// Draws it; answers where the text cursor is.
pub fn draw(form: &ExportForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 10, "export systems");
    let head = format!(
        "{} into a new file here, which only you can read",
        format::systems(form.systems.len())
    );
    canvas.put(inside, 0, 0, &head, theme.title());
    canvas.put(inside, 2, 2, "file", theme.title());
    let cursor = draw_field(&form.file, false, canvas, inside, 2);
    let (said, style) = match &form.fault {
        Some(fault) => (fault.as_str(), theme.error()),
        None => (
            "its name says how: .csv, .json (one array) or .jsonl (a line each)",
            theme.dim(),
        ),
    };
    for (line, row) in text::wrap(said, usize::from(inside.width))
        .iter()
        .take(2)
        .zip(4..)
    {
        canvas.put(inside, row, 0, line, style);
    }
    canvas.put(
        inside,
        7,
        0,
        "Enter writes it, and covers no file that is there; Esc cancels",
        theme.dim(),
    );
    cursor
}
