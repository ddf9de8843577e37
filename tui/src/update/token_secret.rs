//! The screen with a new secret: it goes only when the administrator says that the secret is stored.

use super::{call, tokens};
use crate::clock::Moment;
use crate::keys::{Key, Press};
use crate::message::{Call, Effect};
use crate::model::{Dirty, State, ToastKind};

/// A key on the screen.
pub(super) fn key(state: &mut State, press: Press, now: Moment) -> Vec<Effect> {
    let Some(created) = &mut state.tokens.created else {
        return Vec::new();
    };
    if !tokens::armed(created.shown_at, press.at) {
        return Vec::new();
    }
    match press.key {
        Key::Char('y') => {
            created.notice = Some(Ok(
                "sent to the terminal's clipboard: check that it arrived".to_owned()
            ));
            return vec![Effect::Copy(created.secret.expose().clone())];
        }
        Key::Char('w') => return write(state),
        Key::Char(' ') => {
            created.stored = !created.stored;
            created.notice = None;
        }
        Key::Enter if created.stored => {
            let done = created.label.done.clone();
            // Wipes the secret.
            state.tokens.created = None;
            state.toast(ToastKind::Done, done, now);
        }
        Key::Enter | Key::Esc | Key::Char('q') | Key::Ctrl('c') => {
            let text = if created.stored {
                "Enter leaves; the secret is gone then"
            } else {
                "nothing shows the secret again: store it, tick the box with Space, then Enter"
            };
            created.notice = Some(Err(text.to_owned()));
        }
        _ => {}
    }
    Vec::new()
}

fn write(state: &mut State) -> Vec<Effect> {
    let Some(created) = &mut state.tokens.created else {
        return Vec::new();
    };
    if created.writing || created.file.is_some() {
        return Vec::new();
    }
    created.writing = true;
    let question = Call::WriteSecret {
        stem: created.label.stem.clone(),
        secret: created.secret.expose().clone(),
    };
    vec![call(state, question)]
}

/// The file was written, or not.
pub(super) fn written(state: &mut State, stem: &str, path: Result<String, String>) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let created = state.tokens.created.as_mut();
    let Some(created) = created.filter(|created| created.label.stem == stem) else {
        return Vec::new();
    };
    created.writing = false;
    match path {
        Ok(path) => {
            // What is said about a copy stays.
            created.notice.take_if(|notice| notice.is_err());
            created.file = Some(path);
        }
        Err(reason) => created.notice = Some(Err(reason)),
    }
    Vec::new()
}
