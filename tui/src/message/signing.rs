//! Questions about the organization's signing key, and their answers.

use super::Failure;
use scm_protocol::identity::Fingerprint;
use scm_protocol::rotation::{SigningKeyRotated, SigningKeyShown};

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningCall {
    /// `GET /api/v1/organization/signing-key`.
    Show {
        /// Which window.
        ticket: u64,
    },
    /// `POST /api/v1/organization/rotate-signing-key`.
    Rotate {
        /// Which window.
        ticket: u64,
        /// The key that was shown, which is to go.
        fingerprint: Fingerprint,
    },
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum SigningReply {
    Shown {
        ticket: u64,
        result: Result<Box<SigningKeyShown>, Failure>,
    },
    Rotated {
        ticket: u64,
        result: Result<Box<SigningKeyRotated>, Failure>,
    },
}
