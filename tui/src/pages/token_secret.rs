//! The secret of a new enrollment token, shown this once.

use crate::model::{NewToken, token_name};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws the screen.
pub fn draw(created: &NewToken, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 19, "the secret of a new enrollment token");
    let width = usize::from(inside.width);
    let name = text::cut(
        &token_name(&created.token),
        width.saturating_sub(6),
        theme.ellipsis(),
    );
    let column = canvas.put(inside, 0, 0, "token ", theme.dim());
    canvas.put(inside, 0, column, &name, theme.title());
    let once = "It is shown this once: nothing can show it again.";
    canvas.put(inside, 1, 0, once, theme.warn());
    canvas.put(inside, 3, 0, created.secret.expose(), theme.title());
    let agent = "Goes into `enrollment_token` of the agent's configuration.";
    canvas.put(inside, 4, 0, agent, theme.dim());
    canvas.put(inside, 6, 0, "y", theme.accent());
    canvas.put(inside, 6, 3, "copy through the terminal (OSC 52)", Style::new());
    canvas.put(inside, 7, 0, "w", theme.accent());
    let write = "write to a new file here, which only you can read (0600)";
    canvas.put(inside, 7, 3, write, Style::new());
    let mut row = 8;
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
