//! The form of a new rollout, and the number that confirms it.

use super::login::draw_field;
use crate::model::{ROLLOUT_FIELDS, RolloutForm, RolloutStep, State, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Draws it; answers where the text cursor is.
pub fn draw(state: &State, form: &RolloutForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 18, "new rollout");
    let width = usize::from(inside.width);
    if let RolloutStep::Confirming { count, typed, .. } = &form.step {
        let head = format!(
            "Upgrade {} to {} on {}",
            format::systems(usize::try_from(*count).unwrap_or(usize::MAX)),
            clean(form.fields[1].text()),
            state.server_name()
        );
        canvas.put(
            inside,
            0,
            0,
            &text::cut(&head, width, theme.ellipsis()),
            theme.title(),
        );
        let lines = [
            format!("those that match: {}", clean(form.fields[0].text())),
            format!("in stages of {} %", clean(form.fields[2].text())),
            format!("halting when more than {} fail", clean(form.fields[3].text())),
            "Systems that match later are not added.".to_owned(),
        ];
        for (line, row) in lines.iter().zip(2..) {
            canvas.put(
                inside,
                row,
                0,
                &text::cut(line, width, theme.ellipsis()),
                Style::new(),
            );
        }
        let column = canvas.put(inside, 8, 0, "type the number ", theme.dim());
        let column = canvas.put(inside, 8, column, &count.to_string(), theme.warn());
        let column = canvas.put(inside, 8, column, " and press Enter: ", theme.dim());
        canvas.put(inside, 8, column, typed.text(), theme.title());
        let at = u16::try_from(typed.column()).unwrap_or(0);
        return Some((inside.x + column + at, inside.y + 8));
    }
    let mut cursor = None;
    for ((index, (name, hint)), row) in ROLLOUT_FIELDS.iter().enumerate().zip((0_u16..).step_by(2)) {
        let here = index == form.focus;
        let style = if here { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, &text::fit(name, 15, theme.ellipsis()), style);
        let place = draw_field(&form.fields[index], false, canvas, inside, row);
        if here && matches!(form.step, RolloutStep::Typing) {
            cursor = place;
        }
        canvas.put(inside, row + 1, 2, hint, theme.dim());
    }
    let row = inside.height.saturating_sub(2);
    let waits = match form.step {
        RolloutStep::Counting => "counting what matches",
        RolloutStep::Sent => "asking the server",
        _ => "",
    };
    canvas.put(inside, row, 0, waits, theme.accent());
    for (line, row) in form
        .fault
        .iter()
        .flat_map(|fault| text::wrap(&clean(fault), width))
        .zip(row..inside.height)
    {
        canvas.put(inside, row, 0, &line, theme.error());
    }
    cursor
}
