//! The list: one line per system. Only rows on the screen are built.

use crate::model::{List, Row, State};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use scm_protocol::ids::UnixMillis;

/// Columns after the host name, with the space before each: CPU, memory, disk, uptime, seen, version.
const FIXED: usize = 5 + 10 + 11 + 9 + 5 + 8;
/// Columns before the host name: cursor, mark, state.
const LEAD: usize = 3 + 6;

/// Draws a list.
pub fn draw(state: &State, list: &List, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let width = usize::from(body.width);
    let name_width = if small {
        width.saturating_sub(LEAD)
    } else {
        width.saturating_sub(LEAD + FIXED)
    };
    let heading = if small {
        format!("   {:<5} {}", "STATE", "HOST")
    } else {
        let host = text::fit("HOST", name_width, "");
        format!(
            "   {:<5} {host}{:>5}{:>10}{:>11}{:>9}{:>5}{:>8}",
            "STATE", "CPU", "MEM GB", "DISK GB", "UP", "SEEN", "VERSION"
        )
    };
    canvas.put(body, 0, 0, &heading, theme.dim());
    if list.is_empty() {
        canvas.put(body, 2, 3, &nothing(state, list), theme.dim());
        return;
    }
    let range = list.range();
    for (line, id) in list.visible().iter().enumerate() {
        let Some(row) = state.fleet.get(*id) else { continue };
        let at = u16::try_from(line + 1).unwrap_or(u16::MAX);
        let here = list.cursor() == Some(*id);
        let marked = list.marks.contains(id) || range.contains(id);
        let lead = format!(
            "{}{}",
            if here { '>' } else { ' ' },
            if marked { theme.mark() } else { ' ' }
        );
        canvas.put(
            body,
            at,
            0,
            &text::fit(&lead, 3, ""),
            if marked { theme.warn() } else { theme.title() },
        );
        let column = canvas.put(
            body,
            at,
            3,
            &format!("{:<6}", row.word().word()),
            theme.state(row.word()),
        );
        let name = text::fit(&row.hostname, name_width, theme.ellipsis());
        let name_style = if here {
            theme.cursor()
        } else {
            ratatui::style::Style::new()
        };
        let column = canvas.put(body, at, column, &name, name_style);
        if !small {
            values(row, state.shown_at, canvas, body, at, column);
        }
    }
}

fn values(row: &Row, now: Option<UnixMillis>, canvas: &mut Canvas<'_>, body: Rect, at: u16, column: u16) {
    let theme = canvas.theme;
    let plain = ratatui::style::Style::new();
    let full = |used: Option<u32>, total: Option<u32>| match (used, total) {
        (Some(used), Some(total)) if u64::from(used) * 100 >= u64::from(total) * 90 && total > 0 => {
            theme.warn()
        }
        _ => plain,
    };
    let cpu = row
        .cpu
        .map_or_else(|| "-".to_owned(), |cpu| format::percent(f64::from(cpu)));
    let cpu_style = if row.cpu.is_some_and(|cpu| cpu >= 90.0) {
        theme.warn()
    } else {
        plain
    };
    let column = canvas.put(body, at, column, &text::right(&cpu, 5), cpu_style);
    let memory = format::gb_pair(row.mem_used_mib, row.mem_total_mib);
    let column = canvas.put(
        body,
        at,
        column,
        &text::right(&memory, 10),
        full(row.mem_used_mib, row.mem_total_mib),
    );
    let disk = format::gb_pair(row.disk_used_mib, row.disk_total_mib);
    let column = canvas.put(
        body,
        at,
        column,
        &text::right(&disk, 11),
        full(row.disk_used_mib, row.disk_total_mib),
    );
    let up = row.uptime_secs.map_or_else(|| "-".to_owned(), format::uptime);
    let seen = format::seen(row.last_seen, now);
    let version = text::cut(&row.version, 7, theme.ellipsis());
    let rest = format!(
        "{}{}{}",
        text::right(&up, 9),
        text::right(&seen, 5),
        text::right(&version, 8)
    );
    canvas.put(body, at, column, &rest, plain);
}

/// Why the list is empty and what to do.
fn nothing(state: &State, list: &List) -> String {
    if !state.fleet.complete {
        "reading the systems".to_owned()
    } else if list.is_filtered() {
        "nothing matches the filter: / changes it".to_owned()
    } else if list.scope == crate::model::ListScope::Pending {
        "nothing waits for approval".to_owned()
    } else {
        "no systems yet: start scmclient on a machine, and it appears here".to_owned()
    }
}
