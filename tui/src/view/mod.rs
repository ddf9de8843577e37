//! The picture of a state: header, place, page, hints, and what lies over them. Pure: draws what the state says.

mod bulk_bar;
mod canvas;
mod filter_line;
pub mod format;
mod frame_lines;
mod front_keys;
mod hint_line;
pub mod text;
mod theme;

pub use canvas::Canvas;
pub use theme::Theme;

use crate::model::{Overlay, Page, State};
use crate::pages;
use ratatui::Frame;
use ratatui::layout::Rect;

/// Columns below which lists show names only.
pub const FULL_WIDTH: u16 = 80;
/// Rows below which lists show names only.
pub const FULL_HEIGHT: u16 = 24;

/// Draws the whole screen.
pub fn view(state: &State, frame: &mut Frame) {
    let area = frame.area();
    let theme = Theme::new(state.settings);
    let mut canvas = Canvas::new(frame.buffer_mut(), theme);
    let rows = |from: u16, height: u16| Rect {
        y: area.y + from.min(area.height),
        height,
        ..area
    };
    let body_height = area.height.saturating_sub(3);
    frame_lines::header(state, &mut canvas, rows(0, 1.min(area.height)));
    if area.height > 2 {
        frame_lines::place(state, &mut canvas, rows(1, 1));
    }
    let body = rows(2, body_height);
    let mut cursor = page(state, &mut canvas, body);
    if area.height > 1 {
        hint_line::hints(state, &mut canvas, rows(area.height - 1, 1));
    }
    if let Some(list) = state.list().filter(|list| list.filtering) {
        filter_line::draw_below(list, &mut canvas, body);
        cursor = filter_line::cursor(state, list, rows(1, 1));
    }
    if let Some(over) = &state.overlay {
        cursor = overlay(state, over, &mut canvas, body);
    }
    if let Some(dialog) = state.dialog.as_ref().filter(|dialog| !dialog.hidden) {
        cursor = pages::dialog::draw(state, dialog, &mut canvas, body);
    }
    if let Some(front) = state.audit_front().filter(|_| state.overlay.is_none()) {
        cursor = pages::audit::draw_front(state, front, &mut canvas, body);
    }
    if let Some(front) = state.access_front() {
        cursor = pages::access_front::draw(state, front, &mut canvas, body);
    }
    if let Some(front) = state.token_front() {
        cursor = pages::tokens::draw_front(state, front, &mut canvas, body);
    }
    if let Some((x, y)) = cursor
        && x < area.right()
        && y < area.bottom()
    {
        frame.set_cursor_position((x, y));
    }
}

/// Where the text cursor is, if there is one.
type Cursor = Option<(u16, u16)>;

fn page(state: &State, canvas: &mut Canvas<'_>, body: Rect) -> Cursor {
    match state.page {
        Page::Login => return pages::login::draw(state, canvas, body),
        Page::Dashboard => pages::dashboard::draw(state, canvas, body),
        Page::Systems => pages::systems::draw(state, &state.systems, canvas, body),
        Page::System(id) => {
            pages::system::draw(state, id, canvas, body);
            if let Some(form) = state.commands.form.as_ref().filter(|form| form.system == id) {
                return pages::run_form::draw(form, canvas, body);
            }
            let form = state.detail.form.as_ref()?;
            return pages::system_groups::draw_form(form, canvas, body);
        }
        Page::Pending => pages::pending::draw(state, canvas, body),
        Page::Audit => pages::audit::draw(state, canvas, body),
        Page::Tokens => pages::tokens::draw(state, canvas, body),
        Page::NewSystem => return pages::new_system::draw(state, canvas, body),
        Page::Groups => {
            pages::groups::draw(state, canvas, body);
            let front = state.groups.front.as_ref()?;
            return pages::groups::draw_front(state, front, canvas, body);
        }
        Page::Access => pages::access::draw(state, canvas, body),
        Page::Jobs | Page::Job(_) => {
            match state.page {
                Page::Job(id) => pages::jobs::draw_one(state, id, canvas, body),
                _ => pages::jobs::draw(state, canvas, body),
            }
            let question = state.jobs.question.as_ref()?;
            return pages::jobs::draw_question(state, question, canvas, body);
        }
        Page::Backups => {
            pages::backups::draw(state, canvas, body);
            let question = state.backups.question.as_ref()?;
            pages::backups::draw_question(state, question, canvas, body);
        }
        Page::Commands | Page::Command(_) => {
            match state.page {
                Page::Command(id) => pages::commands::draw_one(state, id, canvas, body),
                _ => pages::commands::draw(state, canvas, body),
            }
            if let Some(question) = &state.commands.question {
                pages::commands::draw_question(state, question, canvas, body);
            }
        }
        Page::Upgrades => {
            pages::upgrades::draw(state, canvas, body);
            if let Some(question) = &state.upgrades.question {
                pages::upgrades::draw_question(state, question, canvas, body);
                return None;
            }
            let form = state.upgrades.form.as_ref()?;
            return pages::rollout_form::draw(state, form, canvas, body);
        }
        Page::Settings => {
            pages::settings::draw(state, canvas, body);
            if let Some(front) = &state.organization.signing {
                return pages::signing::draw(state, front, canvas, body);
            }
            let form = state.organization.form.as_ref()?;
            return pages::settings::draw_form(form, canvas, body);
        }
    }
    None
}

fn overlay(state: &State, overlay: &Overlay, canvas: &mut Canvas<'_>, body: Rect) -> Cursor {
    match overlay {
        Overlay::Help(scroll) => pages::help::draw(state, *scroll, canvas, body),
        Overlay::Palette(palette) => return pages::palette::draw(palette, canvas, body),
        Overlay::Menu(menu) => pages::menu::draw(state, menu, canvas, body),
        Overlay::Columns(at) => pages::columns::draw(state, *at, canvas, body),
        Overlay::Saved(menu) => return pages::saved_filters::draw(state, menu, canvas, body),
        Overlay::Export(form) => return pages::list_export::draw(form, canvas, body),
        Overlay::Sort(menu) => pages::sort::draw(menu, canvas, body),
        Overlay::RunMany(form) => return pages::run_many::draw(form, canvas, body),
        Overlay::Subject(form) => return pages::subject_form::draw(state, form, canvas, body),
        Overlay::Servers(cursor) => pages::servers::draw(state, *cursor, canvas, body),
        Overlay::Log { lines, back } => pages::log::draw(lines.as_deref(), *back, canvas, body),
    }
    None
}
