//! The rule of an automatic group: conditions on the left, who matches on the right, and what saving changes below.

use crate::model::{DraftRow, EditorMode, RowPart, RuleEditor, clean};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::rules::{MAX_CONDITIONS, RuleExplained, RulePreview, SampleSystem};
use scm_rules::Part;

/// Columns of the conditions.
const LEFT: u16 = 56;
/// Columns of the field, the operator and the value.
const WIDTHS: [usize; 3] = [17, 12, 14];

/// Draws the editor; answers where the text cursor is.
pub fn draw(editor: &RuleEditor, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    canvas.clear(body);
    head(editor, canvas, body);
    let left = Rect {
        y: body.y + 1.min(body.height),
        height: body.height.saturating_sub(1),
        width: LEFT.min(body.width),
        ..body
    };
    let right = Rect {
        x: body.x + LEFT.min(body.width),
        width: body.width.saturating_sub(LEFT),
        ..left
    };
    let mut cursor = rows(editor, canvas, left);
    matching(editor, canvas, right);
    match &editor.mode {
        EditorMode::Choosing { choices, at } => choosing(choices, *at, canvas, left),
        EditorMode::Asking(field) => {
            let row = left.height.saturating_sub(2);
            let from = canvas.put(
                left,
                row,
                0,
                "why does which system match? name or id: ",
                canvas.theme.accent(),
            );
            canvas.put(left, row, from, field.text(), canvas.theme.title());
            cursor = at(left, row, from, field.column());
        }
        EditorMode::Why(why) => draw_why(why, canvas, body),
        EditorMode::Confirming { count, typed, .. } => {
            let inside = canvas.window(body, 66, 9, "many systems leave");
            let head = format!(
                "Saving removes {} of {} from {}.",
                format::systems(usize::try_from(*count).unwrap_or(0)),
                format::count(editor.members),
                clean(&editor.name)
            );
            for (line, row) in text::wrap(&head, usize::from(inside.width)).iter().zip(0..) {
                canvas.put(inside, row, 0, line, canvas.theme.title());
            }
            canvas.put(
                inside,
                3,
                0,
                &format!("type {count} and press Enter; Esc cancels"),
                canvas.theme.dim(),
            );
            canvas.put(inside, 4, 0, "> ", canvas.theme.accent());
            canvas.put(inside, 4, 2, typed.text(), canvas.theme.title());
            cursor = at(inside, 4, 2, typed.column());
        }
        EditorMode::Rows | EditorMode::Typing => {}
    }
    cursor
}

fn at(area: Rect, row: u16, from: u16, column: usize) -> Option<(u16, u16)> {
    let column = u16::try_from(column).ok()?;
    Some((area.x + from + column, area.y + row))
}

fn head(editor: &RuleEditor, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let title = format!("edit auto group \"{}\"", clean(&editor.name));
    canvas.put(
        body,
        0,
        0,
        &text::cut(&title, 44, theme.ellipsis()),
        theme.title(),
    );
    let (said, style) = if editor.saving {
        ("saving: every system is looked at".to_owned(), theme.accent())
    } else if editor.is_changed() {
        (
            format!("DRAFT, unsaved   saved: {}", format::count(editor.members)),
            theme.warn(),
        )
    } else {
        (format!("saved: {}", format::count(editor.members)), theme.dim())
    };
    canvas.put_right(body, 0, &said, style);
}

fn rows(editor: &RuleEditor, canvas: &mut Canvas<'_>, area: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    canvas.rule(area, 0, "all of");
    canvas.put_right(area, 0, " holds  ", theme.dim());
    let mut cursor = None;
    let mut line = 1;
    for (index, row) in editor.rows.iter().enumerate() {
        let here = index == editor.at;
        canvas.put(area, line, 0, if here { ">" } else { " " }, theme.title());
        canvas.put(area, line, 2, &(index + 1).to_string(), theme.dim());
        let typed_at = draw_row(editor, row, here, canvas, area, line);
        if here && matches!(editor.mode, EditorMode::Typing) {
            cursor = typed_at;
        }
        let holds = editor
            .preview
            .as_ref()
            .and_then(|preview| preview.holds.get(index));
        if let Some(holds) = holds.filter(|_| !editor.stale) {
            canvas.put_right(area, line, &format!("{} ", format::count(*holds)), theme.dim());
        }
        line += 1;
        if here {
            for (said, style) in about_row(row, theme) {
                let width = usize::from(area.width.saturating_sub(6));
                for part in text::wrap(&said, width).iter().take(2) {
                    canvas.put(area, line, 4, part, style);
                    line += 1;
                }
            }
        }
    }
    let more = format!("[a: add a condition]  {} of {MAX_CONDITIONS}", editor.rows.len());
    canvas.put(area, line, 2, &more, theme.dim());
    changes(editor, canvas, area, line + 1);
    cursor
}

/// What is wrong with a row while it is typed, or what is expected.
fn about_row(row: &DraftRow, theme: crate::view::Theme) -> Vec<(String, Style)> {
    match row.fault() {
        Some(fault) if !row.value.text().is_empty() || fault.part != Part::Value => {
            vec![(clean(&fault.reason), theme.error())]
        }
        _ => vec![(row.hint(), theme.dim())],
    }
}

