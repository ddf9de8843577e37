//! Groups, tags and note on a system's page: in which groups it is and why, and why it is not in others.

use super::login::draw_field;
use crate::model::{AnnotationForm, AnnotationKind, State, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use scm_protocol::groups::{GroupKind, SystemGroup};
use scm_protocol::ids::SystemId;
use scm_protocol::rules::ConditionOutcome;
use scm_protocol::systems::SystemDetail;
use scm_rules::Filter;

/// One line for each condition: whether it holds, what it is, what was observed. Answers the next row.
pub fn conditions(outcomes: &[ConditionOutcome], canvas: &mut Canvas<'_>, area: Rect, from: u16) -> u16 {
    let mut row = from;
    for outcome in outcomes {
        let (line, holds) = condition(outcome);
        let style = if holds {
            canvas.theme.good()
        } else {
            canvas.theme.warn()
        };
        let line = text::cut(&line, usize::from(area.width), canvas.theme.ellipsis());
        canvas.put(area, row, 0, &line, style);
        row += 1;
    }
    row
}

fn condition(outcome: &ConditionOutcome) -> (String, bool) {
    let word = if outcome.holds { "yes" } else { "NO " };
    let asked = Filter::Condition(outcome.condition.clone()).to_string();
    let observed = outcome.observed.as_deref().unwrap_or("nothing");
    (
        format!("{word} {}  (is {})", clean(&asked), clean(observed)),
        outcome.holds,
    )
}

/// Lines of the page: tags, note, groups with why.
pub fn lines(
    state: &State,
    id: SystemId,
    detail: &SystemDetail,
    theme: crate::view::Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let tags: Vec<String> = detail.summary.tags.iter().map(|tag| clean(tag)).collect();
    let tags = if tags.is_empty() {
        "-".to_owned()
    } else {
        tags.join(" ")
    };
    let mut lines = labelled("tags", &[tags], width);
    let note: Vec<String> = detail.note.as_deref().unwrap_or("-").lines().map(plain).collect();
    lines.extend(labelled("note", &note, width));
    let Some((_, groups)) = state.detail.groups.as_ref().filter(|(of, _)| *of == id) else {
        return lines;
    };
    lines.push(Line::styled("groups", theme.title()));
    if groups.items.is_empty() {
        lines.push(Line::styled("  none", theme.dim()));
    }
    for group in &groups.items {
        lines.push(head(group, theme));
        for outcome in &group.conditions {
            let (line, holds) = condition(outcome);
            let style = if holds { theme.dim() } else { theme.warn() };
            for part in text::wrap(&line, width.saturating_sub(6)) {
                lines.push(Line::styled(format!("      {part}"), style));
            }
        }
    }
    lines
}

/// A line of a note, fit for the terminal whatever its length.
fn plain(line: &str) -> String {
    let parts: Vec<String> = line.split_whitespace().map(clean).collect();
    parts.join(" ")
}

/// Texts behind a label of four letters, broken between words.
fn labelled(label: &str, texts: &[String], width: usize) -> Vec<Line<'static>> {
    let broken = texts
        .iter()
        .flat_map(|said| text::wrap(said, width.saturating_sub(6)));
    broken
        .enumerate()
        .map(|(index, part)| {
            let label = if index == 0 { label } else { "" };
            Line::styled(format!("{label:<4}  {part}"), Style::new())
        })
        .collect()
}

fn head(group: &SystemGroup, theme: crate::view::Theme) -> Line<'static> {
    let kind = super::groups::kind_word(group.kind, theme.settings.ascii);
    let why = match (group.member, group.kind) {
        (true, GroupKind::Manual) => {
            let by = group.added_by.as_deref().map(clean).unwrap_or_default();
            format!("in, added by {}", by.strip_prefix("user:").unwrap_or(&by))
        }
        (true, GroupKind::Auto) => "in".to_owned(),
        (false, _) if group.rule_enabled == Some(false) => "not in: the rule is off".to_owned(),
        (false, _) if group.not_active => "not in: the rule takes active systems only".to_owned(),
        (false, _) if group.rule_enabled.is_none() => "not in: there is no rule yet".to_owned(),
        (false, _) => "not in".to_owned(),
    };
    let style = if group.member { Style::new() } else { theme.dim() };
    Line::styled(format!("  {kind}  {}  {why}", clean(&group.name)), style)
}

/// Draws the form of tags or note; answers where the text cursor is.
pub fn draw_form(form: &AnnotationForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let (title, hint) = match form.kind {
        AnnotationKind::Tags => ("tags", "words with spaces between; letters, digits and -_.:/@+"),
        AnnotationKind::Note => ("note", "blank removes it"),
    };
    let inside = canvas.window(body, 76, 8, title);
    canvas.put(inside, 0, 2, title, theme.title());
    let cursor = draw_field(&form.field, false, canvas, inside, 0);
    let (said, style) = match &form.fault {
        Some(fault) => (clean(fault), theme.error()),
        None => (hint.to_owned(), theme.dim()),
    };
    for (line, row) in text::wrap(&said, usize::from(inside.width))
        .iter()
        .take(2)
        .zip(2..)
    {
        canvas.put(inside, row, 2, line, style);
    }
    let keys = if form.waits {
        "asking the server"
    } else {
        "Enter changes it; Esc cancels"
    };
    canvas.put(inside, 5, 2, keys, theme.dim());
    cursor.filter(|_| !form.waits)
}
