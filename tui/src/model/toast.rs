//! Short messages at the bottom of the screen.

use super::change::{Change, Target};
use super::tokens::TokenChange;
use crate::clock::Moment;
use scm_protocol::ids::TokenId;
use scm_protocol::settings::SettingValue;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastKind {
    /// Something was done.
    Done,
    /// Something to know.
    Note,
    /// Something failed; stays longer.
    Error,
}

/// What takes a change back.
#[derive(Clone, Debug)]
pub enum Undo {
    /// A change of a system.
    System(Change, Target),
    /// A change of an enrollment token of that name.
    Token(TokenChange, TokenId, String),
    /// A change of the setting of that name: what held before, none for the default.
    Setting(String, Option<SettingValue>),
}

/// A message that goes by itself.
#[derive(Clone, Debug)]
pub struct Toast {
    /// What it is.
    pub kind: ToastKind,
    /// What it says.
    pub text: String,
    /// When it goes.
    pub until: Moment,
    /// What `u` takes back.
    pub undo: Option<Undo>,
}

impl Toast {
    /// A message that begins now.
    pub fn new(kind: ToastKind, text: impl Into<String>, now: Moment) -> Self {
        let millis = if kind == ToastKind::Error { 10_000 } else { 5_000 };
        Toast {
            kind,
            text: text.into(),
            until: now.plus(millis),
            undo: None,
        }
    }
}
