//! One entry of the audit, whole: before and after, and its place in the chain.

use crate::model::clean;
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use scm_protocol::audit::AuditEntry;
use serde_json::Value;

/// Draws it, from the line `top` on.
pub fn draw(entry: &AuditEntry, top: usize, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let height = body.height.saturating_sub(1).min(20);
    let inside = canvas.window(body, 78, height, &format!("entry #{}", format::count(entry.id)));
    let width = usize::from(inside.width);
    let lines = lines(entry, width);
    let room = usize::from(inside.height).saturating_sub(1);
    let top = top.min(lines.len().saturating_sub(room));
    for ((name, value), row) in lines.iter().skip(top).take(room).zip(0..) {
        canvas.put(inside, row, 0, name, theme.dim());
        let style = if name.trim() == "outcome" && value != "ok" {
            theme.error()
        } else {
            theme.title()
        };
        canvas.put(inside, row, NAME_COLUMN, value, style);
    }
    let more = lines.len() > top + room;
    let hint = if more { "j more   Esc closes" } else { "Esc closes" };
    canvas.put(inside, inside.height.saturating_sub(1), 0, hint, theme.dim());
}

/// Column of the values.
const NAME_COLUMN: u16 = 12;

fn lines(entry: &AuditEntry, width: usize) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: &str| {
        let width = width.saturating_sub(usize::from(NAME_COLUMN)).max(10);
        let wrapped = text::wrap(&clean(value), width);
        let names = std::iter::once(clean(name)).chain(std::iter::repeat(String::new()));
        lines.extend(names.zip(wrapped));
    };
    add("when", &format::date_time(entry.at_ms));
    add("who", &entry.actor);
    add(
        "from",
        if entry.address.is_empty() {
            "the server itself"
        } else {
            &entry.address
        },
    );
    add("what", &entry.action);
    add("on what", &entry.target);
    add("outcome", &entry.outcome);
    match &entry.detail {
        Value::Object(members) => {
            let first = ["before", "after"]
                .iter()
                .filter_map(|name| members.get_key_value(*name));
            let rest = members
                .iter()
                .filter(|(name, _)| !["before", "after"].contains(&name.as_str()));
            for (name, value) in first.chain(rest) {
                add(&text::fit(name, usize::from(NAME_COLUMN) - 1, ""), &plain(value));
            }
        }
        Value::Null => {}
        other => add("detail", &plain(other)),
    }
    // In two halves: so it can be read aloud and compared, and fits.
    for (name, hash) in [("hash", &entry.hash), ("previous", &entry.previous_hash)] {
        let middle = hash.len() / 2;
        let halves = hash.split_at_checked(middle).unwrap_or((hash, ""));
        add(name, halves.0);
        add("", halves.1);
    }
    lines
}

/// A value as a person writes it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}
