//! What a reply is worth: from bytes to an [`Answer`] that the decision can be made on.
//!
//! Invariants: while a server key is pinned, nothing but a reply that verifies with it is parsed; before that, a reply over
//! verified TLS is taken, but it is marked as such, and a delivered key must have signed the very reply that delivers it.

use super::client::Failure;
use super::reply::{RawReply, SentRequest};
use scm_protocol::agent::{CheckInReply, RegisterReply};
use scm_protocol::certificates::CertificateReply;
use scm_protocol::commands::report::ResultsReply;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::problem::from_json;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::rotation::RotateReply;
use scm_protocol::signature::{Verified, verify_response};
use serde::de::DeserializeOwned;

/// Whose word is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// The pinned key of the server.
    pub server_key: Option<PublicKey>,
    /// What a delivered key must match, by configuration.
    pub server_key_pin: Option<Fingerprint>,
}

/// Something the server said, and how it is known that the server said it.
#[derive(Clone, Debug, PartialEq)]
pub enum Evidence<T> {
    /// Signed by the pinned key.
    Pinned(Verified<T>),
    /// Arrived over verified TLS while no key was pinned.
    Tls(T),
}

impl<T> Evidence<T> {
    /// What was said.
    pub fn get(&self) -> &T {
        match self {
            Evidence::Pinned(verified) => verified.get(),
            Evidence::Tls(value) => value,
        }
    }
}

/// What came back for a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The registration was taken.
    Registered(Evidence<RegisterReply>),
    /// The check-in was taken.
    CheckedIn(Evidence<CheckInReply>),
    /// The check-in was taken, and the reply delivers the server's key, which signed it and fits what was pinned.
    Introduced {
        /// The delivered key.
        key: PublicKey,
        /// The reply that it signed.
        reply: Verified<CheckInReply>,
    },
    /// The rotation was taken.
    Rotated(Evidence<RotateReply>),
    /// The server refused.
    Refused(Evidence<Refusal>),
    /// A reply that is not by the server it claims to be from: a security event.
    Untrusted {
        /// Stable name for the log.
        event: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The certificate was issued.
    Certified(Evidence<CertificateReply>),
    /// Something in between refused before the server was asked, perhaps for the client certificate: the next attempt
    /// may do better with another, or without.
    Barred {
        /// What happened.
        reason: String,
        /// `Retry-After`, where one was sent.
        retry_after_secs: Option<u32>,
    },
    /// Neither a reply nor a refusal of the server: something in between answered, or nothing.
    Failed {
        /// What happened.
        reason: String,
        /// `Retry-After`, where one was sent.
        retry_after_secs: Option<u32>,
    },
}

/// Why a reply is not believed or no use.
enum Doubt {
    Untrusted {
        event: &'static str,
        reason: String,
    },
    Barred {
        reason: String,
        retry_after_secs: Option<u32>,
    },
    Failed {
        reason: String,
        retry_after_secs: Option<u32>,
    },
}

impl Doubt {
    fn failed(reason: String) -> Self {
        Doubt::Failed {
            reason,
            retry_after_secs: None,
        }
    }
}

impl From<Doubt> for Answer {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Untrusted { event, reason } => Answer::Untrusted { event, reason },
            Doubt::Barred {
                reason,
                retry_after_secs,
            } => Answer::Barred {
                reason,
                retry_after_secs,
            },
            Doubt::Failed {
                reason,
                retry_after_secs,
            } => Answer::Failed {
                reason,
                retry_after_secs,
            },
        }
    }
}

impl From<Failure> for Doubt {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Untrusted(_) => Doubt::Untrusted {
                event: "certificate_refused",
                reason: failure.to_string(),
            },
            Failure::Barred(_) => Doubt::Barred {
                reason: failure.to_string(),
                retry_after_secs: None,
            },
            Failure::Unreachable(reason) => Doubt::failed(reason),
        }
    }
}

