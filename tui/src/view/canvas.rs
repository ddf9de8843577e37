//! Writing onto the buffer without ever leaving it, whatever the size.

use super::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

/// A buffer and a theme.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    /// The look.
    pub theme: Theme,
}

impl<'a> Canvas<'a> {
    /// A canvas on a frame's buffer.
    pub fn new(buffer: &'a mut Buffer, theme: Theme) -> Self {
        Canvas { buffer, theme }
    }

    /// Writes text into a row of `area` from a column on, cut at the area's edge; answers the column after it.
    pub fn put(&mut self, area: Rect, row: u16, column: u16, text: &str, style: Style) -> u16 {
        let area = area.intersection(self.buffer.area);
        if row >= area.height || column >= area.width {
            return column;
        }
        let (x, y) = (area.x + column, area.y + row);
        let (end, _) = self
            .buffer
            .set_stringn(x, y, text, usize::from(area.width - column), style);
        end - area.x
    }

    /// Writes text that ends at the right edge of `area`; answers the column where it begins.
    pub fn put_right(&mut self, area: Rect, row: u16, text: &str, style: Style) -> u16 {
        let width = u16::try_from(text.width()).unwrap_or(u16::MAX);
        let column = area.width.saturating_sub(width);
        self.put(area, row, column, text, style);
        column
    }

    /// Writes a styled line.
    pub fn put_line(&mut self, area: Rect, row: u16, line: &Line<'_>) {
        let mut column = 0;
        for span in &line.spans {
            column = self.put(area, row, column, &span.content, line.style.patch(span.style));
        }
    }

    /// Changes the look of a row, from a column for a width.
    pub fn paint(&mut self, area: Rect, row: u16, column: u16, width: u16, style: Style) {
        let area = area.intersection(self.buffer.area);
        if row < area.height && column < area.width {
            let width = width.min(area.width - column);
            self.buffer.set_style(
                Rect {
                    x: area.x + column,
                    y: area.y + row,
                    width,
                    height: 1,
                },
                style,
            );
        }
    }

    /// Empties an area.
    pub fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
            }
        }
    }

    /// A horizontal line with a title.
    pub fn rule(&mut self, area: Rect, row: u16, title: &str) {
        let [line, ..] = self.theme.lines();
        if !self.theme.settings.accessible {
            self.put(
                area,
                row,
                0,
                &line.repeat(usize::from(area.width)),
                self.theme.dim(),
            );
        }
        if !title.is_empty() {
            self.put(area, row, 2, &format!(" {title} "), self.theme.title());
        }
    }

    /// An empty box of at most `width` × `height` in the middle of `area`, with a title; answers its inside.
    pub fn window(&mut self, area: Rect, width: u16, height: u16, title: &str) -> Rect {
        let (width, height) = (width.min(area.width), height.min(area.height));
        let outer = Rect {
            x: area.x + (area.width - width) / 2,
            y: area.y + (area.height - height) / 2,
            width,
            height,
        };
        self.boxed(outer, title)
    }

    /// An empty box with a title; answers its inside.
    pub fn boxed(&mut self, outer: Rect, title: &str) -> Rect {
        let (width, height) = (outer.width, outer.height);
        self.clear(outer);
        self.border(outer);
        if !title.is_empty() {
            self.put(outer, 0, 2, &format!(" {title} "), self.theme.title());
        }
        Rect {
            x: outer.x + 2.min(width),
            y: outer.y + 1.min(height),
            width: width.saturating_sub(4),
            height: height.saturating_sub(2),
        }
    }

    fn border(&mut self, outer: Rect) {
        if self.theme.settings.accessible || outer.width < 2 || outer.height < 2 {
            return;
        }
        let [line, side, top_left, top_right, bottom_right, bottom_left] = self.theme.lines();
        let across = line.repeat(usize::from(outer.width - 2));
        let style = self.theme.dim();
        self.put(outer, 0, 0, &format!("{top_left}{across}{top_right}"), style);
        for row in 1..outer.height - 1 {
            self.put(outer, row, 0, side, style);
            self.put(outer, row, outer.width - 1, side, style);
        }
        self.put(
            outer,
            outer.height - 1,
            0,
            &format!("{bottom_left}{across}{bottom_right}"),
            style,
        );
    }
}
