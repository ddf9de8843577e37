//! The page of all commands and the page of one: reading, moving, opening, and the question before one is stopped.

use super::{call, navigate, questions, run_form, run_many, session};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, CommandCall, CommandReply, Effect, Failure};
use crate::model::{ARM_MS, CommandDetail, CommandQuestion, Dirty, Focus, Page, State, ToastKind};
use scm_protocol::commands::{Command, CommandOutput, CommandPage};
use scm_protocol::events;
use scm_protocol::ids::CommandId;

/// A question about commands.
pub(super) fn ask(state: &State, question: CommandCall) -> Effect {
    call(state, Call::Command(question))
}

/// An answer.
pub(super) fn reply(state: &mut State, answer: CommandReply, now: Moment) -> Vec<Effect> {
    match answer {
        CommandReply::List(page) => listed(state, page, now),
        CommandReply::Show { id, command } => shown(state, id, command, now),
        CommandReply::Offered { ticket, offered } => run_many::offered(state, ticket, offered, now),
        CommandReply::Output { id, start, part } => output(state, (id, start), part, now),
        CommandReply::Actions { id, actions } => run_form::offered(state, id, actions, now),
        CommandReply::Created { ticket, created } => run_form::created(state, ticket, created, now),
        CommandReply::Cancelled { id, result } => cancelled(state, id, result, now),
    }
}

/// Reads the list; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.obstacle("commands.list").is_some() {
        return Vec::new();
    }
    if state.commands.list.reading {
        state.commands.list.again = true;
        return Vec::new();
    }
    state.commands.list.reading = true;
    vec![ask(state, CommandCall::List)]
}

/// Reads what the open command wrote since.
pub(super) fn fetch_output(state: &mut State) -> Vec<Effect> {
    let Some(detail) = &mut state.commands.detail else {
        return Vec::new();
    };
    if detail.reading {
        detail.again = true;
        return Vec::new();
    }
    if detail.complete {
        return Vec::new();
    }
    detail.reading = true;
    let (id, start) = (detail.id, detail.next);
    vec![ask(state, CommandCall::Output { id, start })]
}

/// The server says that commands went on: read where somebody looks.
pub(super) fn changed(state: &mut State, change: &events::Change) -> Vec<Effect> {
    if !change.commands || !matches!(state.page, Page::Commands | Page::Command(_)) {
        return Vec::new();
    }
    let mut effects = fetch(state);
    if let Page::Command(id) = state.page {
        effects.extend(fetch_unlisted(state, id));
        effects.extend(fetch_output(state));
    }
    effects
}

/// Reads a command that is older than those of the list.
fn fetch_unlisted(state: &State, id: CommandId) -> Option<Effect> {
    let listed = state.commands.list.items().iter().any(|command| command.id == id);
    (!listed).then(|| ask(state, CommandCall::Show(id)))
}

fn shown(
    state: &mut State,
    id: CommandId,
    command: Result<Box<Command>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match command {
        Ok(command) => {
            if let Some(detail) = state.commands.detail.as_mut().filter(|detail| detail.id == id) {
                detail.unlisted = Some(*command);
            }
            state.mark(Dirty::Data);
            Vec::new()
        }
        Err(failure) => session::failed(state, "command", &failure, now),
    }
}

fn listed(state: &mut State, page: Result<CommandPage, Failure>, now: Moment) -> Vec<Effect> {
    state.commands.list.reading = false;
    let again = std::mem::take(&mut state.commands.list.again);
    state.mark(Dirty::Data);
    match page {
        Ok(page) => {
            super::replies::told(state, page.server_time_ms, now);
            state.commands.list.error = None;
            state.commands.list.put(page.items);
            if again { fetch(state) } else { Vec::new() }
        }
        Err(failure) => {
            state.commands.list.error = Some(failure.to_string());
            session::failed(state, "commands", &failure, now)
        }
    }
}

fn output(
    state: &mut State,
    (id, start): (CommandId, i64),
    part: Result<CommandOutput, Failure>,
    now: Moment,
) -> Vec<Effect> {
    let Some(detail) = state.commands.detail.as_mut().filter(|detail| detail.id == id) else {
        return Vec::new();
    };
    detail.reading = false;
    let again = std::mem::take(&mut detail.again);
    match part {
        Ok(part) if start == detail.next => {
            let more = part.next_start > start;
            detail.add(&part.text);
            detail.next = part.next_start;
            detail.complete = part.complete;
            state.mark(Dirty::Data);
            if again || more {
                fetch_output(state)
            } else {
                Vec::new()
            }
        }
        Ok(_) => Vec::new(),
        Err(failure) => session::failed(state, "output", &failure, now),
    }
}