fn draw_row(
    editor: &RuleEditor,
    row: &DraftRow,
    here: bool,
    canvas: &mut Canvas<'_>,
    area: Rect,
    line: u16,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let parts = [
        (RowPart::Field, row.field.as_str(), WIDTHS[0]),
        (RowPart::Operator, row.operator.as_str(), WIDTHS[1]),
    ];
    let style = |part| {
        if here && editor.part == part {
            theme.cursor()
        } else {
            Style::new()
        }
    };
    let mut column = 4;
    for (part, shown, width) in parts {
        let shown = format!("[{}]", text::fit(shown, width - 2, theme.ellipsis()));
        column = canvas.put(area, line, column, &shown, style(part));
    }
    let width = WIDTHS[2] - 2;
    let scroll = row.value.scroll(width.saturating_sub(1));
    let typed: String = row.value.text().chars().skip(scroll).collect();
    let value = format!("[{}]", text::fit(&clean(&typed), width, ""));
    canvas.put(area, line, column, &value, style(RowPart::Value));
    at(area, line, column + 1, row.value.column().saturating_sub(scroll))
}

/// What saving changes, below the rows.
fn changes(editor: &RuleEditor, canvas: &mut Canvas<'_>, area: Rect, from: u16) {
    let theme = canvas.theme;
    canvas.rule(area, from, "what saving changes");
    if let Some(fault) = &editor.fault {
        let lines = text::wrap(&clean(fault), usize::from(area.width.saturating_sub(2)));
        for (line, row) in lines.iter().zip(from + 1..) {
            canvas.put(area, row, 1, line, theme.error());
        }
        return;
    }
    let Some(preview) = &editor.preview else {
        return;
    };
    let old = if editor.stale {
        "  (of the draft before)"
    } else {
        ""
    };
    let number = |number: i64| format::systems(usize::try_from(number).unwrap_or(0));
    canvas.put(
        area,
        from + 1,
        1,
        &format!("+{} join{old}", number(preview.joins)),
        theme.good(),
    );
    canvas.put(
        area,
        from + 2,
        1,
        &format!("-{} leave", number(preview.leaves)),
        theme.warn(),
    );
}

fn matching(editor: &RuleEditor, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    let title = if editor.stale {
        "matching before"
    } else {
        "matching now"
    };
    canvas.rule(area, 0, title);
    if let Some(fault) = &editor.preview_fault {
        let width = usize::from(area.width.saturating_sub(1));
        for (line, row) in text::wrap(&clean(fault), width).iter().take(3).zip(1..) {
            canvas.put(area, row, 1, line, theme.warn());
        }
    }
    let from = if editor.preview_fault.is_some() { 4 } else { 1 };
    match &editor.preview {
        Some(preview) => sample(preview, editor.stale, canvas, area, from),
        None if editor.preview_fault.is_none() => {
            canvas.put(area, 1, 1, "asking", theme.dim());
        }
        None => {}
    }
}

fn sample(preview: &RulePreview, stale: bool, canvas: &mut Canvas<'_>, area: Rect, from: u16) {
    let theme = canvas.theme;
    let count = format::count(preview.matching);
    let moves = format!("{count}  +{} -{}", preview.joins, preview.leaves);
    canvas.put(
        area,
        from,
        1,
        &moves,
        if stale { theme.dim() } else { theme.title() },
    );
    let named = |sign: &'static str, list: &[SampleSystem]| {
        list.iter()
            .map(|one| (sign, clean(&one.hostname)))
            .collect::<Vec<_>>()
    };
    let mut lines = named("+ ", &preview.joining);
    lines.extend(named("- ", &preview.leaving));
    lines.extend(named("  ", &preview.staying));
    let room = usize::from(area.height.saturating_sub(from + 2));
    let total = preview.matching + preview.leaves;
    for ((sign, name), row) in lines.iter().take(room).zip(from + 1..) {
        let style = match (*sign, stale) {
            (_, true) => theme.dim(),
            ("+ ", _) => theme.good(),
            ("- ", _) => theme.warn(),
            _ => Style::new(),
        };
        let width = usize::from(area.width.saturating_sub(1));
        canvas.put(
            area,
            row,
            1,
            &text::cut(&format!("{sign}{name}"), width, theme.ellipsis()),
            style,
        );
    }
    let shown = i64::try_from(lines.len().min(room)).unwrap_or(0);
    if total > shown {
        let more = format!(".. {} more", format::count(total - shown));
        canvas.put(area, area.height.saturating_sub(1), 1, &more, theme.dim());
    }
}

fn choosing(choices: &[&str], at: usize, canvas: &mut Canvas<'_>, area: Rect) {
    let theme = canvas.theme;
    let height = u16::try_from(choices.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inside = canvas.window(area, 34, height, "choose");
    let room = usize::from(inside.height).max(1);
    let top = at
        .saturating_sub(room / 2)
        .min(choices.len().saturating_sub(room));
    for ((index, choice), row) in choices.iter().enumerate().skip(top).take(room).zip(0..) {
        let style = if index == at { theme.cursor() } else { Style::new() };
        canvas.put(
            inside,
            row,
            0,
            &text::fit(choice, usize::from(inside.width), ""),
            style,
        );
    }
}

fn draw_why(why: &RuleExplained, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let lines = u16::try_from(why.conditions.len()).unwrap_or(8);
    let inside = canvas.window(body, 76, lines + 6, &clean(&why.hostname));
    let verdict = match (why.matches, why.not_active) {
        (true, _) => "matches: every condition holds",
        (false, true) => "does not match: the rule takes active systems only",
        (false, false) => "does not match",
    };
    canvas.put(inside, 0, 0, verdict, theme.title());
    super::system_groups::conditions(&why.conditions, canvas, inside, 1);
    canvas.put(inside, lines + 2, 0, "any key goes back", theme.dim());
}
