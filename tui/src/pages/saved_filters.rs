//! Saved filters: the list, the form that saves the present one, the question before one is deleted.

use super::login::draw_field;
use crate::model::{DeleteQuestion, Focus, SaveForm, SavedMenu, SavedMode, State, clean};
use crate::update::shared_filters_obstacle;
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns of a name.
const NAME: usize = 22;
/// Column of the form's fields.
const TEXT: u16 = 16;

/// Draws it; answers where the text cursor is.
pub fn draw(state: &State, menu: &SavedMenu, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    match &menu.mode {
        SavedMode::List => {
            list(state, menu, canvas, body);
            None
        }
        SavedMode::Saving(form) => draw_form(state, form, canvas, body),
        SavedMode::Deleting(question) => {
            list(state, menu, canvas, body);
            draw_question(question, canvas, body);
            None
        }
    }
}

fn list(state: &State, menu: &SavedMenu, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let saved = &state.views.saved;
    let height = u16::try_from(saved.len().max(2) + 4).unwrap_or(u16::MAX);
    let inside = canvas.window(body, 78, height, "saved filters");
    if saved.is_empty() {
        let said = "none yet: n saves the present filter under a name";
        canvas.put(inside, 0, 0, said, theme.dim());
        return;
    }
    let rows = usize::from(inside.height.saturating_sub(2)).max(1);
    let at = menu.position(saved);
    let first = (at + 1).saturating_sub(rows);
    for ((index, filter), row) in saved.iter().enumerate().skip(first).take(rows).zip(0..) {
        let here = index == at;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let name = text::fit(&clean(&filter.name), NAME, theme.ellipsis());
        let style = if here { theme.cursor() } else { theme.title() };
        let column = canvas.put(inside, row, 2, &name, style);
        let whose = if filter.shared { "shared " } else { "mine   " };
        let column = canvas.put(inside, row, column + 1, whose, theme.accent());
        let room = usize::from(inside.width.saturating_sub(column));
        let said = text::cut(&about(&filter.filter, &filter.sort), room, theme.ellipsis());
        canvas.put(inside, row, column, &said, theme.dim());
    }
    let chosen = saved.get(at);
    let whole = chosen.map_or(String::new(), |filter| clean(&filter.filter));
    let lines = text::wrap(&whole, usize::from(inside.width));
    if let Some(line) = lines.first() {
        canvas.put(inside, inside.height.saturating_sub(1), 0, line, theme.accent());
    }
}

/// What a filter asks for and in which order.
fn about(filter: &str, sort: &str) -> String {
    let filter = if filter.is_empty() {
        "all systems".to_owned()
    } else {
        clean(filter)
    };
    match sort.strip_prefix('-') {
        _ if sort.is_empty() => filter,
        Some(field) => format!("{filter}   by {} descending", clean(field)),
        None => format!("{filter}   by {}", clean(sort)),
    }
}

fn draw_form(state: &State, form: &SaveForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 14, "save the filter");
    let (filter, sort) = state.list().map_or_else(Default::default, |list| {
        (
            list.filter.text().trim().to_owned(),
            list.sort().written().unwrap_or_default(),
        )
    });
    let said = about(&filter, &sort);
    for (line, row) in text::wrap(&said, usize::from(inside.width))
        .iter()
        .take(2)
        .zip(0..)
    {
        canvas.put(inside, row, 0, line, theme.accent());
    }
    canvas.put(inside, 2, 0, "with the columns that are shown", theme.dim());
    let label = |canvas: &mut Canvas<'_>, row, label: &str, here: bool| {
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        canvas.put(
            inside,
            row,
            2,
            label,
            if here { theme.title() } else { theme.dim() },
        );
    };
    label(canvas, 4, "name", !form.on_shared);
    let cursor = draw_field(&form.name, false, canvas, inside, 4);
    let taken = state
        .views
        .saved
        .iter()
        .any(|filter| filter.shared == form.shared && filter.name == form.name.text());
    if taken {
        canvas.put(
            inside,
            5,
            TEXT,
            "takes the place of the one with this name",
            theme.warn(),
        );
    }
    label(canvas, 6, "for everybody", form.on_shared);
    let shared = if form.shared { "[x] yes" } else { "[ ] no, for me" };
    let style = if form.on_shared {
        theme.cursor()
    } else {
        Style::new()
    };
    let column = canvas.put(inside, 6, TEXT, shared, style);
    if let Some(reason) = shared_filters_obstacle(state) {
        canvas.put(inside, 6, column + 2, &format!("({reason})"), theme.warn());
    }
    if form.waits_for.is_some() {
        canvas.put(inside, 8, 0, "asking the server", theme.accent());
    } else if let Some(fault) = &form.fault {
        let lines = text::wrap(&clean(fault), usize::from(inside.width));
        for (line, row) in lines.iter().take(3).zip(8..) {
            canvas.put(inside, row, 0, line, theme.error());
        }
    }
    canvas.put(
        inside,
        11,
        0,
        "Tab changes the field, Enter saves, Esc goes back",
        theme.dim(),
    );
    cursor.filter(|_| form.waits_for.is_none() && !form.on_shared)
}

fn draw_question(question: &DeleteQuestion, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let inside = canvas.window(body, 66, 9, "delete a saved filter");
    let head = text::cut(
        &format!("Delete {}?", question.name),
        usize::from(inside.width),
        theme.ellipsis(),
    );
    canvas.put(inside, 0, 0, &head, theme.title());
    let consequence = if question.shared {
        "It is shared: nobody will have it any more."
    } else {
        "It is your own. No system changes."
    };
    canvas.put(inside, 1, 0, consequence, Style::new());
    super::dialog::buttons(canvas, inside, 4, "delete", question.focus == Focus::Cancel);
}
