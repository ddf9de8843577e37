//! Forms and questions about access, over whatever page.

use super::login::draw_field;
use crate::model::{AccessForm, AccessFront, AccessQuestion, Focus, FormKind, State, clean};
use crate::view::{Canvas, text};
use qrcode::{Color, EcLevel, QrCode};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Column of the fields' text and of what is said about them.
const TEXT: u16 = 16;

/// Draws what takes the keys; answers where the text cursor is.
pub fn draw(state: &State, front: AccessFront, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    match front {
        AccessFront::Question => question(state, state.access.question.as_ref()?, canvas, body),
        AccessFront::Form => {
            let form = state.access.form.as_ref()?;
            match &form.kind {
                FormKind::Confirm(secret, url) => confirm(form, secret.expose(), url.expose(), canvas, body),
                _ => self::form(state, form, canvas, body),
            }
        }
    }
}

fn form(state: &State, form: &AccessForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let rows = u16::try_from(form.fields.len()).unwrap_or(5);
    let inside = canvas.window(body, 74, rows * 2 + 9, &form.title());
    canvas.put(inside, 0, 0, form.note(), theme.dim());
    let cursor = fields(form, canvas, inside, 2);
    let row = rows * 2 + 2;
    let agent = match &state.access.agent_keys {
        Some(Err(reason)) if matches!(form.kind, FormKind::AddSshKey) => Some(reason.as_str()),
        _ => None,
    };
    said(form, agent, canvas, inside, row);
    canvas.put(
        inside,
        row + 4,
        0,
        "Enter sends it from the last field; Esc closes",
        theme.dim(),
    );
    cursor.filter(|_| form.waits_for.is_none())
}

/// Draws the fields from a row on, two rows each.
fn fields(form: &AccessForm, canvas: &mut Canvas<'_>, inside: Rect, from: u16) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let mut cursor = None;
    for (index, (field, row)) in form.fields.iter().zip((from..).step_by(2)).enumerate() {
        let focused = index == form.focus;
        let style = if focused { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, if focused { ">" } else { " " }, theme.accent());
        canvas.put(inside, row, 2, field.label, style);
        let at = match &field.choices {
            Some(_) => {
                let width = usize::from(inside.width.saturating_sub(TEXT + 4));
                let shown = text::cut(&clean(field.value()), width, theme.ellipsis());
                canvas.put(inside, row, TEXT, &format!("< {shown} >"), style);
                Some((inside.x + TEXT, inside.y + row))
            }
            None => draw_field(&field.text, field.hidden, canvas, inside, row),
        };
        if focused {
            cursor = at;
        }
        let (below, style) = match &form.fault {
            Some((at, reason)) if *at == index => (clean(reason), theme.error()),
            _ if focused => (field.hint.to_owned(), theme.dim()),
            _ => continue,
        };
        let width = usize::from(inside.width.saturating_sub(TEXT));
        let below = text::cut(&below, width, theme.ellipsis());
        canvas.put(inside, row + 1, TEXT, &below, style);
    }
    cursor
}

fn said(form: &AccessForm, agent: Option<&str>, canvas: &mut Canvas<'_>, inside: Rect, row: u16) {
    let theme = canvas.theme;
    let (text, style) = match (form.waits_for, &form.error, agent) {
        (Some(_), _, _) => ("asking the server".to_owned(), theme.accent()),
        (None, Some(error), _) => (clean(error), theme.error()),
        (None, None, Some(agent)) => (clean(agent), theme.dim()),
        (None, None, None) => return,
    };
    let lines = text::wrap(&text, usize::from(inside.width));
    for (line, row) in lines.iter().take(3).zip(row..) {
        canvas.put(inside, row, 0, line, style);
    }
}

