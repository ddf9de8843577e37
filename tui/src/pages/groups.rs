//! Groups: manual ones, then automatic ones, and what lies over them.

use super::login::draw_field;
use crate::keys::{Action, binding};
use crate::model::{GroupField, GroupForm, GroupFront, GroupQuestion, State, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::groups::{Group, GroupKind};

/// Columns of a name.
const NAME: usize = 26;

/// Draws the list.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let heading = format!(
        "  {:<8}{:<NAME$}{:>8}  {}",
        "KIND", "NAME", "SYSTEMS", "RULE OR DESCRIPTION"
    );
    let heading = if small {
        format!("  {:<8}NAME", "KIND")
    } else {
        heading
    };
    canvas.put(body, 0, 0, &heading, theme.dim());
    if state.groups.items().is_empty() {
        nothing(state, canvas, body);
        return;
    }
    for (group, row) in state.groups.visible().zip(1..body.height) {
        let here = state.groups.cursor() == Some(group.id);
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        let kind = format!("{:<8}", kind_word(group.kind, theme.settings.ascii));
        let kind_style = if group.kind == GroupKind::Auto {
            theme.accent()
        } else {
            theme.dim()
        };
        // The mark is two columns wide, so the name has its own column.
        canvas.put(body, row, 2, &text::fit(&kind, 8, ""), kind_style);
        let style = if here { theme.cursor() } else { Style::new() };
        let name = text::fit(&clean(&group.name), NAME, theme.ellipsis());
        let column = canvas.put(body, row, 10, &name, style);
        if !small {
            let members = format::count(group.members);
            let width = usize::from(body.width.saturating_sub(column + 10));
            let about = text::cut(&about(group), width, theme.ellipsis());
            let column = canvas.put(body, row, column, &format!("{members:>8}  "), Style::new());
            canvas.put(body, row, column, &about, theme.dim());
        }
    }
}

/// The kind with its mark.
pub fn kind_word(kind: GroupKind, ascii: bool) -> &'static str {
    match (kind, ascii) {
        (GroupKind::Manual, _) => "manual",
        (GroupKind::Auto, false) => "✨ auto",
        (GroupKind::Auto, true) => "* auto",
    }
}

fn about(group: &Group) -> String {
    match (&group.rule, group.kind) {
        (Some(rule), _) if !rule.enabled => format!("OFF  {}", clean(&rule.filter)),
        (Some(rule), _) => clean(&rule.filter),
        (None, GroupKind::Auto) => "no rule yet".to_owned(),
        (None, GroupKind::Manual) => clean(&group.description),
    }
}

fn nothing(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let lines: &[&str] = match &state.groups.error {
        Some(error) => &[&clean(error)],
        None if !state.groups.complete => &["reading the groups"],
        None => &[
            "There is no group.",
            "A manual group has the systems that you choose, an automatic one those that match its rule.",
        ],
    };
    for (line, row) in lines.iter().flat_map(|line| text::wrap(line, 74)).zip(2..) {
        canvas.put(body, row, 2, &line, theme.dim());
    }
    if state.groups.complete {
        let create = match state.action_obstacle(Action::NewGroup) {
            Some(obstacle) => format!("n  new group  ({obstacle})"),
            None => "n  new group".to_owned(),
        };
        canvas.put(body, 6, 2, &create, theme.accent());
    }
}

/// What the role or the mode forbids on this page, with the reason.
pub fn forbidden(state: &State) -> Option<String> {
    let keys = |actions: &[Action]| {
        let lines = actions.iter().filter_map(|action| binding(*action));
        let keys: Vec<String> = lines
            .filter_map(|line| line.keys.first().map(ToString::to_string))
            .collect();
        keys.join(" ")
    };
    if let Some(reason) = state.action_obstacle(Action::NewGroup) {
        let all = [
            Action::NewGroup,
            Action::RenameGroup,
            Action::DeleteGroup,
            Action::SwitchRule,
        ];
        return Some(format!("{}: {reason}", keys(&all)));
    }
    let reason = state.action_obstacle(Action::SwitchRule)?;
    Some(format!("{}: {reason}", keys(&[Action::SwitchRule])))
}

/// Draws what takes the keys; answers where the text cursor is.
pub fn draw_front(
    state: &State,
    front: &GroupFront,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    match front {
        GroupFront::Form(form) => draw_form(form, canvas, body),
        GroupFront::Question(asked) => question(state, asked, canvas, body),
        GroupFront::Members(lists) => super::members::draw(state, lists, canvas, body),
        GroupFront::Rule(editor) => super::rule_editor::draw(editor, canvas, body),
    }
}

fn draw_form(form: &GroupForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let title = if form.id.is_some() {
        "name and description"
    } else {
        "new group"
    };
    let inside = canvas.window(body, 72, 14, title);
    let mut cursor = None;
    for (field, row) in form.fields().iter().zip((1..).step_by(2)) {
        let here = *field == form.focus;
        let style = if here { theme.title() } else { theme.dim() };
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let at = match field {
            GroupField::Name => {
                canvas.put(inside, row, 2, "name", style);
                draw_field(&form.name, false, canvas, inside, row)
            }
            GroupField::Description => {
                canvas.put(inside, row, 2, "description", style);
                draw_field(&form.description, false, canvas, inside, row)
            }
            GroupField::Kind => {
                canvas.put(inside, row, 2, "kind", style);
                let (kind, about) = match form.kind {
                    GroupKind::Manual => ("[manual]  auto ", "you choose its systems"),
                    GroupKind::Auto => (" manual  [auto]", "its rule alone decides"),
                };
                canvas.put(inside, row, 16, kind, style);
                canvas.put(
                    inside,
                    row + 1,
                    16,
                    &format!("{about}; cannot be changed later"),
                    theme.dim(),
                );
                None
            }
        };
        if here {
            cursor = at;
        }
    }
    if let Some(fault) = &form.fault {
        let lines = text::wrap(&clean(fault), usize::from(inside.width));
        for (line, row) in lines.iter().take(2).zip(8..) {
            canvas.put(inside, row, 0, line, theme.error());
        }
    }
    let keys = match (form.waits_for.is_some(), form.focus) {
        (true, _) => "asking the server",
        (false, GroupField::Kind) => "Space changes the kind; Enter creates; Esc cancels",
        (false, _) => "Enter goes on; Tab next field; Esc cancels",
    };
    canvas.put(inside, 11, 0, keys, theme.dim());
    cursor.filter(|_| form.waits_for.is_none())
}

fn question(
    state: &State,
    question: &GroupQuestion,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 72, 11, "delete group");
    let width = usize::from(inside.width);
    let head = format!("Delete {} on {}?", question.name, state.server_name());
    let members = format!(
        "{} leave it and stay as they are. Its rule goes with it.",
        format::systems(usize::try_from(question.members).unwrap_or(0))
    );
    let mut row = 0;
    for (line, style) in [(head, theme.title()), (members, Style::new())] {
        for line in text::wrap(&line, width) {
            canvas.put(inside, row, 0, &line, style);
            row += 1;
        }
    }
    canvas.put(inside, row + 1, 0, "type the name and press Enter:", theme.dim());
    canvas.put(inside, row + 2, 0, &question.name, theme.warn());
    canvas.put(inside, row + 3, 0, "> ", theme.accent());
    let scroll = question.typed.scroll(width.saturating_sub(3));
    let typed: String = question.typed.text().chars().skip(scroll).collect();
    canvas.put(inside, row + 3, 2, &typed, theme.title());
    let column = u16::try_from(question.typed.column().saturating_sub(scroll)).ok()?;
    Some((inside.x + 2 + column, inside.y + row + 3))
}
