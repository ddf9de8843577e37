//! The menu of actions: what the role or the status forbids is shown with its reason.

use crate::keys::binding;
use crate::model::{Change, Menu, State, Whole, job_kind};
use crate::view::{Canvas, format, text};
use ratatui::layout::Rect;
use scm_protocol::ids::SystemId;

/// Draws the menu.
pub fn draw(state: &State, menu: &Menu, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let whom = match menu.targets.as_slice() {
        _ if menu.whole.is_some() => menu.whole.as_ref().map(Whole::describe).unwrap_or_default(),
        [one] => state
            .fleet
            .get(*one)
            .map_or_else(|| format!("system {one}"), |row| row.hostname.to_string()),
        many => format!("{} marked", format::systems(many.len())),
    };
    let title = format!("actions on {}", text::cut(&whom, 44, theme.ellipsis()));
    let rows = u16::try_from(Change::ALL.len()).unwrap_or(0);
    let inside = canvas.window(body, 74, rows + 2, &title);
    for (index, change) in Change::ALL.into_iter().enumerate() {
        let row = u16::try_from(index).unwrap_or(0);
        let Some(line) = binding(change.action()) else {
            continue;
        };
        let key = line.keys.first().map(ToString::to_string).unwrap_or_default();
        let single = (menu.targets.len() > 1 || menu.whole.is_some()) && job_kind(change).is_none();
        let obstacle = state
            .obstacle(change.route())
            .or_else(|| single.then(|| "one system at a time".to_owned()))
            .or_else(|| unfit(state, menu, change));
        let here = index == menu.cursor;
        canvas.put(inside, row, 0, if here { ">" } else { " " }, theme.accent());
        let style = if obstacle.is_some() {
            theme.dim()
        } else {
            theme.title()
        };
        canvas.put(inside, row, 2, &key, style);
        let style = if here { theme.cursor() } else { style };
        canvas.put(inside, row, 4, &format!(" {:<8}", line.name), style);
        match obstacle {
            Some(reason) => canvas.put(inside, row, 14, &format!("({reason})"), theme.warn()),
            None => canvas.put(inside, row, 14, line.text, theme.dim()),
        };
    }
}

/// Why no target can take the change.
fn unfit(state: &State, menu: &Menu, change: Change) -> Option<String> {
    let obstacle = |id: &SystemId| match state.fleet.get(*id) {
        Some(row) => change.obstacle(row.status, row.cloned),
        None => Some("is gone".to_owned()),
    };
    match menu.targets.as_slice() {
        [one] => obstacle(one),
        many => many
            .iter()
            .all(|id| obstacle(id).is_some())
            .then(|| "fits none of them".to_owned()),
    }
}
