//! Enrollment tokens, newest first, and what lies over them.

use crate::keys::{Action, binding};
use crate::model::{State, TokenFront, TokenQuestion, clean, status_at, token_name};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::enrollment::{EnrollmentToken, TokenStatus};
use scm_protocol::ids::UnixMillis;

/// Columns after the name: uses, expiry, last use, creator, with the space before each.
const FIXED: usize = 13 + 9 + 10 + 16;
/// Columns before the name: cursor and status.
const LEAD: usize = 2 + 9;

/// Draws the list.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let width = usize::from(body.width).saturating_sub(if small { LEAD } else { LEAD + FIXED });
    let name = text::fit("NAME", width, "");
    let heading = if small {
        format!("  {:<9}{name}", "STATUS")
    } else {
        format!(
            "  {:<9}{name}{:>13}{:>9}{:>10}  {:<14}",
            "STATUS", "USES", "EXPIRES", "LAST USED", "CREATED BY"
        )
    };
    canvas.put(body, 0, 0, &heading, theme.dim());
    if state.tokens.items().is_empty() {
        nothing(state, canvas, body);
        return;
    }
    joins(state, canvas, body);
    for (token, row) in state.tokens.visible().zip(1..body.height.saturating_sub(1)) {
        let here = state.tokens.cursor() == Some(token.id);
        let status = status_at(token, state.shown_at);
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        canvas.put(body, row, 2, word(status), status_style(status, theme));
        let name = text::fit(&token_name(token), width, theme.ellipsis());
        let style = if here { theme.cursor() } else { Style::new() };
        let name_column = u16::try_from(LEAD).unwrap_or(0);
        let column = canvas.put(body, row, name_column, &name, style);
        if !small {
            canvas.put(body, row, column, &rest(state, token, canvas), Style::new());
        }
    }
}

/// Which groups the systems of the token under the cursor join.
fn joins(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let cursor = state.tokens.cursor();
    let token = state.tokens.items().iter().find(|token| Some(token.id) == cursor);
    let Some(token) = token.filter(|token| !token.groups.is_empty()) else {
        return;
    };
    let names: Vec<String> = token.groups.iter().map(|name| clean(name)).collect();
    let text = format!("its systems join {}", names.join(", "));
    let text = text::cut(&text, usize::from(body.width).saturating_sub(2), theme.ellipsis());
    canvas.put(body, body.height.saturating_sub(1), 2, &text, theme.dim());
}

fn nothing(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let lines: &[&str] = match &state.tokens.error {
        Some(error) => &[&clean(error)],
        None if !state.tokens.complete => &["reading the enrollment tokens"],
        None => &[
            "There is no enrollment token.",
            "A machine that registers with one is active at once, without approval.",
        ],
    };
    for (line, row) in lines.iter().flat_map(|line| text::wrap(line, 74)).zip(2..) {
        canvas.put(body, row, 2, &line, theme.dim());
    }
    let create = match (state.action_obstacle(Action::NewToken), state.tokens.complete) {
        (Some(obstacle), _) => format!("n  new token  ({obstacle})"),
        (None, true) => "n  new token".to_owned(),
        (None, false) => return,
    };
    canvas.put(body, 5, 2, &create, theme.accent());
}

/// Uses, expiry, last use and creator of a line.
fn rest(state: &State, token: &EnrollmentToken, canvas: &Canvas<'_>) -> String {
    let uses = match token.max_uses {
        Some(max) => format!("{}/{}", token.uses, max),
        None => token.uses.to_string(),
    };
    let last = match token.last_used_ms {
        Some(_) => format!("{} ago", format::seen(token.last_used_ms, state.shown_at)),
        None => "never".to_owned(),
    };
    let by = text::fit(&clean(&token.created_by), 14, canvas.theme.ellipsis());
    format!(
        "{uses:>13}{:>9}{last:>10}  {by}",
        expiry(token.expires_ms, state.shown_at)
    )
}

/// `in 6d`, `3h ago`, `never`.
fn expiry(at: Option<UnixMillis>, now: Option<UnixMillis>) -> String {
    match (at, now) {
        (None, _) => "never".to_owned(),
        (Some(at), Some(now)) if at > now => format!("in {}", format::age(at.since(now))),
        (Some(at), Some(now)) => format!("{} ago", format::age(now.since(at))),
        (Some(_), None) => "-".to_owned(),
    }
}

/// A status as a word.
fn word(status: TokenStatus) -> &'static str {
    match status {
        TokenStatus::Active => "ACTIVE",
        TokenStatus::Disabled => "DISABLED",
        TokenStatus::Expired => "EXPIRED",
        TokenStatus::UsedUp => "USED UP",
    }
}

fn status_style(status: TokenStatus, theme: crate::view::Theme) -> Style {
    match status {
        TokenStatus::Active => theme.good(),
        TokenStatus::Disabled => theme.warn(),
        TokenStatus::Expired | TokenStatus::UsedUp => theme.dim(),
    }
}

/// What the role or the mode forbids on this page, with the reason.
pub fn forbidden(state: &State) -> Option<String> {
    let actions = [
        Action::NewToken,
        Action::DisableToken,
        Action::EnableToken,
        Action::DeleteToken,
    ];
    let reason = state.action_obstacle(Action::NewToken)?;
    let keys: Vec<String> = actions
        .into_iter()
        .filter_map(binding)
        .filter_map(|line| line.keys.first().map(ToString::to_string))
        .collect();
    Some(format!("{}: {reason}", keys.join(" ")))
}

/// Draws what takes the keys; answers where the text cursor is.
pub fn draw_front(
    state: &State,
    front: TokenFront,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    match front {
        TokenFront::Secret => {
            super::token_secret::draw(state.tokens.created.as_ref()?, canvas, body);
            None
        }
        TokenFront::Question => question(state, state.tokens.question.as_ref()?, canvas, body),
        TokenFront::Form => super::token_form::draw(state, canvas, body),
    }
}

fn question(
    state: &State,
    question: &TokenQuestion,
    canvas: &mut Canvas<'_>,
    body: Rect,
) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 12, "delete token");
    let width = usize::from(inside.width);
    let head = format!("Delete {} on {}?", question.name, state.server_name());
    let let_in = format!(
        "It let in {} so far.",
        format::systems(usize::try_from(question.uses).unwrap_or(0))
    );
    let mut row = 0;
    for (line, style) in [
        (head.as_str(), theme.title()),
        (
            "Nobody can register with it any more. Systems that it let in stay.",
            Style::new(),
        ),
        (let_in.as_str(), theme.dim()),
    ] {
        for line in text::wrap(line, width) {
            canvas.put(inside, row, 0, &line, style);
            row += 1;
        }
    }
    row += 1;
    canvas.put(inside, row, 0, "type the name and press Enter:", theme.dim());
    canvas.put(inside, row + 1, 0, &question.name, theme.warn());
    canvas.put(inside, row + 2, 0, "> ", theme.accent());
    let scroll = question.typed.scroll(width.saturating_sub(3));
    let typed: String = question.typed.text().chars().skip(scroll).collect();
    canvas.put(inside, row + 2, 2, &typed, theme.title());
    let hint = if question.typed.text() == question.name {
        "Enter does it"
    } else {
        "Esc cancels"
    };
    canvas.put(inside, row + 3, 0, hint, theme.dim());
    let column = u16::try_from(question.typed.column().saturating_sub(scroll)).ok()?;
    Some((inside.x + 2 + column, inside.y + row + 2))
}
