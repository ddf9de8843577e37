//! The dashboard: what needs the administrator, the fleet's states, and what was done lately.

use super::audit;
use crate::model::{State, StateWord, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;

/// Draws the page.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let Some(overview) = &state.overview else {
        canvas.put(body, 1, 2, "reading the overview", theme.dim());
        return;
    };
    canvas.rule(body, 0, "what needs you");
    let mut row = needs(state, canvas, body, 1);
    canvas.rule(body, row, "fleet");
    row += 1;
    let counts = overview.counts;
    let states = [
        (StateWord::Pending, counts.pending, "pending"),
        (StateWord::Ok, counts.online, "online"),
        (StateWord::Late, counts.late, "late"),
        (StateWord::Offline, counts.offline, "offline"),
        (StateWord::Never, counts.never_seen, "never seen"),
        (StateWord::Revoked, counts.revoked, "revoked"),
        (StateWord::Denied, counts.denied, "denied"),
    ];
    for (index, (word, number, name)) in states.into_iter().enumerate() {
        let cell = u16::try_from(index).unwrap_or(0);
        let (line, column) = (row + cell / 4, 2 + cell % 4 * 19);
        let style = if number > 0 {
            theme.state(word)
        } else {
            theme.dim()
        };
        let after = canvas.put(
            body,
            line,
            column,
            &format!("{:>6}", format::count(number)),
            style,
        );
        canvas.put(body, line, after, &format!(" {name}"), theme.dim());
    }
    let column = 2 + 3 * 19;
    let after = canvas.put(
        body,
        row + 1,
        column,
        &format!("{:>6}", format::count(counts.total)),
        theme.title(),
    );
    canvas.put(body, row + 1, after, " in all", theme.dim());
    row += 2;
    canvas.rule(body, row, "done lately");
    row += 1;
    recent(state, canvas, body, row);
    let server = format!(
        "{} {} up {}",
        clean(&overview.server_name),
        clean(&overview.version),
        format::age(overview.server_time_ms.since(overview.started_ms))
    );
    let server = text::cut(&server, usize::from(body.width / 2), theme.ellipsis());
    canvas.put_right(body, 0, &format!(" {server} "), theme.dim());
}

fn needs(state: &State, canvas: &mut Canvas<'_>, body: Rect, from: u16) -> u16 {
    let theme = canvas.theme;
    let Some(overview) = &state.overview else {
        return from;
    };
    let mut row = from;
    if overview.counts.pending > 0 {
        let wait = format::seen(overview.oldest_pending_ms, state.shown_at);
        let text = format!(
            "{} waiting for approval, the oldest for {wait}",
            waiting(overview.counts.pending)
        );
        let column = canvas.put(body, row, 2, "PEND  ", theme.warn());
        let column = canvas.put(body, row, column, &text, ratatui::style::Style::new());
        canvas.put(body, row, column, "   3 shows them", theme.dim());
        row += 1;
    }
    if overview.counts.cloned > 0 {
        let text = format!(
            "{} with another machine of the same identity",
            waiting(overview.counts.cloned)
        );
        let column = canvas.put(body, row, 2, "CLONE ", theme.error());
        let column = canvas.put(body, row, column, &text, ratatui::style::Style::new());
        canvas.put(body, row, column, "   2, then / clone", theme.dim());
        row += 1;
    }
    for system in &overview.offline {
        let column = canvas.put(body, row, 2, "OFF   ", theme.error());
        let name = text::fit(&clean(&system.hostname), 32, theme.ellipsis());
        let column = canvas.put(body, row, column, &name, ratatui::style::Style::new());
        let seen = format::seen(system.last_seen_ms, state.shown_at);
        canvas.put(body, row, column, &format!(" silent for {seen}"), theme.dim());
        row += 1;
    }
    let more = overview.counts.offline - i64::try_from(overview.offline.len()).unwrap_or(0);
    if more > 0 {
        canvas.put(
            body,
            row,
            8,
            &format!("and {} more offline: 2, then / off", format::count(more)),
            theme.dim(),
        );
        row += 1;
    }
    if row == from {
        let text = if overview.counts.total == 0 {
            "no systems yet: start scmclient on a machine, and it appears under Pending"
        } else {
            "nothing: no system waits for approval, none is offline"
        };
        canvas.put(body, row, 2, text, theme.good());
        row += 1;
    }
    row
}

fn waiting(count: i64) -> String {
    if count == 1 {
        "1 system".to_owned()
    } else {
        format!("{} systems", format::count(count))
    }
}

fn recent(state: &State, canvas: &mut Canvas<'_>, body: Rect, from: u16) {
    let theme = canvas.theme;
    if let Some(obstacle) = state.obstacle("audit.list") {
        canvas.put(
            body,
            from,
            2,
            &format!("the audit log is not shown: {obstacle}"),
            theme.dim(),
        );
        return;
    }
    let Some(overview) = &state.overview else { return };
    if overview.recent_audit.is_empty() {
        canvas.put(body, from, 2, "nothing yet", theme.dim());
    }
    for (entry, row) in overview.recent_audit.iter().zip(from..body.height) {
        audit::entry(entry, canvas, body, row);
    }
}
