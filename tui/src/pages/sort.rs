//! What a list can be sorted by.

use crate::model::SortMenu;
use crate::view::{Canvas, text};
use ratatui::layout::Rect;

/// Columns of a name.
const NAME: usize = 20;

/// Draws the menu.
pub fn draw(menu: &SortMenu, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let height = u16::try_from(menu.choices.len() + 2).unwrap_or(u16::MAX);
    let title = format!("sort by: {} of {}", menu.cursor + 1, menu.choices.len());
    let inside = canvas.window(body, 76, height, &title);
    let rows = usize::from(inside.height).max(1);
    let first = (menu.cursor + 1).saturating_sub(rows);
    for ((index, sort), row) in menu.choices.iter().enumerate().skip(first).take(rows).zip(0..) {
        let here = index == menu.cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let name = text::fit(sort.by.name(), NAME, theme.ellipsis());
        let style = if here { theme.cursor() } else { theme.title() };
        let column = canvas.put(inside, row, 2, &name, style);
        let direction = if sort.descending {
            "descending"
        } else {
            "ascending "
        };
        let column = canvas.put(inside, row, column + 1, direction, theme.accent());
        let room = usize::from(inside.width.saturating_sub(column + 2));
        let hint = text::cut(sort.by.hint(), room, theme.ellipsis());
        canvas.put(inside, row, column + 2, &hint, theme.dim());
    }
}
