//! The form of a new enrollment token.

use super::login::draw_field;
use crate::model::{FormField, State, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;

/// Columns of the form.
const WIDTH: u16 = 70;
/// Column of the fields' text and of what is said about them.
const TEXT: u16 = 16;

/// Draws the form; answers where the text cursor is.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let form = &state.tokens.form;
    let inside = canvas.window(body, WIDTH, 19, "new enrollment token");
    let intro = "A machine that registers with it is active at once.";
    canvas.put(inside, 0, 0, intro, theme.dim());
    let mut cursor = None;
    for (field, row) in FormField::ALL.into_iter().zip((2..).step_by(3)) {
        let focused = field == form.focus;
        let style = if focused { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, if focused { ">" } else { " " }, theme.accent());
        canvas.put(inside, row, 2, field.label(), style);
        let at = draw_field(form.field(field), false, canvas, inside, row);
        if focused {
            cursor = at;
        }
        match form.fault.as_ref().filter(|(fault, _)| *fault == field) {
            Some((_, reason)) => {
                let width = usize::from(inside.width.saturating_sub(TEXT));
                for (line, row) in text::wrap(reason, width).iter().take(2).zip(row + 1..) {
                    canvas.put(inside, row, TEXT, line, theme.error());
                }
            }
            None => {
                let width = usize::from(inside.width.saturating_sub(TEXT));
                let hint = text::cut(&hint(state, field), width, theme.ellipsis());
                canvas.put(inside, row + 1, TEXT, &hint, theme.dim());
            }
        }
    }
    let row = 14;
    if form.waits_for.is_some() {
        canvas.put(inside, row, 0, "asking the server", theme.accent());
    } else if let Some(error) = &form.error {
        let lines = text::wrap(&clean(error), usize::from(inside.width));
        for (line, row) in lines.iter().take(2).zip(row..) {
            canvas.put(inside, row, 0, line, theme.error());
        }
    }
    let keys = "Enter creates from the last field; Esc keeps what is typed";
    canvas.put(inside, 16, 0, keys, theme.dim());
    cursor.filter(|_| form.waits_for.is_none())
}

/// What a field takes; of the groups, which there are.
fn hint(state: &State, field: FormField) -> String {
    let form = &state.tokens.form;
    if field != FormField::Groups || form.focus != field {
        return field.hint().to_owned();
    }
    let offered = form.offered(state.groups.items());
    let names: Vec<String> = offered.iter().map(|group| clean(&group.name)).collect();
    if names.is_empty() {
        return field.hint().to_owned();
    }
    format!("Right completes: {}", names.join(", "))
}
