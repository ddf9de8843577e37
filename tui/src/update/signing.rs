//! The organization's signing key: looked at first, replaced when what is asked for was typed.

use super::{call, session, tokens};
use crate::clock::Moment;
use crate::keys::{Action, Key, Press};
use crate::message::{Call, Effect, Failure, SigningCall, SigningReply};
use crate::model::{Dirty, Page, SIGNING_PHRASE, SigningFront, SigningStep, State, TextField, ToastKind};
use crate::view::format;
use scm_protocol::rotation::{SigningKeyRotated, SigningKeyShown};

/// Opens the window and reads the key.
pub(super) fn begin(state: &mut State, now: Moment) -> Vec<Effect> {
    if let Some(reason) = state.action_obstacle(Action::RotateSigningKey) {
        state.toast(ToastKind::Error, format!("signing key: {reason}"), now);
        return Vec::new();
    }
    state.tickets += 1;
    let ticket = state.tickets;
    state.organization.signing = Some(SigningFront::reading(ticket));
    vec![call(state, Call::Signing(SigningCall::Show { ticket }))]
}

/// Whether the window takes the keys.
pub(super) fn is_open(state: &State) -> bool {
    state.page == Page::Settings && state.organization.signing.is_some()
}

/// A key in the window.
pub(super) fn key(state: &mut State, press: Press) -> Vec<Effect> {
    let Some(front) = &mut state.organization.signing else {
        return Vec::new();
    };
    let away = matches!(press.key, Key::Esc | Key::Ctrl('c'));
    let SigningStep::Asking {
        fingerprint,
        typed,
        shown_at,
    } = &mut front.step
    else {
        // What is under way at the server goes on; a message says how it ended.
        if away || press.key == Key::Enter && matches!(front.step, SigningStep::Failed(_)) {
            state.organization.signing = None;
        }
        return Vec::new();
    };
    if away {
        state.organization.signing = None;
        return Vec::new();
    }
    if !tokens::armed(*shown_at, press.at) {
        return Vec::new();
    }
    if press.key != Key::Enter {
        typed.key(press.key);
        return Vec::new();
    }
    if typed.text() != SIGNING_PHRASE {
        return Vec::new();
    }
    let (ticket, fingerprint) = (front.ticket, *fingerprint);
    front.step = SigningStep::Sent;
    vec![call(
        state,
        Call::Signing(SigningCall::Rotate { ticket, fingerprint }),
    )]
}

/// What the server says.
pub(super) fn reply(state: &mut State, reply: SigningReply, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Key);
    match reply {
        SigningReply::Shown { ticket, result } => shown(state, ticket, result),
        SigningReply::Rotated { ticket, result } => rotated(state, ticket, result, now),
    }
}

/// The window that asked, while it is open.
fn window(state: &mut State, ticket: u64) -> Option<&mut SigningFront> {
    state
        .organization
        .signing
        .as_mut()
        .filter(|front| front.ticket == ticket)
}

fn shown(state: &mut State, ticket: u64, result: Result<Box<SigningKeyShown>, Failure>) -> Vec<Effect> {
    if let Err(Failure::Unauthorized(reason)) = &result {
        return session::lost(state, reason);
    }
    if let Some(front) = window(state, ticket) {
        front.step = match result {
            Ok(key) => SigningStep::Asking {
                fingerprint: key.fingerprint,
                typed: TextField::default(),
                shown_at: None,
            },
            Err(failure) => SigningStep::Failed(failure.to_string()),
        };
    }
    Vec::new()
}

fn rotated(
    state: &mut State,
    ticket: u64,
    result: Result<Box<SigningKeyRotated>, Failure>,
    now: Moment,
) -> Vec<Effect> {
    match result {
        Ok(rotated) => {
            let text = format!(
                "the signing key was replaced; the former one signs until {}",
                format::date_time(rotated.former_until_ms)
            );
            if window(state, ticket).is_some() {
                state.organization.signing = None;
            }
            state.toast(ToastKind::Done, text, now);
        }
        Err(Failure::Unauthorized(reason)) => return session::lost(state, &reason),
        Err(failure) => {
            let said = match &failure {
                Failure::Unreachable(reason) => format!("no answer ({reason}): look before trying again"),
                other => other.to_string(),
            };
            match window(state, ticket) {
                Some(front) => front.step = SigningStep::Failed(said),
                None => state.toast(ToastKind::Error, format!("signing key: {said}"), now),
            }
        }
    }
    Vec::new()
}