/// Reads the reply to a registration.
pub fn read_registration(
    request: &SentRequest,
    result: Result<RawReply, Failure>,
    trusted: &Trusted,
) -> Answer {
    match result {
        Ok(reply) => read(request, &reply, trusted, Answer::Registered),
        Err(failure) => Doubt::from(failure).into(),
    }
}

/// Reads the reply to a certificate request.
pub fn read_certificate(
    request: &SentRequest,
    result: Result<RawReply, Failure>,
    trusted: &Trusted,
) -> Answer {
    match result {
        Ok(reply) => read(request, &reply, trusted, Answer::Certified),
        Err(failure) => Doubt::from(failure).into(),
    }
}

/// Reads the reply to a rotation.
pub fn read_rotation(request: &SentRequest, result: Result<RawReply, Failure>, trusted: &Trusted) -> Answer {
    match result {
        Ok(reply) => read(request, &reply, trusted, Answer::Rotated),
        Err(failure) => Doubt::from(failure).into(),
    }
}

/// Reads the reply to a check-in.
pub fn read_checkin(request: &SentRequest, result: Result<RawReply, Failure>, trusted: &Trusted) -> Answer {
    let reply = match result {
        Ok(reply) => reply,
        Err(failure) => return Doubt::from(failure).into(),
    };
    read(
        request,
        &reply,
        trusted,
        |evidence: Evidence<CheckInReply>| match delivered(&evidence) {
            Some(key) => introduced(request, &reply, key, trusted),
            None => Answer::CheckedIn(evidence),
        },
    )
}

/// Reads the reply to a report of results: only what the pinned key signed.
///
/// # Errors
/// Why there is nothing to go by; the next check-in finds out more.
pub fn read_results(
    request: &SentRequest,
    result: Result<RawReply, Failure>,
    server_key: &PublicKey,
) -> Result<Verified<ResultsReply>, String> {
    let reply = result.map_err(|failure| failure.to_string())?;
    if !reply.is_success() {
        return Err(format!("the server answered {}", describe(&reply)));
    }
    signed(request, &reply, server_key).map_err(in_words)
}

/// The reason; what may be an attack is logged as one.
fn in_words(doubt: Doubt) -> String {
    match doubt {
        Doubt::Untrusted { event, reason } => {
            tracing::error!(target: "security", event, "{reason}");
            reason
        }
        Doubt::Barred { reason, .. } | Doubt::Failed { reason, .. } => reason,
    }
}

/// Why there is no part of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPart {
    /// The server's own signed word is that there will be none.
    Never(String),
    /// It may come yet.
    Later(String),
}

/// Reads the reply to a request for a part of a package: only what the pinned key signed.
///
/// # Errors
/// [`NoPart`].
pub fn read_part(
    request: &SentRequest,
    result: Result<RawReply, Failure>,
    server_key: &PublicKey,
) -> Result<Vec<u8>, NoPart> {
    let reply = result.map_err(|failure| NoPart::Later(failure.to_string()))?;
    let failed = |doubt| NoPart::Later(in_words(doubt));
    if reply.is_success() {
        let body = verified(request, &reply, server_key).map_err(failed)?;
        return Ok(body.into_inner().to_vec());
    }
    let refusal: Verified<Refusal> = signed(request, &reply, server_key).map_err(failed)?;
    let code = refusal.get().code;
    let reason = format!("the server does not hand the package out: `{}`", code.as_str());
    match code {
        RefusalCode::UnknownPackage | RefusalCode::InvalidRequest => Err(NoPart::Never(reason)),
        _ => Err(NoPart::Later(reason)),
    }
}

/// The key that a reply delivers while none is pinned.
fn delivered(evidence: &Evidence<CheckInReply>) -> Option<PublicKey> {
    match evidence {
        Evidence::Tls(reply) => reply.server_public_key,
        Evidence::Pinned(_) => None,
    }
}

