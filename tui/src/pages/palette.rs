//! The palette.

use crate::model::Palette;
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Matches shown at once.
const SHOWN: usize = 12;

/// Draws the palette; answers where the text cursor is.
pub fn draw(palette: &Palette, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, u16::try_from(SHOWN + 4).unwrap_or(16), "go to");
    let width = usize::from(inside.width.saturating_sub(2)).max(1);
    canvas.put(inside, 0, 0, ":", theme.accent());
    let scroll = palette.field.scroll(width.saturating_sub(1));
    let shown: String = palette.field.text().chars().skip(scroll).collect();
    canvas.put(inside, 0, 1, &shown, theme.title());
    let first = (palette.cursor + 1).saturating_sub(SHOWN);
    if palette.matches.is_empty() {
        canvas.put(inside, 2, 2, "nothing has that name", theme.dim());
    }
    for (index, entry) in palette.matches.iter().enumerate().skip(first).take(SHOWN) {
        let row = u16::try_from(index - first + 2).unwrap_or(u16::MAX);
        let here = index == palette.cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let style = if here { theme.cursor() } else { Style::new() };
        let column = canvas.put(
            inside,
            row,
            2,
            &text::fit(&entry.name, 22, theme.ellipsis()),
            style,
        );
        match &entry.obstacle {
            Some(reason) => canvas.put(inside, row, column + 1, &format!("({reason})"), theme.warn()),
            None => {
                let room = usize::from(inside.width.saturating_sub(column + 1));
                let said = text::cut(&entry.text, room, theme.ellipsis());
                canvas.put(inside, row, column + 1, &said, theme.dim())
            }
        };
    }
    let column = u16::try_from(palette.field.column().saturating_sub(scroll)).ok()?;
    Some((inside.x + 1 + column, inside.y))
}
