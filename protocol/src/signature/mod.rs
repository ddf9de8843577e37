//! HTTP message signatures of the agent routes: RFC 9421 with ed25519, over RFC 9530 content digests.
//!
//! Both directions are signed over their exact bytes. A reply also covers the signature of the request that it answers, so
//! it can answer no other. What was received is [`Unverified`] until its signature held, then [`Verified`]; only a
//! [`Verified`] body can be parsed. `docs/protocol.md` describes the same for strangers.
//!
//! Invariants: signatures are verified over the parameter text as received, never over a re-serialization; the covered
//! components are exactly the ones listed here; one signature per message; strict Ed25519 verification,
//! but for requests that are verified together, see `batch`.

#[cfg(feature = "batch")]
mod batch;
mod digest;
mod fields;
mod keyid;
mod request;
mod response;
#[cfg(test)]
mod vectors;
mod webhook;

#[cfg(feature = "batch")]
pub use batch::{AwaitsProof, SignatureClaim, Verdict, verify_claims};
pub use digest::content_digest;
pub use keyid::{KeyId, Signer};
pub use request::{RequestClaims, Unverified, VerifiedRequest, sign_request};
pub use response::{RequestEcho, SERVER_TAG, sign_response, verify_response};
pub use webhook::{WEBHOOK_TAG, sign_webhook};

use crate::problem::{InvalidJson, from_json};
use serde::de::DeserializeOwned;

/// `tag` of an agent's signatures.
pub const AGENT_TAG: &str = "openscm-agent";
/// Longest `Signature-Input` or `Signature` field that is read, in bytes.
pub const MAX_FIELD_BYTES: usize = 1024;

/// The three fields that make a message a signed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignatureFields<'a> {
    /// `Content-Digest` (RFC 9530).
    pub content_digest: &'a str,
    /// `Signature-Input` (RFC 9421 §4.1).
    pub signature_input: &'a str,
    /// `Signature` (RFC 9421 §4.2).
    pub signature: &'a str,
}

/// The three fields, as made by signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedSignatureFields {
    /// `Content-Digest`.
    pub content_digest: String,
    /// `Signature-Input`.
    pub signature_input: String,
    /// `Signature`.
    pub signature: String,
}

impl SignatureFields<'_> {
    /// A copy that outlives what they were read from.
    pub fn to_owned(&self) -> OwnedSignatureFields {
        OwnedSignatureFields {
            content_digest: self.content_digest.to_owned(),
            signature_input: self.signature_input.to_owned(),
            signature: self.signature.to_owned(),
        }
    }
}

impl OwnedSignatureFields {
    /// The fields by reference.
    pub fn as_fields(&self) -> SignatureFields<'_> {
        SignatureFields {
            content_digest: &self.content_digest,
            signature_input: &self.signature_input,
            signature: &self.signature,
        }
    }
}

/// Method and path of a request, as they stand on the request line. Agent routes take no query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// For example `POST`.
    pub method: &'a str,
    /// For example `/agent/v1/checkin`.
    pub path: &'a str,
}

/// Why a message is not validly signed. The text is for logs and for whoever writes an agent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// A field is malformed.
    #[error("{field}: {reason}")]
    Malformed {
        /// The field or parameter.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The body does not have the digest that was signed.
    #[error("the body does not match Content-Digest")]
    Digest,
    /// The signature is not by the expected key over these bytes.
    #[error("the signature does not verify")]
    Signature,
}

impl SignatureError {
    pub(crate) fn malformed(field: &'static str, reason: impl Into<String>) -> Self {
        SignatureError::Malformed {
            field,
            reason: reason.into(),
        }
    }
}

/// Something whose signature held. Only this module makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T> {
    value: T,
}

impl<T> Verified<T> {
    fn new(value: T) -> Self {
        Verified { value }
    }

    /// What was signed.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// What was signed, for use after the trust decision.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl Verified<&[u8]> {
    /// Parses a body that was verified.
    ///
    /// # Errors
    /// [`InvalidJson`], which names the place or member at fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<Verified<T>, InvalidJson> {
        from_json(self.value).map(Verified::new)
    }
}
