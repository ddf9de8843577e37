//! The window in which the organization's signing key is shown and replaced.

use crate::model::{SIGNING_PHRASE, SigningFront, SigningStep, State, clean};
use crate::view::{Canvas, text};
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What replacing it means.
const CONSEQUENCE: &str = "Agents follow by themselves, because the old key vouches for the new one; none registers anew. \
                           The old private key is destroyed after signing.overlap_days.";

/// Draws it; answers where the text cursor is.
pub fn draw(state: &State, front: &SigningFront, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 13, "signing key");
    let width = usize::from(inside.width);
    let organization = state
        .session
        .as_ref()
        .map_or(String::new(), |session| session.organization.to_string());
    let head = format!(
        "Replace the key that signs for {organization} on {}?",
        state.server_name()
    );
    let (fingerprint, typed) = match &front.step {
        SigningStep::Reading => return said(canvas, inside, "reading the key", theme.dim()),
        SigningStep::Sent => return said(canvas, inside, "asking the server", theme.dim()),
        SigningStep::Failed(reason) => return said(canvas, inside, &clean(reason), theme.error()),
        SigningStep::Asking {
            fingerprint, typed, ..
        } => (fingerprint, typed),
    };
    let mut row = 0;
    for (line, style) in [
        (head.as_str(), theme.title()),
        (CONSEQUENCE, Style::new()),
        ("Its SHA-256, as agents pin it:", theme.dim()),
        (fingerprint.to_string().as_str(), Style::new()),
    ] {
        for line in text::wrap(line, width) {
            canvas.put(inside, row, 0, &line, style);
            row += 1;
        }
    }
    let column = canvas.put(inside, row + 1, 0, "type ", theme.dim());
    let column = canvas.put(inside, row + 1, column, SIGNING_PHRASE, theme.warn());
    let column = canvas.put(inside, row + 1, column, " and press Enter: ", theme.dim());
    canvas.put(inside, row + 1, column, typed.text(), theme.title());
    let ready = typed.text() == SIGNING_PHRASE;
    let hint = if ready { "Enter does it" } else { "Esc cancels" };
    canvas.put(inside, row + 2, 0, hint, theme.dim());
    let at = column.saturating_add(u16::try_from(typed.column()).unwrap_or(0));
    Some((inside.x + at, inside.y + row + 1))
}

fn said(canvas: &mut Canvas<'_>, inside: Rect, words: &str, style: Style) -> Option<(u16, u16)> {
    for (line, row) in text::wrap(words, usize::from(inside.width)).iter().zip(0..) {
        canvas.put(inside, row, 0, line, style);
    }
    canvas.put(
        inside,
        inside.height.saturating_sub(1),
        0,
        "Esc closes",
        canvas.theme.dim(),
    );
    None
}
