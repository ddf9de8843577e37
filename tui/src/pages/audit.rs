//! The audit log, newest first.

use crate::model::{State, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::audit::AuditEntry;

/// Draws the page.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let audit = &state.audit;
    let heading = format!("  {:<20}  {:<14} {:<20} {}", "WHEN", "WHO", "WHAT", "ON WHAT");
    canvas.put(body, 0, 0, &heading, theme.dim());
    if audit.entries.is_empty() {
        let text = match &audit.error {
            Some(error) => error.clone(),
            None if audit.loading => "reading the audit log".to_owned(),
            None => "nothing was done yet".to_owned(),
        };
        canvas.put(body, 2, 2, &text, theme.dim());
        return;
    }
    let shown = audit.entries.iter().skip(audit.scroll);
    for (entry_shown, row) in shown.zip(1..body.height) {
        entry(entry_shown, canvas, body, row);
    }
    if audit.newer && audit.scroll > 0 {
        canvas.put_right(body, 0, "newer entries: g", theme.warn());
    }
}

/// One entry in one line.
pub(super) fn entry(entry: &AuditEntry, canvas: &mut Canvas<'_>, body: Rect, row: u16) {
    let theme = canvas.theme;
    let cell = |value: &str, width: usize| text::fit(&clean(value), width, theme.ellipsis());
    let refused = entry.outcome != "ok";
    let mut column = canvas.put(body, row, 2, &format::date_time(entry.at_ms), theme.dim());
    column = canvas.put(body, row, column + 2, &cell(&entry.actor, 14), Style::new());
    column = canvas.put(body, row, column + 1, &cell(&entry.action, 20), theme.accent());
    if refused {
        let outcome = format!("{} ", clean(&entry.outcome).to_uppercase());
        column = canvas
            .put(body, row, column + 1, &outcome, theme.error())
            .saturating_sub(1);
    }
    canvas.put(body, row, column + 1, &clean(&entry.target), Style::new());
}
