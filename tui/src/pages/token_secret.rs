//! A secret, shown this once.

use crate::model::ShownSecret;
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws the screen.
pub fn draw(created: &ShownSecret, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 19, created.label.title);
    let width = usize::from(inside.width);
    let column = canvas.put(inside, 0, 0, &format!("{} ", created.label.kind), theme.dim());
    let left = width.saturating_sub(usize::from(column));
    let name = text::cut(&created.label.name, left, theme.ellipsis());
    canvas.put(inside, 0, column, &name, theme.title());
    let once = "It is shown this once: nothing can show it again.";
    canvas.put(inside, 1, 0, once, theme.warn());
    // Several lines stand in two columns, so that everything fits.
    let lines: Vec<&str> = created.secret.expose().lines().collect();
    let rows = if lines.len() > 1 {
        lines.len().div_ceil(2)
    } else {
        1
    };
    let first = if lines.len() > 1 { 2 } else { 3 };
    for (index, line) in lines.iter().enumerate() {
        let place = |number: usize| u16::try_from(number).unwrap_or(0);
        let (row, column) = (first + place(index % rows), place(index / rows * 34));
        canvas.put(inside, row, column, line, theme.title());
    }
    let note = first + u16::try_from(rows).unwrap_or(0);
    canvas.put(inside, note, 0, created.label.note, theme.dim());
    let keys = note + 2;
    canvas.put(inside, keys, 0, "y", theme.accent());
    canvas.put(
        inside,
        keys,
        3,
        "copy through the terminal (OSC 52)",
        Style::new(),
    );
    canvas.put(inside, keys + 1, 0, "w", theme.accent());
    let write = "write to a new file here, which only you can read (0600)";
    canvas.put(inside, keys + 1, 3, write, Style::new());
    let mut row = keys + 2;
    let state = match (&created.file, created.writing) {
        (Some(path), _) => format!("written to {path}"),
        (None, true) => "writing".to_owned(),
        (None, false) => String::new(),
    };
    for line in text::wrap(&state, width.saturating_sub(3)).iter().take(3) {
        canvas.put(inside, row, 3, line, theme.good());
        row += 1;
    }
    row = 12;
    let tick = if created.stored { "[x]" } else { "[ ]" };
    let style = if created.stored {
        theme.good()
    } else {
        theme.title()
    };
    canvas.put(inside, row, 0, &format!("{tick} I have stored it"), style);
    canvas.put(inside, row, 25, "Space ticks the box", theme.dim());
    if created.stored {
        canvas.put(inside, row + 1, 0, ">[ Done ]<", theme.cursor());
        canvas.put(inside, row + 1, 25, "Enter leaves", theme.dim());
    } else {
        canvas.put(inside, row + 1, 0, " [ Done ] ", theme.dim());
        canvas.put(
            inside,
            row + 1,
            25,
            "(locked until the box is ticked)",
            theme.dim(),
        );
    }
    let (notice, style) = match &created.notice {
        Some(Ok(text)) => (text.as_str(), theme.good()),
        Some(Err(text)) => (text.as_str(), theme.error()),
        None => ("", theme.dim()),
    };
    for (line, row) in text::wrap(notice, width).iter().take(2).zip(row + 3..) {
        canvas.put(inside, row, 0, line, style);
    }
}
