//! Help: the key table as it is.

use crate::keys::{BINDINGS, Danger, Scope};
use crate::model::State;
use crate::view::Canvas;
use ratatui::layout::Rect;

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

/// How many lines there are.
pub fn lines() -> usize {
    BINDINGS.len() + Scope::ALL.len() * 2 + STATES.len() + 1
}

/// Draws the help from a line on.
pub fn draw(state: &State, scroll: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    canvas.clear(body);
    let mut line = 0usize;
    let height = usize::from(body.height);
    let mut row_of = || {
        let row = line
            .checked_sub(scroll)
            .filter(|row| *row < height)
            .and_then(|row| u16::try_from(row).ok());
        line += 1;
        row
    };
    for scope in Scope::ALL {
        if let Some(row) = row_of() {
            canvas.put(body, row, 0, scope.title(), theme.title());
        }
        for binding in BINDINGS.iter().filter(|binding| binding.scope == scope) {
            let Some(row) = row_of() else { continue };
            let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
            let keys = if keys.is_empty() {
                format!(":{}", binding.name)
            } else {
                keys.join(" ")
            };
            canvas.put(body, row, 2, &keys, theme.accent());
            let column = canvas.put(body, row, 18, binding.text, ratatui::style::Style::new());
            let obstacle = state.action_obstacle(binding.action);
            let note = match (obstacle, binding.danger) {
                (Some(reason), _) => format!("  ({reason})"),
                (None, Danger::None) => String::new(),
                (None, danger) => format!("  [{}]", danger.word()),
            };
            canvas.put(body, row, column, &note, theme.warn());
        }
        row_of();
    }
    if let Some(row) = row_of() {
        canvas.put(body, row, 0, "words of states", theme.title());
    }
    for (word, meaning) in STATES {
        if let Some(row) = row_of() {
            canvas.put(body, row, 2, word, theme.accent());
            canvas.put(body, row, 18, meaning, ratatui::style::Style::new());
        }
    }
}
