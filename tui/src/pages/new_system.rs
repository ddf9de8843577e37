//! The page "New system": a form of two fields, then the command and the configuration.

use super::login::draw_field;
use crate::model::{NewSystemField, Recipe, State, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Column of what is said about a field.
const TEXT: u16 = 16;

/// Draws the page; answers where the text cursor is.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let inside = Rect {
        x: body.x + 2.min(body.width),
        width: body.width.saturating_sub(4),
        ..body
    };
    match &state.new_system.recipe {
        Some(recipe) => {
            draw_recipe(state, recipe, canvas, inside);
            None
        }
        None => draw_form(state, canvas, inside),
    }
}

fn draw_form(state: &State, canvas: &mut Canvas<'_>, inside: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let view = &state.new_system;
    let intro =
        "One line to paste on a new machine: it knows this server and its key before the first contact.";
    let mut row = 1;
    for line in text::wrap(intro, usize::from(inside.width)) {
        canvas.put(inside, row, 0, &line, theme.dim());
        row += 1;
    }
    let mut cursor = None;
    for field in NewSystemField::ALL {
        row += 1;
        let focused = field == view.focus;
        let style = if focused { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, if focused { ">" } else { " " }, theme.accent());
        canvas.put(inside, row, 2, field.label(), style);
        let hidden = field == NewSystemField::Token;
        let at = draw_field(view.field(field), hidden, canvas, inside, row);
        if focused {
            cursor = at;
        }
        let (said, style) = match view.fault.as_ref().filter(|(fault, _)| *fault == field) {
            Some((_, reason)) => (reason.as_str(), theme.error()),
            None => (field.hint(), theme.dim()),
        };
        let width = usize::from(inside.width.saturating_sub(TEXT));
        for line in text::wrap(said, width).iter().take(2) {
            row += 1;
            canvas.put(inside, row, TEXT, line, style);
        }
        row += 1;
    }
    row += 1;
    let (said, style) = match (&view.error, view.waits_for) {
        (_, Some(_)) => ("asking the server".to_owned(), theme.accent()),
        (Some(error), None) => (clean(error), theme.error()),
        (None, None) => (
            "Enter goes through the fields and asks the server; it changes nothing".to_owned(),
            theme.dim(),
        ),
    };
    for line in text::wrap(&said, usize::from(inside.width)).iter().take(3) {
        canvas.put(inside, row, 0, line, style);
        row += 1;
    }
    cursor.filter(|_| view.waits_for.is_none())
}

fn draw_recipe(state: &State, recipe: &Recipe, canvas: &mut Canvas<'_>, inside: Rect) {
    let theme = canvas.theme;
    let width = usize::from(inside.width);
    canvas.put(
        inside,
        0,
        0,
        "y  copy this line; on the new machine, as root:",
        theme.accent(),
    );
    let mut row = 1;
    for line in in_columns(recipe.install_line.expose(), width) {
        canvas.put(inside, row, 0, &line, theme.title());
        row += 1;
    }
    if recipe.secret {
        let warning = "A token's secret is in it: whoever has it can let machines in.";
        canvas.put(inside, row, 0, warning, theme.warn());
        row += 1;
    }
    row += 1;
    let either = "c  copy, or w  write to a file (0600), this configuration instead:";
    canvas.put(inside, row, 0, either, theme.accent());
    row += 1;
    for line in recipe.config.expose().lines() {
        let line = text::cut(&clean(line), width, theme.ellipsis());
        canvas.put(inside, row, 0, &line, Style::new());
        row += 1;
    }
    let (said, style) = match &state.new_system.notice {
        Some(Ok(text)) => (clean(text), theme.good()),
        Some(Err(text)) => (clean(text), theme.error()),
        None if state.new_system.writing => ("writing".to_owned(), theme.accent()),
        None if recipe.secret => (
            "The machine is active at its first contact.".to_owned(),
            theme.dim(),
        ),
        None => (
            "Then it waits under Pending (3): compare the words, approve.".to_owned(),
            theme.dim(),
        ),
    };
    for line in text::wrap(&said, width).iter().take(2) {
        row += 1;
        canvas.put(inside, row, 0, line, style);
    }
}

/// A text without spaces to break at, cut at the edge.
fn in_columns(text: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = text.chars().filter(|c| !c.is_control()).collect();
    characters
        .chunks(width.max(1))
        .map(|line| line.iter().collect())
        .collect()
}
