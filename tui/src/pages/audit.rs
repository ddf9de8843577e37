//! The audit, newest first: where its chain stands, how far its targets are, what is searched for, the entries.

use super::login::draw_field;
use crate::model::{AuditExport, AuditField, AuditForm, AuditFront, State, TextField, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::audit::{AuditChain, AuditEntry, AuditForwardTarget};

/// Draws the page.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let audit = &state.audit;
    if let Some(export) = &audit.export {
        exporting(export, canvas, body);
    } else if let Some(state_of_chain) = &audit.chain {
        chain(state, state_of_chain, canvas, body);
    }
    targets(state, canvas, body);
    filter(state, canvas, body);
    let heading = format!("  {:<20}  {:<14} {:<20} {}", "WHEN", "WHO", "WHAT", "ON WHAT");
    canvas.put(body, 3, 0, &heading, theme.dim());
    if audit.entries().is_empty() {
        let said = match &audit.error {
            Some(error) => clean(error),
            None if !audit.complete => "reading the audit".to_owned(),
            None => "nothing was found".to_owned(),
        };
        for (line, row) in text::wrap(&said, 74).iter().zip(5..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    for (shown, row) in audit.visible().zip(4..body.height) {
        if audit.cursor() == Some(shown.id) {
            canvas.put(body, row, 0, ">", theme.title());
        }
        entry(shown, canvas, body, row);
    }
}

/// `chain verified to #1,234   anchor at #1,200, 12m ago`, or what is wrong with it.
fn chain(state: &State, chain: &AuditChain, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    if let Some(first) = chain.faults.first() {
        let others = match chain.faults.len() - 1 {
            0 => String::new(),
            more => format!("  (+{more})"),
        };
        let said = format!("CHAIN BROKEN: {}", clean(first));
        let room = usize::from(body.width).saturating_sub(others.len());
        let column = canvas.put(
            body,
            0,
            0,
            &text::cut(&said, room, theme.ellipsis()),
            theme.error(),
        );
        canvas.put(body, 0, column, &others, theme.error());
        return;
    }
    let verified = if chain.verified_ms.is_some() {
        format!("chain verified to #{}", format::count(chain.verified_id))
    } else {
        "chain not verified yet".to_owned()
    };
    let column = canvas.put(body, 0, 0, &verified, theme.good());
    let anchor = match &chain.anchor {
        Some(anchor) => format!(
            "   anchor at #{}, {} ago",
            format::count(anchor.entry_id),
            format::seen(Some(anchor.at_ms), state.shown_at)
        ),
        None => "   no anchor yet".to_owned(),
    };
    let column = canvas.put(body, 0, column, &anchor, theme.dim());
    if chain.first_id > 1 {
        let kept = format!("   kept from #{}", format::count(chain.first_id));
        canvas.put(body, 0, column, &kept, theme.dim());
    }
}

fn exporting(export: &AuditExport, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let kib = i64::try_from(export.bytes / 1024).unwrap_or(i64::MAX);
    let said = format!(
        "exporting to {}: {} KiB   x stops it",
        clean(&export.file),
        format::count(kib)
    );
    let width = usize::from(body.width);
    canvas.put(
        body,
        0,
        0,
        &text::cut(&said, width, theme.ellipsis()),
        theme.accent(),
    );
}

/// One line about all targets: those that do not work first.
fn targets(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let Some(forwarding) = &state.audit.forwarding else {
        return;
    };
    let mut targets: Vec<&AuditForwardTarget> = forwarding.targets.iter().collect();
    if targets.is_empty() {
        canvas.put(body, 1, 0, "not forwarded", theme.dim());
        return;
    }
    targets.sort_by_key(|target| target.last_error.is_none());
    let one = |target: &AuditForwardTarget| {
        let behind = format!("{} {} behind", clean(&target.name), format::count(target.behind));
        match &target.last_error {
            Some(error) => format!("{behind}: {}", clean(error)),
            None => behind,
        }
    };
    let all: Vec<String> = targets.iter().copied().map(one).collect();
    let said = format!("forwarded to {}", all.join("; "));
    let failing = targets.iter().any(|target| target.last_error.is_some());
    let style = if failing { theme.warn() } else { theme.dim() };
    let width = usize::from(body.width);
    canvas.put(body, 1, 0, &text::cut(&said, width, theme.ellipsis()), style);
}

fn filter(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let audit = &state.audit;
    let set: Vec<String> = audit
        .filter
        .set_fields()
        .map(|(field, text)| format!("{} {}", field.name(), clean(text)))
        .collect();
    let said = if set.is_empty() {
        "everything".to_owned()
    } else {
        set.join("  ")
    };
    let column = canvas.put(body, 2, 0, "/ ", theme.dim());
    let room = usize::from(body.width).saturating_sub(22);
    canvas.put(
        body,
        2,
        column,
        &text::cut(&said, room, theme.ellipsis()),
        theme.accent(),
    );
    let row = Rect {
        y: body.y + 2,
        height: 1,
        ..body
    };
    if audit.follow {
        canvas.put_right(row, 0, "following", theme.good());
    } else if audit.newer && audit.position() > 0 {
        canvas.put_right(row, 0, "newer entries: g", theme.warn());
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

/// Draws what lies over the page; answers where the text cursor is.
pub fn draw_front(
    state: &State,
    front: AuditFront,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    match front {
        AuditFront::Search => search(state.audit.form.as_ref()?, canvas, body),
        AuditFront::Export => {
            let (field, fault) = state.audit.export_file.as_ref()?;
            export(field, fault.as_deref(), canvas, body)
        }
        AuditFront::Entry => {
            let (shown, top) = state.audit.open.as_ref()?;
            super::audit_entry::draw(shown, *top, canvas, body);
            None
        }
    }
}

fn search(form: &AuditForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 14, "search the audit");
    let mut cursor = None;
    for ((field, typed), row) in AuditField::ALL.into_iter().zip(&form.fields).zip(0..) {
        let here = AuditField::ALL.get(form.focus) == Some(&field);
        let style = if here { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 2, field.name(), style);
        let place = draw_field(typed, false, canvas, inside, row);
        if here {
            cursor = place;
            canvas.put(inside, 8, 2, field.hint(), theme.dim());
        }
    }
    canvas.put(
        inside,
        10,
        2,
        "Enter searches; Tab next field; Ctrl-U empties; Esc closes",
        theme.dim(),
    );
    cursor
}

fn export(field: &TextField, fault: Option<&str>, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 76, 10, "export what is searched for");
    canvas.put(inside, 0, 2, "file", theme.title());
    let cursor = draw_field(field, false, canvas, inside, 0);
    let lines = [
        "a new file that only you can read, here or at the path that you type;",
        ".csv for spreadsheets, anything else as JSON lines, which",
        "`scmserver audit verify-export` verifies. Recorded in the audit.",
    ];
    for (line, row) in lines.into_iter().zip(2..) {
        canvas.put(inside, row, 2, line, theme.dim());
    }
    let (said, style) = match fault {
        Some(fault) => (fault, theme.error()),
        None => ("Enter begins; Esc cancels", theme.dim()),
    };
    canvas.put(inside, 6, 2, said, style);
    cursor
}
