//! The list of enrollment tokens: reading it, moving in it, and changes of a token.

use super::{call, session, token_form, token_secret};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, Effect, Failure};
use crate::model::{
    ARM_MS, Dirty, State, TextField, Toast, ToastKind, TokenChange, TokenFront, TokenQuestion, Undo,
    status_at, token_name,
};
use scm_protocol::enrollment::TokenPage;
use scm_protocol::ids::TokenId;

/// Reads the list from its beginning; while it is being read, once more afterwards.
pub(super) fn fetch(state: &mut State) -> Vec<Effect> {
    if state.obstacle("enrollment.tokens.list").is_some() {
        return Vec::new();
    }
    if state.tokens.reading.is_some() {
        state.tokens.again = true;
        return Vec::new();
    }
    state.tokens.reading = Some(Vec::new());
    vec![call(state, Call::Tokens(None))]
}

/// A page of the list.
pub(super) fn listed(state: &mut State, page: Result<TokenPage, Failure>, now: Moment) -> Vec<Effect> {
    let Some(mut read) = state.tokens.reading.take() else {
        return Vec::new();
    };
    state.mark(Dirty::Data);
    let page = match page {
        Ok(page) => page,
        Err(failure) => {
            state.tokens.again = false;
            state.tokens.error = Some(failure.to_string());
            return session::failed(state, "enrollment tokens", &failure, now);
        }
    };
    super::replies::told(state, page.server_time_ms, now);
    read.extend(page.items);
    if page.next_cursor.is_some() {
        state.tokens.reading = Some(read);
        return vec![call(state, Call::Tokens(page.next_cursor))];
    }
    state.tokens.error = None;
    state.tokens.put(read);
    if std::mem::take(&mut state.tokens.again) {
        return fetch(state);
    }
    Vec::new()
}

/// Moves the cursor.
pub(super) fn scroll(state: &mut State, action: Action) {
    let page = usize::from(state.size.1.saturating_sub(super::LIST_CHROME)).max(1);
    let tokens = &mut state.tokens;
    tokens.disarmed = false;
    let at = tokens.position();
    tokens.go(match action {
        Action::Down => at + 1,
        Action::Up => at.saturating_sub(1),
        Action::PageDown => at + page,
        Action::PageUp => at.saturating_sub(page),
        Action::Top => 0,
        Action::Bottom => usize::MAX,
        _ => at,
    });
}

/// Whether an action is about the token under the cursor, which must be the one that was drawn.
pub(super) fn acts(action: Action) -> bool {
    TokenChange::of(action).is_some()
}

/// A key of the page.
pub(super) fn act(state: &mut State, action: Action, now: Moment) -> Vec<Effect> {
    if let Some(change) = TokenChange::of(action) {
        return change_current(state, change, now);
    }
    if action == Action::NewToken {
        return token_form::open(state, now);
    }
    Vec::new()
}

fn change_current(state: &mut State, change: TokenChange, now: Moment) -> Vec<Effect> {
    let verb = change.verb();
    let moved = std::mem::take(&mut state.tokens.disarmed) || state.tokens.drawn != state.tokens.cursor();
    let refusal = match (state.obstacle(change.route()), state.tokens.current()) {
        (Some(obstacle), _) => Some(format!("{verb}: {obstacle}")),
        (None, None) => Some(format!("{verb}: there is no token here")),
        (None, Some(_)) if moved => {
            Some("the token under the cursor went; look where the cursor is now".to_owned())
        }
        (None, Some(token)) => change
            .obstacle(status_at(token, state.shown_at))
            .map(|reason| format!("{verb}: {} {reason}", token_name(token))),
    };
    if let Some(text) = refusal {
        state.toast(ToastKind::Error, text, now);
        return Vec::new();
    }
    let Some(token) = state.tokens.current() else {
        return Vec::new();
    };
    let (id, name, uses) = (token.id, token_name(token), token.uses);
    if change != TokenChange::Delete {
        return vec![call(state, Call::ChangeToken { id, name, change })];
    }
    state.tokens.question = Some(TokenQuestion {
        id,
        name,
        uses,
        typed: TextField::default(),
        shown_at: None,
    });
    Vec::new()
}

/// A key while something lies over the page.
pub(super) fn front_key(state: &mut State, front: TokenFront, press: Press, now: Moment) -> Vec<Effect> {
    match front {
        TokenFront::Secret => token_secret::key(state, press, now),
        TokenFront::Question => question_key(state, press),
        TokenFront::Form => token_form::key(state, press.key, now),
    }
}

fn question_key(state: &mut State, press: Press) -> Vec<Effect> {
    if matches!(press.key, Key::Esc | Key::Ctrl('c')) {
        state.tokens.question = None;
        return Vec::new();
    }
    let Some(question) = &mut state.tokens.question else {
        return Vec::new();
    };
    if !armed(question.shown_at, press.at) {
        return Vec::new();
    }
    if press.key != Key::Enter {
        question.typed.key(press.key);
        return Vec::new();
    }
    if question.typed.text() != question.name {
        return Vec::new();
    }
    let (id, name) = (question.id, std::mem::take(&mut question.name));
    state.tokens.question = None;
    let change = TokenChange::Delete;
    vec![call(state, Call::ChangeToken { id, name, change })]
}

/// Whether a key read at `at` counts for what is on the screen since `shown_at`.
pub(super) fn armed(shown_at: Option<Moment>, at: Moment) -> bool {
    shown_at.is_some_and(|shown| at >= shown.plus(ARM_MS))
}

/// What came of a change.
pub(super) fn changed(
    state: &mut State,
    (id, name, change): (TokenId, String, TokenChange),
    result: Result<(), Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(()) => {
            let mut toast = Toast::new(ToastKind::Done, format!("{} {name}", change.past()), now);
            toast.undo = change.reverse().map(|back| Undo::Token(back, id, name));
            state.push_toast(toast);
        }
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(Failure::Unreachable(reason)) => {
            let text = format!(
                "{} {name}: no answer ({reason}): look before trying again",
                change.verb()
            );
            state.toast(ToastKind::Error, text, now);
        }
        Err(failure) => {
            let text = format!("could not {} {name}: {failure}", change.verb());
            state.toast(ToastKind::Error, text, now);
        }
    }
    fetch(state)
}
