//! Help: the key table as it is.

use crate::keys::{BINDINGS, Danger, Scope};
use crate::model::State;
use crate::view::text::{fit, wrap};
use crate::view::{Canvas, Theme};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

/// Words of states, under the keys.
const STATES: [(&str, &str); 9] = [
    ("PEND", "waits for approval"),
    ("OK", "active, heard of in time"),
    ("LATE", "active, overdue"),
    ("OFF", "active, silent for three intervals"),
    ("NEVER", "active, never checked in"),
    ("SKEW", "active, its clock is off by more than ten seconds"),
    ("BOOT", "active, its machine started anew within ten minutes"),
    ("REVOK", "revoked: cut off, history kept"),
    ("DENY", "denied: its key is blocked"),
];

/// Where what a key does begins.
const TEXT: u16 = 18;

/// Draws the help from a line on.
pub fn draw(state: &State, scroll: usize, canvas: &mut Canvas<'_>, body: Rect) {
    canvas.clear(body);
    let lines = lines(state, body.width, canvas.theme);
    for (row, line) in (0..body.height).zip(lines.iter().skip(scroll)) {
        canvas.put_line(body, row, line);
    }
}

/// How many lines there are on the screen as it is.
pub fn count(state: &State) -> usize {
    lines(state, state.size.0, Theme::new(state.settings)).len()
}

fn lines(state: &State, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for scope in Scope::ALL {
        lines.push(Line::styled(scope.title(), theme.title()));
        for binding in BINDINGS.iter().filter(|binding| binding.scope == scope) {
            let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() {
                format!(":{}", binding.name)
            } else {
                keys.join(" ")
            };
            let note = match (state.action_obstacle(binding.action), binding.danger) {
                (Some(reason), _) => format!("({reason})"),
                (None, Danger::None) => String::new(),
                (None, danger) => format!("[{}]", danger.word()),
            };
            lines.extend(entry(&keys, binding.text, &note, width, theme));
        }
        lines.push(Line::default());
    }
    lines.push(Line::styled("words of states", theme.title()));
    for (word, meaning) in STATES {
        lines.extend(entry(word, meaning, "", width, theme));
    }
    lines
}

/// What is meant beside what it is called, in as many lines as it takes; the note ends it, on a line of its own where
/// there is no room.
fn entry(name: &str, text: &str, note: &str, width: u16, theme: Theme) -> Vec<Line<'static>> {
    let room = usize::from(width.saturating_sub(TEXT));
    let mut parts: Vec<Vec<Span<'static>>> = wrap(text, room)
        .into_iter()
        .map(|text| vec![Span::raw(text)])
        .collect();
    if let Some(last) = parts.last_mut().filter(|_| !note.is_empty()) {
        let used: usize = last.iter().map(Span::width).sum();
        if used + 2 + note.width() <= room {
            last.push(Span::styled(format!("  {note}"), theme.warn()));
        } else {
            let more = wrap(note, room).into_iter();
            parts.extend(more.map(|note| vec![Span::styled(note, theme.warn())]));
        }
    }
    let mut names = std::iter::once(fit(&format!("  {name}"), usize::from(TEXT), ""));
    let indented = parts.into_iter().map(|spans| {
        let name = names.next().unwrap_or_else(|| " ".repeat(usize::from(TEXT)));
        let mut line = vec![Span::styled(name, theme.accent())];
        line.extend(spans);
        Line::from(line)
    });
    indented.collect()
}
