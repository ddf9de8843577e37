//! The organization's settings: what holds, what the default is, who changed it.

use super::login::draw_field;
use crate::keys::{Action, binding};
use crate::model::{ABOUT_ROWS, SettingForm, State, clean, setting_obstacle, setting_text};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::settings::Setting;

/// Columns of the name, the value and the default.
const NAME: usize = 29;
const VALUE: usize = 19;
const DEFAULT: usize = 17;

/// Draws the list and what the setting under the cursor is about.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let line = |name: &str, value: &str, default: &str, by: &str| {
        let rest = if small {
            String::new()
        } else {
            format!("{}{by}", text::fit(default, DEFAULT, theme.ellipsis()))
        };
        format!(
            "{}{}{rest}",
            text::fit(name, NAME, theme.ellipsis()),
            text::fit(value, VALUE, theme.ellipsis())
        )
    };
    canvas.put(
        body,
        0,
        2,
        &line("NAME", "VALUE", "DEFAULT", "CHANGED"),
        theme.dim(),
    );
    if state.organization.items().is_empty() {
        let reading = "reading the settings".to_owned();
        let said = state.organization.error.as_deref().map_or(reading, clean);
        for (line, row) in text::wrap(&said, 74).iter().zip(2..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    let room = body.height.saturating_sub(ABOUT_ROWS).max(1);
    for (setting, row) in state.organization.visible().zip(1..=room) {
        let here = state.organization.cursor() == Some(setting.name.as_str());
        canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
        let style = if here { theme.cursor() } else { Style::new() };
        let value = setting_text(&setting.kind, &setting.value);
        let default = setting_text(&setting.kind, &setting.default);
        canvas.put(
            body,
            row,
            2,
            &line(&clean(&setting.name), &value, &default, &changed(state, setting)),
            style,
        );
    }
    if let Some(setting) = state.organization.current() {
        about(state, setting, canvas, body);
    }
}

/// `3h ago jdoe`, or that nobody did.
fn changed(state: &State, setting: &Setting) -> String {
    let by = setting.changed_by.as_deref().map(clean).unwrap_or_default();
    let by = by.strip_prefix("user:").unwrap_or(&by);
    match setting.changed_ms {
        Some(_) => format!("{} ago {by}", format::seen(setting.changed_ms, state.shown_at)),
        None => "-".to_owned(),
    }
}

fn about(state: &State, setting: &Setting, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let from = body.height.saturating_sub(ABOUT_ROWS - 1);
    let width = usize::from(body.width.saturating_sub(4));
    let mut row = from;
    canvas.put(body, row, 2, &clean(&setting.name), theme.title());
    for line in text::wrap(&clean(&setting.about), width).iter().take(2) {
        row += 1;
        canvas.put(body, row, 2, line, Style::new());
    }
    let roles: Vec<&str> = setting.changeable_by.iter().map(|role| role.as_str()).collect();
    let who = format!("changed by: {}", roles.join(", "));
    canvas.put(body, row + 1, 2, &who, theme.dim());
    let long = setting_text(&setting.kind, &setting.value);
    if long.chars().count() >= VALUE {
        let value = text::cut(&format!("value: {long}"), width, theme.ellipsis());
        canvas.put(body, row + 2, 2, &value, theme.dim());
    }
    let role = state.session.as_ref().map(|session| session.role);
    if let Some(reason) = role.and_then(|role| setting_obstacle(setting, role)) {
        canvas.put_right(
            Rect {
                y: body.y + row + 1,
                height: 1,
                ..body
            },
            0,
            &reason,
            theme.warn(),
        );
    }
}

/// What the role or the mode forbids on this page, with the reason.
pub fn forbidden(state: &State) -> Option<String> {
    let reason = state.action_obstacle(Action::EditSetting)?;
    let keys = [Action::EditSetting, Action::ResetSetting]
        .into_iter()
        .filter_map(binding)
        .filter_map(|line| line.keys.first().map(ToString::to_string));
    Some(format!("{}: {reason}", keys.collect::<Vec<_>>().join(" ")))
}

/// Draws the form; answers where the text cursor is.
pub fn draw_form(form: &SettingForm, canvas: &mut Canvas<'_>, body: Rect) -> Option<(u16, u16)> {
    let theme = canvas.theme;
    let inside = canvas.window(body, 74, 9, &clean(&form.name));
    canvas.put(inside, 0, 2, "value", theme.title());
    let cursor = draw_field(&form.field, false, canvas, inside, 0);
    let width = usize::from(inside.width.saturating_sub(2));
    let (said, style) = match &form.fault {
        Some(fault) => (clean(fault), theme.error()),
        None => (form.hint(), theme.dim()),
    };
    for (line, row) in text::wrap(&said, width).iter().take(3).zip(2..) {
        canvas.put(inside, row, 2, line, style);
    }
    let keys = if form.waits_for.is_some() {
        "asking the server"
    } else {
        "Enter changes it; Esc cancels"
    };
    canvas.put(inside, 6, 2, keys, theme.dim());
    cursor.filter(|_| form.waits_for.is_none())
}
