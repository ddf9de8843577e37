//! Login and the first run.

use crate::model::{Link, LoginStep, State, TextField, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;

/// Columns of the form.
const WIDTH: u16 = 66;
/// Column of the fields' text.
const TEXT: u16 = 16;
/// Most keys of the SSH agent that are shown at once.
const SHOWN_KEYS: usize = 4;

/// Draws the form; answers where the text cursor is.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let login = &state.login;
    let keys_shown = u16::try_from(login.keys.len().min(SHOWN_KEYS)).unwrap_or(0);
    let height = match login.step {
        LoginStep::Setup => 17,
        _ => 13 + keys_shown,
    };
    let inside = canvas.window(body, WIDTH, height, "OpenSCM");
    let server = state
        .server()
        .map(|context| context.url.clone())
        .unwrap_or_default();
    let version = state
        .server_version
        .as_deref()
        .map(|version| format!("  ({version})"))
        .unwrap_or_default();
    let column = canvas.put(inside, 1, 0, "server ", theme.dim());
    canvas.put(inside, 1, column, &format!("{server}{version}"), theme.title());
    let mut row = 3;
    match login.step {
        LoginStep::Connecting if login.busy => {
            canvas.put(inside, row, 0, "connecting", theme.accent());
        }
        LoginStep::Connecting => {}
        LoginStep::Password => {
            let note = if login.before.is_some() {
                "Log in again: everything is where you left it."
            } else {
                "Log in."
            };
            canvas.put(inside, row, 0, note, theme.dim());
        }
        LoginStep::SecondFactor => {
            let note = "A code of your authenticator, or a recovery code.";
            canvas.put(inside, row, 0, note, theme.dim());
        }
        LoginStep::Setup => {
            canvas.put(
                inside,
                row,
                0,
                "First run: create the owner. The server printed a setup code",
                theme.dim(),
            );
            canvas.put(inside, row + 1, 0, "at its first start.", theme.dim());
            row += 1;
        }
    }
    let fields: Vec<(&str, &TextField, bool)> = match login.step {
        LoginStep::Connecting => Vec::new(),
        LoginStep::Password => vec![
            ("name", &login.username, false),
            ("password", &login.password, true),
        ],
        LoginStep::SecondFactor => vec![("code", &login.second, false)],
        LoginStep::Setup => vec![
            ("setup code", &login.code, false),
            ("name", &login.username, false),
            ("password", &login.password, true),
            ("repeat", &login.repeat, true),
        ],
    };
    row += 2;
    let mut cursor = None;
    for (index, (name, field, hidden)) in fields.into_iter().enumerate() {
        let focused = index == login.focus;
        let style = if focused { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, if focused { ">" } else { " " }, theme.accent());
        canvas.put(inside, row, 2, name, style);
        let at = draw_field(field, hidden, canvas, inside, row);
        if focused {
            cursor = at;
        }
        row += 1;
    }
    if login.step == LoginStep::Password {
        row += keys(state, canvas, inside, row);
    }
    row += 1;
    message(state, canvas, inside, row);
    cursor.filter(|_| !login.busy && state.overlay.is_none())
}

/// The keys of the SSH agent, as many as fit; answers how many rows they took.
fn keys(state: &State, canvas: &mut Canvas<'_>, inside: Rect, row: u16) -> u16 {
    let theme = canvas.theme;
    let login = &state.login;
    let chosen = login.focus.checked_sub(2);
    let from = chosen.map_or(0, |at| at.saturating_sub(SHOWN_KEYS - 1));
    let mut rows = 0;
    for (index, key) in login.keys.iter().enumerate().skip(from).take(SHOWN_KEYS) {
        let here = chosen == Some(index);
        let style = if here { theme.title() } else { theme.dim() };
        canvas.put(
            inside,
            row + rows,
            0,
            if here { ">" } else { " " },
            theme.accent(),
        );
        canvas.put(inside, row + rows, 2, "or SSH key", style);
        let width = usize::from(inside.width.saturating_sub(TEXT));
        let name = format!("{} {}", key.name, key.fingerprint);
        let name = text::cut(&name, width, theme.ellipsis());
        canvas.put(inside, row + rows, TEXT, &name, style);
        rows += 1;
    }
    rows
}

pub(super) fn draw_field(
    field: &TextField,
    hidden: bool,
    canvas: &mut Canvas<'_>,
    area: Rect,
    row: u16,
) -> Option<(u16, u16)> {
    let width = usize::from(area.width.saturating_sub(TEXT)).saturating_sub(1);
    let (shown, column) = if hidden {
        ("*".repeat(field.chars()), field.cursor())
    } else {
        (field.text().to_owned(), field.column())
    };
    let scroll = column.saturating_sub(width);
    let visible: String = shown.chars().skip(scroll).collect();
    let style = canvas
        .theme
        .title()
        .add_modifier(ratatui::style::Modifier::UNDERLINED);
    canvas.put(area, row, TEXT, &text::fit(&visible, width, ""), style);
    let x = area.x + TEXT + u16::try_from(column - scroll).ok()?;
    Some((x, area.y + row))
}

fn message(state: &State, canvas: &mut Canvas<'_>, area: Rect, from: u16) {
    let theme = canvas.theme;
    let login = &state.login;
    let mut row = from;
    if let Some(error) = &login.error {
        for line in text::wrap(&clean(error), usize::from(area.width)).iter().take(4) {
            canvas.put(area, row, 0, line, theme.error());
            row += 1;
        }
    }
    let note = match (&state.link, login.step) {
        (Link::Waiting { .. }, _) => "trying again by itself",
        (_, LoginStep::Connecting) if !login.busy => "Enter tries again, @ chooses another server, q quits",
        (_, LoginStep::Password | LoginStep::Setup | LoginStep::SecondFactor) if login.busy => {
            "asking the server"
        }
        _ => "",
    };
    canvas.put(area, row, 0, note, theme.dim());
}