/// The seed as a QR code beside what is typed.
fn confirm(
    form: &AccessForm,
    secret: &str,
    url: &str,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    canvas.clear(body);
    let inside = body;
    let picture = picture(url, theme.settings.ascii);
    let fits = picture.len() <= usize::from(inside.height)
        && picture
            .first()
            .is_some_and(|line| line.chars().count() + 38 <= usize::from(inside.width));
    let left = if fits {
        for (line, row) in picture.iter().zip(0..) {
            canvas.put(inside, row, 0, line, Style::new());
        }
        let width = picture.first().map_or(0, |line| line.chars().count());
        u16::try_from(width).unwrap_or(0) + 2
    } else {
        0
    };
    let right = Rect {
        x: inside.x + left,
        width: inside.width.saturating_sub(left),
        ..inside
    };
    canvas.put(right, 0, 0, &form.title(), theme.title());
    let mut row = 1;
    for line in text::wrap(form.note(), usize::from(right.width)) {
        canvas.put(right, row, 0, &line, theme.dim());
        row += 1;
    }
    if !fits {
        let width = usize::from(right.width);
        for line in text::wrap(url, width) {
            canvas.put(right, row, 0, &line, Style::new());
            row += 1;
        }
    }
    canvas.put(right, row + 1, 0, "secret", theme.dim());
    let groups: Vec<String> = secret
        .as_bytes()
        .chunks(16)
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect();
    for (group, row) in groups.iter().zip(row + 2..) {
        canvas.put(right, row, 0, group, theme.title());
    }
    let cursor = fields(form, canvas, right, row + 5);
    said(form, None, canvas, right, row + 8);
    cursor.filter(|_| form.waits_for.is_none())
}

/// Two modules a character, with a light border, drawn in reverse: dark on light is what scanners expect. In ASCII there is
/// none: the secret is typed.
fn picture(url: &str, ascii: bool) -> Vec<String> {
    let Some(code) = (!ascii).then(|| QrCode::with_error_correction_level(url, EcLevel::L)) else {
        return Vec::new();
    };
    let Ok(code) = code else { return Vec::new() };
    let width = code.width();
    let colors = code.to_colors();
    let light = |x: usize, y: usize| {
        let inside = (1..=width).contains(&x) && (1..=width).contains(&y);
        !inside || colors.get((y - 1) * width + x - 1) != Some(&Color::Dark)
    };
    let row = |y: usize| {
        let cells = (0..width + 2).map(|x| match (light(x, y), y + 1 >= width + 2 || light(x, y + 1)) {
            (true, true) => '\u{2588}',
            (true, false) => '\u{2580}',
            (false, true) => '\u{2584}',
            (false, false) => ' ',
        });
        cells.collect()
    };
    (0..width + 2).step_by(2).map(row).collect()
}

fn question(
    state: &State,
    question: &AccessQuestion,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 13, &question.title);
    let width = usize::from(inside.width);
    let head = format!("{} On {}.", question.head, state.server_name());
    let mut row = 0;
    let lines = std::iter::once((head.as_str(), theme.title()));
    let lines = lines.chain(question.lines.iter().map(|line| (line.as_str(), Style::new())));
    for (line, style) in lines {
        for line in text::wrap(line, width) {
            canvas.put(inside, row, 0, &line, style);
            row += 1;
        }
    }
    row += 1;
    let Some(phrase) = &question.phrase else {
        let confirm = question.focus == Focus::Confirm;
        let buttons = [("Cancel", !confirm), ("Do it", confirm)];
        let mut column = 0;
        for (name, focused) in buttons {
            let (label, style) = if focused {
                (format!(">[ {name} ]<"), theme.cursor())
            } else {
                (format!(" [ {name} ] "), theme.dim())
            };
            column = canvas.put(inside, row, column, &label, style) + 2;
        }
        return None;
    };
    canvas.put(inside, row, 0, "type the name and press Enter:", theme.dim());
    canvas.put(inside, row + 1, 0, phrase, theme.warn());
    canvas.put(inside, row + 2, 0, "> ", theme.accent());
    let scroll = question.typed.scroll(width.saturating_sub(3));
    let typed: String = question.typed.text().chars().skip(scroll).collect();
    canvas.put(inside, row + 2, 2, &typed, theme.title());
    let column = u16::try_from(question.typed.column().saturating_sub(scroll)).ok()?;
    Some((inside.x + 2 + column, inside.y + row + 2))
}
