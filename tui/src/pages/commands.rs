//! Commands: all of them, and one with what it wrote.

use crate::model::{CommandDetail, CommandQuestion, Focus, State, clean};
use crate::view::{Canvas, FULL_HEIGHT, FULL_WIDTH, Theme, format, text};
use ratatui::layout::Rect;
use ratatui::style::Style;
use scm_protocol::commands::{Command, CommandState};
use scm_protocol::ids::CommandId;

/// Lines of a command's page above what it wrote.
const HEAD: u16 = 5;

/// Draws the list.
pub fn draw(state: &State, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let small = state.size.0 < FULL_WIDTH || state.size.1 < FULL_HEIGHT;
    let rest = if small { "" } else { "  EXIT  AGE BY" };
    let heading = format!("  {:<7}{:<11}{:<17}{:<19}{rest}", "ID", "STATE", "ACTION", "HOST");
    canvas.put(body, 0, 0, &heading, theme.dim());
    if state.commands.list.items().is_empty() {
        let said = match &state.commands.list.error {
            Some(error) => clean(error),
            None if !state.commands.list.complete => "reading the commands".to_owned(),
            None => "No commands yet. Open a system and press r: it runs what its own configuration allows."
                .to_owned(),
        };
        for (line, row) in text::wrap(&said, 74).iter().zip(2..) {
            canvas.put(body, row, 2, line, theme.dim());
        }
        return;
    }
    for (command, row) in state.commands.list.visible().zip(1..body.height) {
        line(state, command, small, canvas, (body, row));
    }
}

fn line(state: &State, command: &Command, small: bool, canvas: &mut Canvas<'_>, (body, row): (Rect, u16)) {
    let theme = canvas.theme;
    let here = state.commands.list.cursor() == Some(command.id);
    canvas.put(body, row, 0, if here { ">" } else { " " }, theme.title());
    let style = if here { theme.cursor() } else { Style::new() };
    let column = canvas.put(body, row, 2, &format!("{:<7}", command.id.to_string()), style);
    let word = format!("{:<11}", state_word(command));
    let column = canvas.put(body, row, column, &word, state_style(command, theme));
    let action = text::fit(&clean(&command.action), 16, theme.ellipsis());
    let column = canvas.put(body, row, column, &action, style);
    let host = text::fit(&clean(&command.hostname), 18, theme.ellipsis());
    let column = canvas.put(body, row, column + 1, &host, Style::new());
    if !small {
        let exit = command
            .exit_code
            .map_or_else(|| "-".to_owned(), |code| code.to_string());
        let age = format::seen(Some(command.created_ms), state.shown_at);
        let end = format!("{exit:>7}{age:>5} {}", clean(&command.created_by));
        canvas.put(body, row, column, &end, Style::new());
    }
}

/// A word, so that it is told without colour, too.
fn state_word(command: &Command) -> &'static str {
    match command.state {
        CommandState::Created => "WAITS",
        CommandState::Dispatched => "SENT",
        CommandState::Running if command.cancelled_by.is_some() => "STOPPING",
        CommandState::Running => "RUNNING",
        CommandState::Completed => "DONE",
        CommandState::Failed => "FAILED",
        CommandState::Cancelled => "CANCELLED",
        CommandState::Expired => "EXPIRED",
        CommandState::Refused => "REFUSED",
    }
}

fn state_style(command: &Command, theme: Theme) -> Style {
    match command.state {
        CommandState::Created | CommandState::Dispatched | CommandState::Running => theme.accent(),
        CommandState::Completed => theme.good(),
        CommandState::Failed | CommandState::Refused => theme.error(),
        CommandState::Cancelled | CommandState::Expired => theme.warn(),
    }
}

/// Draws one command with what it wrote.
pub fn draw_one(state: &State, id: CommandId, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let Some(command) = state.commands.get(id) else {
        canvas.put(body, 0, 2, "reading the command", theme.dim());
        return;
    };
    let width = usize::from(body.width.saturating_sub(4));
    let values: Vec<String> = command
        .parameters
        .iter()
        .map(|(name, value)| format!("{}={}", clean(name), clean(value)))
        .collect();
    let head = format!(
        "{} on {}  {}",
        clean(&command.action),
        clean(&command.hostname),
        values.join(" ")
    );
    canvas.put(
        body,
        0,
        2,
        &text::cut(&head, width, theme.ellipsis()),
        theme.title(),
    );
    let column = canvas.put(body, 1, 2, state_word(command), state_style(command, theme));
    let exit = command
        .exit_code
        .map(|code| format!("  exit {code}"))
        .unwrap_or_default();
    let by = format!(
        "{exit}  by {}, {}",
        clean(&command.created_by),
        format::date_time(command.created_ms)
    );
    canvas.put(body, 1, column, &by, Style::new());
    let reason = command.reason.as_deref().map(clean).unwrap_or_default();
    for (line, row) in text::wrap(&reason, width).iter().zip(2..HEAD - 1) {
        canvas.put(body, row, 2, line, theme.warn());
    }
    let Some(detail) = state.commands.detail.as_ref().filter(|detail| detail.id == id) else {
        return;
    };
    canvas.put(body, HEAD - 1, 2, &about_output(command, detail), theme.dim());
    let room = usize::from(body.height.saturating_sub(HEAD));
    let end = detail.lines.len().saturating_sub(detail.back);
    let first = end.saturating_sub(room);
    for (line, row) in detail.lines[first..end].iter().zip(HEAD..body.height) {
        canvas.put(
            body,
            row,
            2,
            &text::cut(line, width, theme.ellipsis()),
            Style::new(),
        );
    }
}

fn about_output(command: &Command, detail: &CommandDetail) -> String {
    let bytes = format::count(command.output_bytes);
    let more = match (command.redacted, command.output_incomplete, detail.complete) {
        (true, _, _) => return "OUTPUT stays on the system".to_owned(),
        (_, true, _) => "incomplete",
        (_, false, true) => "complete",
        (_, false, false) => "so far",
    };
    format!("OUTPUT {bytes} bytes, {more}")
}

/// Draws the question; there is no text cursor in it.
pub fn draw_question(state: &State, question: &CommandQuestion, canvas: &mut Canvas<'_>, body: Rect) {
    let theme = canvas.theme;
    let command = &question.command;
    let inside = canvas.window(body, 74, 9, "stop command");
    let head = format!(
        "Command {} ({} on {}) on {}",
        command.id,
        clean(&command.action),
        clean(&command.hostname),
        state.server_name()
    );
    canvas.put(inside, 0, 0, &head, theme.title());
    let said = if command.state == CommandState::Created {
        "It was not handed out yet and will not be run."
    } else {
        "Its program is ended with all that it started, as soon as its system asks. What it did stays done."
    };
    for (line, row) in text::wrap(said, usize::from(inside.width)).iter().zip(1..4) {
        canvas.put(inside, row, 0, line, Style::new());
    }
    super::dialog::buttons(canvas, inside, 4, "stop it", question.focus == Focus::Cancel);
}
