//! The filter in the line of the place, and below it while it is typed: what is wrong, what is expected, what can be put in.

use super::{Canvas, FULL_HEIGHT, FULL_WIDTH, frame_lines, text};
use crate::model::{List, Offer, State, clean};
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

/// Column at which the filter's text begins, behind the page's name and `/`.
const COLUMN: u16 = 11;
/// Candidates on the screen at once.
const SHOWN: usize = 9;
/// Columns of the box with them.
const BOX_WIDTH: u16 = 62;
/// Columns of a candidate's name.
const NAME_WIDTH: usize = 20;

/// Columns of the filter's text: what the numbers at the right leave.
fn width(state: &State, list: &List, row: Rect) -> usize {
    let small = row.width < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let numbers = if small {
        0
    } else {
        frame_lines::numbers(state, list).width() + 2
    };
    usize::from(row.width.saturating_sub(COLUMN))
        .saturating_sub(numbers)
        .max(1)
}

/// Draws the filter's text.
pub(super) fn draw(state: &State, list: &List, canvas: &mut Canvas<'_>, row: Rect) {
    if !list.filtering && list.filter.text().is_empty() {
        return;
    }
    let theme = canvas.theme;
    let broken = !list.filtering && list.filter_error.is_some();
    canvas.put(row, 0, COLUMN - 1, if broken { "!" } else { "/" }, theme.warn());
    let style = match (list.filtering, &list.filter_error) {
        (true, _) => theme.title(),
        // It narrows nothing.
        (false, Some(_)) => theme.error(),
        (false, None) => theme.accent(),
    };
    let width = width(state, list, row);
    let scroll = list.filter.scroll(width.saturating_sub(1));
    let shown: String = list.filter.text().chars().skip(scroll).collect();
    canvas.put(row, 0, COLUMN, &text::fit(&clean(&shown), width, ""), style);
    let fault = list.filter_error.as_ref().filter(|_| !is_unfinished(list));
    let place = fault.and_then(|error| (error.column - 1).checked_sub(scroll));
    if let Some(place) = place.filter(|place| *place < width) {
        let before: String = shown.chars().take(place).collect();
        let column = u16::try_from(before.width()).unwrap_or(0);
        canvas.paint(row, 0, COLUMN + column, 1, theme.error().patch(theme.cursor()));
    }
}

/// Nothing is wrong with what stands there: something is missing behind it.
fn is_unfinished(list: &List) -> bool {
    let end = list.filter.text().trim_end().chars().count();
    list.filter_error.as_ref().is_some_and(|error| error.column > end)
}

/// Draws what belongs to the filter that is typed over the upper part of the list.
pub(super) fn draw_below(list: &List, canvas: &mut Canvas<'_>, body: Rect) {
    let mut used = 0;
    let width = usize::from(body.width);
    if let Some((said, style)) = about(list, canvas.theme) {
        for line in text::wrap(&clean(&said), width).iter().take(2) {
            let row = Rect {
                y: body.y + used,
                height: 1.min(body.height.saturating_sub(used)),
                ..body
            };
            canvas.clear(row);
            canvas.put(row, 0, 0, line, style);
            used += 1;
        }
    }
    if list.offer.is_shown() {
        let rest = Rect {
            y: body.y + used.min(body.height),
            height: body.height.saturating_sub(used),
            ..body
        };
        let scroll = list.filter.scroll(width.saturating_sub(usize::from(COLUMN)));
        let word = u16::try_from(list.offer.completion.from.saturating_sub(scroll)).unwrap_or(0);
        candidates(
            &list.offer,
            canvas,
            rest,
            COLUMN.saturating_add(word).saturating_sub(2),
        );
    }
}

/// What is wrong, or what is expected at the cursor.
fn about(list: &List, theme: super::Theme) -> Option<(String, Style)> {
    let expected = list.offer.completion.expected.as_ref();
    match &list.filter_error {
        Some(error) if !is_unfinished(list) => Some((error.to_string(), theme.error())),
        _ if expected.is_some() => expected.map(|expected| (expected.clone(), theme.accent())),
        Some(error) if !list.offer.is_shown() => Some((error.to_string(), theme.dim())),
        _ => None,
    }
}

fn candidates(offer: &Offer, canvas: &mut Canvas<'_>, area: Rect, column: u16) {
    let theme = canvas.theme;
    let all = &offer.completion.candidates;
    let rows = all
        .len()
        .min(SHOWN)
        .min(usize::from(area.height.saturating_sub(2)));
    let width = BOX_WIDTH.min(area.width);
    let outer = Rect {
        x: area.x + column.min(area.width - width),
        width,
        height: u16::try_from(rows + 2).unwrap_or(u16::MAX).min(area.height),
        ..area
    };
    let at = offer.chosen.unwrap_or(0);
    let title = if all.len() > rows {
        format!("{} of {}", at + 1, all.len())
    } else {
        String::new()
    };
    let inside = canvas.boxed(outer, &title);
    let first = (at + 1).saturating_sub(rows);
    for ((index, candidate), row) in all.iter().enumerate().skip(first).take(rows).zip(0..) {
        let style = match offer.chosen {
            Some(chosen) if chosen == index => theme.cursor(),
            _ => theme.title(),
        };
        // What Tab takes can be seen without colours.
        let sign = if index == at { ">" } else { " " };
        canvas.put(inside, row, 0, sign, theme.accent());
        let name = text::fit(&candidate.name, NAME_WIDTH, theme.ellipsis());
        let column = canvas.put(inside, row, 2, &name, style);
        let room = usize::from(inside.width.saturating_sub(column + 1));
        let hint = text::cut(&candidate.hint, room, theme.ellipsis());
        canvas.put(inside, row, column + 1, &hint, theme.dim());
    }
}

/// Where the cursor stands in the filter.
pub(super) fn cursor(state: &State, list: &List, row: Rect) -> Option<(u16, u16)> {
    let scroll = list.filter.scroll(width(state, list, row).saturating_sub(1));
    let column = u16::try_from(list.filter.column().saturating_sub(scroll)).ok()?;
    Some((row.x + COLUMN + column, row.y))
}
