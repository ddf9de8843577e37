//! Backups of the server: the list, below it the schedule, what is wrong, and how a restore is done.

use crate::model::{BACKUP_FOOT, BackupQuestion, Focus, State, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::backups::{Backup, BackupList};
use scm_protocol::ids::UnixMillis;

/// Restores are not done here: the server must not run meanwhile.
const RESTORE: &str = "Restore: stop the server, then on its machine: scmserver restore FILE";

/// Draws the list and what is below it.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let heading = format!("  {:<22}{:>5}{:>12}  STATE", "MADE", "AGE", "SIZE");
    canvas.put(body, 0, 0, &heading, theme.dim());
    let Some(list) = &state.backups.list else {
        let said = state
            .backups
            .error
            .as_deref()
            .map_or("reading the backups".to_owned(), clean);
        for (line, row) in text::wrap(&said, 74).iter().zip(2..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    };
    if list.items.is_empty() {
        canvas.put(body, 2, 2, "No backup yet: press n to make one.", theme.dim());
    }
    let foot = u16::try_from(BACKUP_FOOT).unwrap_or(0);
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let last = body.height.saturating_sub(foot).max(2);
    for (backup, row) in state.backups.visible().zip(1..last) {
        line(state, backup, canvas, body, row);
    }
    if !small {
        let place = Rect {
            y: body.y + body.height.saturating_sub(foot),
            height: foot.min(body.height),
            ..body
        };
        below(state, list, canvas, place);
    }
}

fn line(state: &State, backup: &Backup, canvas: &mut Canvas<'_>, body: Rect, row: u16) {
    let theme = canvas.theme;
    let here = state.backups.cursor() == Some(backup.name.as_str());
    canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
    let made = format!("{:<22}", format::date_time(backup.created_ms));
    let style = if here { theme.cursor() } else { Style::new() };
    let column = canvas.put(body, row, 2, &made, style);
    let age = format::seen(Some(backup.created_ms), state.shown_at);
    let size = format::count(i64::try_from(backup.size_bytes.div_ceil(1024)).unwrap_or(i64::MAX));
    let numbers = format!("{age:>5}{size:>8} KiB  ");
    let column = canvas.put(body, row, column, &numbers, Style::new());
    let (word, style) = word(backup, theme);
    let column = canvas.put(body, row, column, word, style);
    let when = backup.check.as_ref().map(|check| {
        format!(
            "  checked {} ago",
            format::seen(Some(check.at_ms), state.shown_at)
        )
    });
    canvas.put(body, row, column, &when.unwrap_or_default(), theme.dim());
}

fn word(backup: &Backup, theme: Theme) -> (&'static str, Style) {
    match &backup.check {
        None => ("UNCHECKED", theme.warn()),
        Some(check) if check.fault.is_some() => ("DAMAGED", theme.error()),
        Some(_) => ("GOOD", theme.good()),
    }
}

fn below(state: &State, list: &BackupList, canvas: &mut Canvas<'_>, place: Rect) {
    let theme = canvas.theme;
    let width = usize::from(place.width.saturating_sub(4));
    canvas.put(place, 0, 2, &schedule(list, state.shown_at), Style::new());
    let folder = format!("On the server in {}", clean(&list.folder));
    canvas.put(
        place,
        1,
        2,
        &text::fit(&folder, width, theme.ellipsis()),
        Style::new(),
    );
    canvas.put(place, 2, 2, RESTORE, Style::new());
    let (said, style) = remark(state, list, theme);
    for (line, row) in text::wrap(&said, width).iter().zip(3..place.height) {
        canvas.put(place, row, 2, line, style);
    }
}

fn schedule(list: &BackupList, now: Option<UnixMillis>) -> String {
    let keep = format!("the newest {} are kept", list.keep);
    match list.next_ms {
        None if list.every_hours == 0 => format!("No schedule ([backup] every_hours); {keep}"),
        None => format!("Every {} h; {keep}", list.every_hours),
        Some(next) => {
            let due = now.is_some_and(|now| next.0 <= now.0);
            let next = if due {
                "now".to_owned()
            } else {
                format::date_time(next)
            };
            format!("Every {} h, next {next}; {keep}", list.every_hours)
        }
    }
}

/// What is going on, or wrong: the last line that there is room for.
fn remark(state: &State, list: &BackupList, theme: Theme) -> (String, Style) {
    if let Some(busy) = &state.backups.busy {
        return (format!("Now: {} ...", clean(busy)), theme.accent());
    }
    if let Some(failure) = &list.failure {
        let ago = format::seen(Some(failure.at_ms), state.shown_at);
        return (
            format!("Failed {ago} ago: {}", clean(&failure.reason)),
            theme.error(),
        );
    }
    let check = state.backups.here().and_then(|backup| backup.check.as_ref());
    match check.and_then(|check| check.fault.as_deref()) {
        Some(fault) => (
            format!("A restore would refuse it: {}", clean(fault)),
            theme.error(),
        ),
        None => (String::new(), Style::new()),
    }
}

/// Draws the question.
pub fn draw_question(state: &State, question: &BackupQuestion, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 9, "make a backup");
    let head = format!("Everything on {}, as it is now", state.server_name());
    canvas.put(inside, 0, 0, &head, theme.title());
    let surplus = state
        .backups
        .list
        .as_ref()
        .is_some_and(|list| list.items.len() >= list.keep as usize);
    let deleted = if surplus {
        " The oldest one is deleted then."
    } else {
        ""
    };
    let said =
        format!("The server goes on meanwhile. Its folder needs room for twice the database.{deleted}");
    for (line, row) in text::wrap(&said, usize::from(inside.width)).iter().zip(1..4) {
        canvas.put(inside, row, 0, line, Style::new());
    }
    super::dialog::buttons(canvas, inside, 4, "make it", question.focus == Focus::Cancel);
}