fn read<T: DeserializeOwned>(
    request: &SentRequest,
    reply: &RawReply,
    trusted: &Trusted,
    success: impl FnOnce(Evidence<T>) -> Answer,
) -> Answer {
    let result = if reply.is_success() {
        believed(request, reply, trusted).map(success)
    } else {
        believed(request, reply, trusted).map(Answer::Refused)
    };
    result.unwrap_or_else(Answer::from)
}

fn believed<T: DeserializeOwned>(
    request: &SentRequest,
    reply: &RawReply,
    trusted: &Trusted,
) -> Result<Evidence<T>, Doubt> {
    match &trusted.server_key {
        Some(key) => signed(request, reply, key).map(Evidence::Pinned),
        None => over_tls(reply).map(Evidence::Tls),
    }
}

/// Verifies with the key, then parses.
fn signed<T: DeserializeOwned>(
    request: &SentRequest,
    reply: &RawReply,
    key: &PublicKey,
) -> Result<Verified<T>, Doubt> {
    let body = verified(request, reply, key)?;
    body.json()
        .map_err(|error| Doubt::failed(format!("the server's signed reply cannot be read: {error}")))
}

fn verified<'a>(
    request: &SentRequest,
    reply: &'a RawReply,
    key: &PublicKey,
) -> Result<Verified<&'a [u8]>, Doubt> {
    let fields = reply.fields().ok_or_else(|| unsigned(reply))?;
    verify_response(key, request.echo(), reply.status, fields, &reply.body).map_err(|error| {
        Doubt::Untrusted {
            event: "reply_signature_wrong",
            reason: format!("a reply with status {} was dropped: {error}", reply.status),
        }
    })
}

/// Without a signature, an error is what any proxy may send, or a refusal that the server does not sign; a success is
/// neither.
fn unsigned(reply: &RawReply) -> Doubt {
    if reply.is_success() {
        Doubt::Untrusted {
            event: "reply_unsigned",
            reason: format!("an unsigned reply with status {} was dropped", reply.status),
        }
    } else {
        let reason = format!("an unsigned {} was received", describe(reply));
        let retry_after_secs = reply.retry_after_secs;
        // With these, proxies refuse a client's certificate after the handshake.
        if matches!(reply.status, 400 | 403 | 495 | 496) {
            Doubt::Barred {
                reason,
                retry_after_secs,
            }
        } else {
            Doubt::Failed {
                reason,
                retry_after_secs,
            }
        }
    }
}

/// Status, and code where the body has one; for a person, believed by nobody.
fn describe(reply: &RawReply) -> String {
    match from_json::<Refusal>(&reply.body) {
        Ok(refusal) => format!("{} `{}`", reply.status, refusal.code.as_str()),
        Err(_) => reply.status.to_string(),
    }
}

/// Before a key is pinned: TLS was verified, nothing else could be.
fn over_tls<T: DeserializeOwned>(reply: &RawReply) -> Result<T, Doubt> {
    from_json(&reply.body).map_err(|error| Doubt::Failed {
        reason: format!(
            "status {} with something else than a server's reply ({error})",
            reply.status
        ),
        retry_after_secs: reply.retry_after_secs,
    })
}

/// A delivered key must fit the configured pin and must have signed this reply.
fn introduced(request: &SentRequest, reply: &RawReply, key: PublicKey, trusted: &Trusted) -> Answer {
    if let Some(pin) = trusted.server_key_pin
        && pin != key.fingerprint()
    {
        let found = key.fingerprint();
        return Answer::Untrusted {
            event: "server_key_mismatch",
            reason: format!(
                "the server delivered the key {found}, `server_key_pin` is {pin}: the key was refused"
            ),
        };
    }
    match signed(request, reply, &key) {
        Ok(reply) => Answer::Introduced { key, reply },
        Err(Doubt::Untrusted { reason, .. }) => Answer::Untrusted {
            event: "server_key_unproven",
            reason: format!("a server key was delivered in a reply that it did not sign: {reason}"),
        },
        Err(doubt) => doubt.into(),
    }
}

#[cfg(test)]
mod tests;
