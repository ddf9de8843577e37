//! The tag or the group that a change of many asks for.

use crate::model::{State, SubjectForm, SubjectKind, Whole, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

const WIDTH: u16 = 74;
/// Groups shown at once.
const SHOWN: usize = 10;

/// Draws the form; answers where the text cursor is.
pub fn draw(state: &State, form: &SubjectForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let groups = form.change.asks_for() == Some(SubjectKind::Group);
    let height = if groups { SHOWN + 6 } else { 7 };
    let inside = canvas.window(
        body,
        WIDTH,
        u16::try_from(height).unwrap_or(7),
        form.change.verb(),
    );
    let width = usize::from(inside.width);
    let whom = match &form.whole {
        Some(whole) => Whole::describe(whole),
        None => format::systems(form.targets.len()),
    };
    let whom = text::cut(&clean(&whom), width, theme.ellipsis());
    canvas.put(inside, 0, 0, &whom, theme.accent());
    let label = if groups { "group " } else { "tag " };
    let column = canvas.put(inside, 2, 0, label, theme.title());
    let room = width.saturating_sub(usize::from(column)).max(1);
    let scroll = form.field.scroll(room);
    let typed: String = form.field.text().chars().skip(scroll).take(room).collect();
    canvas.put(inside, 2, column, &typed, Style::new());
    let hint = match (&form.fault, groups) {
        (Some(fault), _) => (clean(fault), theme.error()),
        (None, true) => (
            "type to narrow, Down and Up choose; only manual groups are offered".to_owned(),
            theme.dim(),
        ),
        (None, false) => ("one word: letters, digits and -_.:/@+".to_owned(), theme.dim()),
    };
    canvas.put(inside, 3, 0, &text::cut(&hint.0, width, theme.ellipsis()), hint.1);
    if groups {
        choices(state, form, canvas, inside);
    }
    let at = u16::try_from(form.field.column().saturating_sub(scroll)).ok()?;
    Some((inside.x + column + at, inside.y + 2))
}

fn choices(state: &State, form: &SubjectForm, canvas: &mut Canvas<'_>, inside: Rect) {
    let theme = canvas.theme;
    let found = form.groups(&state.groups);
    if found.is_empty() {
        let text = if state.groups.complete {
            "there is no such manual group: 6 makes one"
        } else {
            "reading the groups"
        };
        canvas.put(inside, 4, 2, text, theme.dim());
    }
    let cursor = form.cursor.min(found.len().saturating_sub(1));
    let first = (cursor + 1).saturating_sub(SHOWN);
    for ((index, group), row) in found.iter().enumerate().skip(first).take(SHOWN).zip(4..) {
        let here = index == cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let style = if here { theme.cursor() } else { Style::new() };
        let name = text::fit(&clean(&group.name), 40, theme.ellipsis());
        let column = canvas.put(inside, row, 2, &name, style);
        let members = format::systems(usize::try_from(group.members).unwrap_or(0));
        canvas.put(inside, row, column + 1, &members, theme.dim());
    }
}
