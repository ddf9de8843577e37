//! The form that runs an action on many systems: what they offer, the values, how many at once and until when.

use super::login::draw_field;
use super::run_form::hint;
use crate::model::{ManyFilling, RunManyForm, TextField, Whole, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

const WIDTH: u16 = 76;
/// Actions shown at once.
const SHOWN: usize = 10;

/// Draws the form; answers where the text cursor is.
pub fn draw(form: &RunManyForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    match &form.filling {
        None => choosing(form, canvas, body),
        Some(filling) => typing(form, filling, canvas, body),
    }
}

fn whom(form: &RunManyForm) -> String {
    match &form.whole {
        Some(whole) => clean(&Whole::describe(whole)),
        None => format::systems(form.targets.len()),
    }
}

fn choosing(form: &RunManyForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(
        body,
        WIDTH,
        u16::try_from(SHOWN).unwrap_or(10) + 7,
        "run an action",
    );
    let width = usize::from(inside.width);
    canvas.put(
        inside,
        0,
        0,
        &text::cut(&whom(form), width, theme.ellipsis()),
        theme.accent(),
    );
    canvas.put(inside, 2, 0, "action", theme.title());
    let cursor = draw_field(&form.narrow, false, canvas, inside, 2);
    let Some(offered) = &form.offered else {
        let said = form.fault.as_deref().unwrap_or("reading what they offer");
        canvas.put(
            inside,
            4,
            2,
            &text::cut(&clean(said), width - 2, theme.ellipsis()),
            theme.dim(),
        );
        return cursor;
    };
    let choices = form.choices();
    if choices.is_empty() {
        let said = "none of them offers such an action (docs/actions.md)";
        canvas.put(inside, 4, 2, said, theme.dim());
    }
    let at = form.cursor.min(choices.len().saturating_sub(1));
    let first = (at + 1).saturating_sub(SHOWN);
    for ((index, choice), row) in choices.iter().enumerate().skip(first).take(SHOWN).zip(4..) {
        let here = index == at;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let style = if here { theme.cursor() } else { Style::new() };
        let name = text::fit(&clean(&choice.action.name), 22, theme.ellipsis());
        let column = canvas.put(inside, row, 2, &name, style);
        let share = format!(
            " {:<14}",
            format!(
                "{} of {}",
                format::count(choice.systems),
                format::count(offered.systems)
            )
        );
        let all = choice.systems == offered.systems;
        let style = if all { theme.dim() } else { theme.warn() };
        let column = canvas.put(inside, row, column, &share, style);
        let asks = if choice.confirms { "asks first  " } else { "" };
        let column = canvas.put(inside, row, column, asks, theme.warn());
        canvas.put(
            inside,
            row,
            column,
            &clean(&choice.action.description),
            theme.dim(),
        );
    }
    cursor
}

fn typing(
    form: &RunManyForm,
    filling: &ManyFilling,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, WIDTH, 19, "run an action");
    let head = format!(
        "{} on {} ({} it)",
        clean(&filling.values.action.name),
        whom(form),
        offering(filling.systems)
    );
    canvas.put(
        inside,
        0,
        0,
        &text::cut(&head, usize::from(inside.width), theme.ellipsis()),
        theme.title(),
    );
    // Two lines for each, and those around the one with the cursor.
    let room = usize::from(inside.height.saturating_sub(3) / 2).max(1);
    let first = (filling.values.focus + 1).saturating_sub(room);
    let mut cursor = None;
    let shown = fields(filling).into_iter().enumerate().skip(first).take(room);
    for ((index, (name, field, about)), row) in shown.zip((2_u16..).step_by(2)) {
        let here = index == filling.values.focus;
        let style = if here { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, &text::fit(&name, 15, theme.ellipsis()), style);
        let place = draw_field(field, false, canvas, inside, row);
        if here {
            cursor = place;
        }
        let (said, style) = match filling.fault(index) {
            Some(fault) if !field.text().is_empty() => (clean(&fault), theme.error()),
            _ => (about, theme.dim()),
        };
        let width = usize::from(inside.width.saturating_sub(2));
        canvas.put(
            inside,
            row + 1,
            2,
            &text::cut(&said, width, theme.ellipsis()),
            style,
        );
    }
    cursor
}

fn offering(systems: i64) -> String {
    match systems {
        1 => "1 offers".to_owned(),
        many => format!("{} offer", format::count(many)),
    }
}

/// Names, fields and what to know of each.
fn fields(filling: &ManyFilling) -> Vec<(String, &TextField, String)> {
    let parameters = filling
        .values
        .action
        .parameters
        .iter()
        .zip(&filling.values.fields);
    let mut fields: Vec<_> = parameters
        .map(|(parameter, field)| (clean(&parameter.name), field, hint(parameter)))
        .collect();
    fields.push((
        "at once".to_owned(),
        &filling.batch,
        "so many systems run it at the same time, at most".to_owned(),
    ));
    fields.push((
        "may fail".to_owned(),
        &filling.failures,
        "when more than so many failed, no further system is told".to_owned(),
    ));
    fields
}
