//! A request as it was sent and a reply as it arrived: bytes, not yet meaning.

use scm_protocol::identity::Fingerprint;
use scm_protocol::signature::{OwnedSignatureFields, RequestEcho, RequestLine, SignatureFields};
use scm_protocol::upgrades::PACKAGE_PART_BYTES;
use scm_protocol::upgrades::progress::PACKAGES_PATH;

/// The most that is read of a reply's body, in bytes, unless it is a part of a package.
const MAX_REPLY_BYTES: usize = 64 * 1024;

/// A signed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// Its path; the method is always `POST`.
    pub path: &'static str,
    /// Its signature.
    pub fields: OwnedSignatureFields,
    /// Its body.
    pub body: Vec<u8>,
    /// Fingerprint of the server key that is known: so that the server can say what took its place.
    pub pinned: Option<Fingerprint>,
}

impl SentRequest {
    /// The largest body of a reply that is read, in bytes.
    pub fn largest_reply(&self) -> usize {
        if self.path == PACKAGES_PATH {
            PACKAGE_PART_BYTES
        } else {
            MAX_REPLY_BYTES
        }
    }

    /// Method and path.
    pub fn line(path: &'static str) -> RequestLine<'static> {
        RequestLine { method: "POST", path }
    }

    /// What a reply's signature must cover.
    pub fn echo(&self) -> RequestEcho<'_> {
        RequestEcho {
            line: Self::line(self.path),
            fields: self.fields.as_fields(),
        }
    }
}

/// A reply, as it arrived over verified TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawReply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Digest`, where it is there.
    pub content_digest: Option<String>,
    /// `Signature-Input`, where it is there.
    pub signature_input: Option<String>,
    /// `Signature`, where it is there.
    pub signature: Option<String>,
    /// Statements by which the server's former keys vouch for the present one, where they are there.
    pub key_chain: Option<String>,
    /// `Retry-After` in seconds, where it is there.
    pub retry_after_secs: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

impl RawReply {
    /// Whether the status says that the request was taken.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The signature's fields; none when not all are there.
    pub fn fields(&self) -> Option<SignatureFields<'_>> {
        Some(SignatureFields {
            content_digest: self.content_digest.as_deref()?,
            signature_input: self.signature_input.as_deref()?,
            signature: self.signature.as_deref()?,
        })
    }
}
