//! The window in which the organization's signing key is shown and replaced.

use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::identity::Fingerprint;

/// What must be typed.
pub const SIGNING_PHRASE: &str = "replace";

/// The window.
#[derive(Debug)]
pub struct SigningFront {
    /// Which window: answers to an earlier one are not for it.
    pub ticket: u64,
    /// How far it is.
    pub step: SigningStep,
}

/// How far the window is.
#[derive(Debug)]
pub enum SigningStep {
    /// The key is being read.
    Reading,
    /// It is shown, and what is typed replaces it.
    Asking {
        /// The key that is to go: frozen when it was read.
        fingerprint: Fingerprint,
        /// What is typed.
        typed: TextField,
        /// When it was first on the screen.
        shown_at: Option<Moment>,
    },
    /// The server was asked.
    Sent,
    /// What went wrong.
    Failed(String),
}

impl SigningFront {
    /// A window that waits for the key.
    pub fn reading(ticket: u64) -> Self {
        SigningFront {
            ticket,
            step: SigningStep::Reading,
        }
    }

    /// A frame with the window was drawn.
    pub fn drawn(&mut self, now: Moment) {
        if let SigningStep::Asking { shown_at, .. } = &mut self.step {
            shown_at.get_or_insert(now);
        }
    }

    /// The text that is being typed.
    pub fn focused(&mut self) -> Option<&mut TextField> {
        match &mut self.step {
            SigningStep::Asking { typed, .. } => Some(typed),
            _ => None,
        }
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        if matches!(self.step, SigningStep::Reading | SigningStep::Sent) {
            let reason = "the session ended before the answer: look before trying again";
            self.step = SigningStep::Failed(reason.to_owned());
        }
    }
}