/// Opens a command's own page.
pub(super) fn open(state: &mut State, id: CommandId, now: Moment) -> Vec<Effect> {
    state.commands.detail = Some(CommandDetail::new(id));
    let mut effects = navigate::into(state, Page::Command(id), now);
    effects.extend(fetch_unlisted(state, id));
    effects
}

/// Moves the cursor, or the lines of a command's page.
pub(super) fn scroll(state: &mut State, action: Action) -> Vec<Effect> {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    if state.page == Page::Commands {
        let at = state.commands.list.position();
        let place = match action {
            Action::Down => at + 1,
            Action::Up => at.saturating_sub(1),
            Action::PageDown => at + page,
            Action::PageUp => at.saturating_sub(page),
            Action::Top => 0,
            Action::Bottom => usize::MAX / 2,
            _ => at,
        };
        state.commands.list.go(place);
    } else if let Some(detail) = &mut state.commands.detail {
        let most = detail.lines.len().saturating_sub(1);
        detail.back = match action {
            Action::Down => detail.back.saturating_sub(1),
            Action::Up => detail.back + 1,
            Action::PageDown => detail.back.saturating_sub(page),
            Action::PageUp => detail.back + page,
            Action::Top => most,
            Action::Bottom => 0,
            _ => detail.back,
        }
        .min(most);
    }
    Vec::new()
}

/// Whether an action is about the command under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    matches!(action, Action::OpenCommand | Action::CancelCommand)
}

/// A key of the pages.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    let (id, drawn) = match state.page {
        Page::Command(id) => (Some(id), true),
        _ => (
            state.commands.list.cursor(),
            state.commands.list.drawn == state.commands.list.cursor(),
        ),
    };
    let Some(command) = id.and_then(|id| state.commands.get(id)).cloned() else {
        state.toast(ToastKind::Note, "there is no command here", now);
        return Vec::new();
    };
    if !drawn {
        state.toast(ToastKind::Note, "look where the cursor is now", now);
        return Vec::new();
    }
    match action {
        Action::OpenCommand if state.page == Page::Commands => open(state, command.id, now),
        Action::CancelCommand => ask_whether(state, command, now),
        _ => Vec::new(),
    }
}

fn ask_whether(state: &mut State, command: Command, now: Moment) -> Vec<Effect> {
    let over = command.state.is_over().then(|| "is over already".to_owned());
    if let Some(reason) = state.obstacle("commands.cancel").or(over) {
        state.toast(ToastKind::Error, format!("command {}: {reason}", command.id), now);
        return Vec::new();
    }
    state.commands.question = Some(CommandQuestion {
        command,
        focus: Focus::Cancel,
        shown_at: None,
    });
    Vec::new()
}

/// Whether a question takes the keys.
pub(super) fn question_open(state: &State) -> bool {
    state.commands.question.is_some() && matches!(state.page, Page::Commands | Page::Command(_))
}

/// A key in the question.
pub(super) fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.commands.question = None;
        return Vec::new();
    }
    let Some(question) = &mut state.commands.question else {
        return Vec::new();
    };
    if question
        .shown_at
        .is_none_or(|shown| press.at < shown.plus(ARM_MS))
    {
        return Vec::new();
    }
    let answer = questions::question_key(press.key, &mut question.focus, &mut None);
    let id = question.command.id;
    match answer {
        None => Vec::new(),
        Some(yes) => {
            state.commands.question = None;
            if yes {
                vec![ask(state, CommandCall::Cancel(id))]
            } else {
                Vec::new()
            }
        }
    }
}

fn cancelled(
    state: &mut State,
    id: CommandId,
    result: Result<Box<Command>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(command) => {
            let text = if command.state.is_over() {
                format!("command {id} is cancelled")
            } else {
                format!("command {id} is stopped as soon as its system asks")
            };
            state.commands.list.put_one(*command);
            state.toast(ToastKind::Done, text, now);
            Vec::new()
        }
        Err(Failure::Unauthorized(reason)) => session::lost(state, &reason),
        Err(failure) => {
            state.toast(ToastKind::Error, failure.to_string(), now);
            fetch(state)
        }
    }
}
