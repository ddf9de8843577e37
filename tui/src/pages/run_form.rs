//! The form that runs an action on a system: what it offers, the values, the question.

use super::login::draw_field;
use crate::model::{Confirm, Filling, Focus, RunForm, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws the form; answers where the text cursor is.
pub fn draw(form: &RunForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    match &form.filling {
        None => {
            choosing(form, canvas, body);
            None
        }
        Some(filling) => match &filling.confirm {
            Some(confirm) => confirming(form, filling, confirm, canvas, body),
            None => typing(form, filling, canvas, body),
        },
    }
}

fn choosing(form: &RunForm, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 18, "run an action");
    canvas.put(
        inside,
        0,
        0,
        &format!("What {} allows", form.hostname),
        theme.title(),
    );
    let Some((actions, refused)) = &form.offer else {
        let said = form.fault.as_deref().unwrap_or("reading what the system offers");
        canvas.put(inside, 2, 0, &clean(said), theme.dim());
        return;
    };
    let room = usize::from(inside.height.saturating_sub(2)).max(1);
    let first = (form.cursor + 1).saturating_sub(room);
    let mut row = 2;
    if actions.is_empty() {
        let said = "Nothing: its own configuration lists no action that can be run (docs/actions.md).";
        canvas.put(inside, row, 0, said, theme.dim());
        row += 1;
    }
    for (index, action) in actions.iter().enumerate().skip(first).take(room) {
        let here = index == form.cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.title());
        let name = text::fit(&clean(&action.name), 22, theme.ellipsis());
        let style = if here { theme.cursor() } else { Style::new() };
        let column = canvas.put(inside, row, 2, &name, style);
        let asks = if action.requires_confirmation {
            "asks first  "
        } else {
            ""
        };
        let column = canvas.put(inside, row, column + 1, asks, theme.warn());
        canvas.put(inside, row, column, &clean(&action.description), theme.dim());
        row += 1;
    }
    for action in refused {
        let line = format!("  {}: refused, {}", clean(&action.name), clean(&action.reason));
        let line = text::cut(&line, usize::from(inside.width), theme.ellipsis());
        canvas.put(inside, row, 0, &line, theme.dim());
        row += 1;
    }
}

fn typing(form: &RunForm, filling: &Filling, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 18, "run an action");
    let head = format!("{} on {}", clean(&filling.action.name), form.hostname);
    canvas.put(inside, 0, 0, &head, theme.title());
    let mut cursor = None;
    // Two lines for each, and those around the one with the cursor.
    let room = usize::from(inside.height.saturating_sub(5) / 2).max(1);
    let first = (filling.focus + 1).saturating_sub(room);
    let shown = filling.action.parameters.iter().zip(&filling.fields).enumerate();
    for ((index, (parameter, field)), row) in shown.skip(first).take(room).zip((2_u16..).step_by(2)) {
        let here = index == filling.focus;
        let name = text::fit(&clean(&parameter.name), 15, theme.ellipsis());
        canvas.put(
            inside,
            row,
            0,
            &name,
            if here { theme.title() } else { theme.dim() },
        );
        let place = draw_field(field, false, canvas, inside, row);
        if here {
            cursor = place;
        }
        let (said, style) = match filling.fault(index) {
            Some(fault) if !field.text().is_empty() => (clean(&fault), theme.error()),
            _ => (hint(parameter), theme.dim()),
        };
        let said = text::cut(
            &said,
            usize::from(inside.width.saturating_sub(2)),
            theme.ellipsis(),
        );
        canvas.put(inside, row + 1, 2, &said, style);
    }
    if let Some(fault) = &form.fault {
        for (line, row) in text::wrap(&clean(fault), usize::from(inside.width))
            .iter()
            .zip(inside.height.saturating_sub(2)..inside.height)
        {
            canvas.put(inside, row, 0, line, theme.error());
        }
    }
    cursor
}

/// What fits into the field of a parameter.
pub(super) fn hint(parameter: &scm_protocol::commands::catalogue::Parameter) -> String {
    let pattern = parameter
        .pattern
        .as_deref()
        .map(|pattern| format!("matches {}", clean(pattern)));
    let rule = pattern.unwrap_or_else(|| format!("at most {} bytes", parameter.max_length));
    if parameter.description.is_empty() {
        rule
    } else {
        format!("{}; {rule}", clean(&parameter.description))
    }
}

fn confirming(
    form: &RunForm,
    filling: &Filling,
    confirm: &Confirm,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 10, "run an action");
    let values: Vec<String> = filling
        .values()
        .iter()
        .map(|(name, value)| format!("{}={}", clean(name), clean(value)))
        .collect();
    let head = format!("Run {} on {}", clean(&filling.action.name), form.hostname);
    canvas.put(inside, 0, 0, &head, theme.title());
    for (line, row) in text::wrap(&values.join("  "), usize::from(inside.width))
        .iter()
        .zip(1..3)
    {
        canvas.put(inside, row, 0, line, Style::new());
    }
    let limit = format!(
        "It is stopped after {} s with all that it started.",
        filling.action.timeout_secs
    );
    canvas.put(inside, 3, 0, &limit, theme.dim());
    if filling.waits_for.is_some() {
        canvas.put(inside, 5, 0, "asking the server", theme.dim());
        return None;
    }
    let Some((phrase, field)) = &confirm.typed else {
        super::dialog::buttons(canvas, inside, 5, "run it", confirm.focus == Focus::Cancel);
        return None;
    };
    let column = canvas.put(inside, 5, 0, "type the name ", theme.dim());
    let column = canvas.put(inside, 5, column, phrase, theme.warn());
    let column = canvas.put(inside, 5, column, " and press Enter: ", theme.dim());
    canvas.put(inside, 5, column, field.text(), theme.title());
    let x = inside.x + column + u16::try_from(field.column()).unwrap_or(0);
    Some((x, inside.y + 5))
}
