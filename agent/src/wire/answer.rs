//! What a reply is worth: from bytes to an [`Answer`] that the decision can be made on.
//!
//! Invariants: while a server key is pinned, nothing but a reply that verifies with it is parsed; before that, a reply over
//! verified TLS is taken, but it is marked as such, and a delivered key must have signed the very reply that delivers it.

use super::client::Failure;
use super::reply::{RawReply, SentRequest};
use scm_protocol::agent::{CheckInReply, RegisterReply};
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::problem::from_json;
use scm_protocol::refusal::Refusal;
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
    /// The server refused.
    Refused(Evidence<Refusal>),
    /// A reply that is not by the server it claims to be from: a security event.
    Untrusted {
        /// Stable name for the log.
        event: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// Neither a reply nor a refusal of the server: something in between answered, or nothing.
    Failed {
        /// What happened.
        reason: String,
        /// `Retry-After`, where one was sent.
        retry_after_secs: Option<u32>,
    },
}

/// Reads the reply to a registration.
pub fn read_registration(
    request: &SentRequest,
    result: Result<RawReply, Failure>,
    trusted: &Trusted,
) -> Answer {
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(answer) => return answer,
    };
    read(request, &reply, trusted, |evidence| {
        Ok(Answer::Registered(evidence))
    })
}

/// Reads the reply to a check-in.
pub fn read_checkin(request: &SentRequest, result: Result<RawReply, Failure>, trusted: &Trusted) -> Answer {
    let reply = match received(result) {
        Ok(reply) => reply,
        Err(answer) => return answer,
    };
    read(
        request,
        &reply,
        trusted,
        |evidence: Evidence<CheckInReply>| match &evidence {
            Evidence::Tls(CheckInReply {
                server_public_key: Some(key),
                ..
            }) => introduced(request, &reply, *key, trusted),
            _ => Ok(Answer::CheckedIn(evidence)),
        },
    )
}

/// A failure to connect is an answer of its own.
fn received(result: Result<RawReply, Failure>) -> Result<RawReply, Answer> {
    result.map_err(|failure| match failure {
        Failure::Untrusted(_) => Answer::Untrusted {
            event: "certificate_refused",
            reason: failure.to_string(),
        },
        Failure::Unreachable(reason) => Answer::Failed {
            reason,
            retry_after_secs: None,
        },
    })
}

fn read<T: DeserializeOwned>(
    request: &SentRequest,
    reply: &RawReply,
    trusted: &Trusted,
    success: impl FnOnce(Evidence<T>) -> Result<Answer, Answer>,
) -> Answer {
    let success_status = (200..300).contains(&reply.status);
    let result = match (&trusted.server_key, success_status) {
        (Some(key), true) => signed(request, reply, key).and_then(success),
        (Some(key), false) => signed(request, reply, key).map(Answer::Refused),
        (None, true) => over_tls(reply).and_then(success),
        (None, false) => over_tls(reply).map(Answer::Refused),
    };
    result.unwrap_or_else(|answer| answer)
}

/// Verifies with the pinned key, then parses.
fn signed<T: DeserializeOwned>(
    request: &SentRequest,
    reply: &RawReply,
    key: &PublicKey,
) -> Result<Evidence<T>, Answer> {
    let Some(fields) = reply.fields() else {
        return Err(unsigned(reply));
    };
    let body = verify_response(key, request.echo(), reply.status, fields, &reply.body).map_err(|error| {
        Answer::Untrusted {
            event: "reply_signature_wrong",
            reason: format!("a reply with status {} was dropped: {error}", reply.status),
        }
    })?;
    let parsed = body.json::<T>().map_err(|error| Answer::Failed {
        reason: format!("the server's signed reply cannot be read: {error}"),
        retry_after_secs: None,
    })?;
    Ok(Evidence::Pinned(parsed))
}

/// Without a signature, an error is what any proxy may send, or a refusal that the server does not sign; a success is
/// neither.
fn unsigned(reply: &RawReply) -> Answer {
    if (200..300).contains(&reply.status) {
        Answer::Untrusted {
            event: "reply_unsigned",
            reason: format!("an unsigned reply with status {} was dropped", reply.status),
        }
    } else {
        Answer::Failed {
            reason: format!("an unsigned {} was received", describe(reply)),
            retry_after_secs: reply.retry_after_secs,
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
fn over_tls<T: DeserializeOwned>(reply: &RawReply) -> Result<Evidence<T>, Answer> {
    from_json(&reply.body)
        .map(Evidence::Tls)
        .map_err(|error| Answer::Failed {
            reason: format!(
                "status {} with something else than a server's reply ({error})",
                reply.status
            ),
            retry_after_secs: reply.retry_after_secs,
        })
}

/// A delivered key must fit the configured pin and must have signed this reply.
fn introduced(
    request: &SentRequest,
    reply: &RawReply,
    key: PublicKey,
    trusted: &Trusted,
) -> Result<Answer, Answer> {
    let forged = |event, reason: String| Answer::Untrusted { event, reason };
    if let Some(pin) = trusted.server_key_pin
        && pin != key.fingerprint()
    {
        let found = key.fingerprint();
        return Err(forged(
            "server_key_mismatch",
            format!("the server delivered the key {found}, `server_key_pin` is {pin}: the key was refused"),
        ));
    }
    let fields = reply.fields().ok_or_else(|| {
        forged(
            "server_key_unsigned",
            "a server key was delivered in an unsigned reply".to_owned(),
        )
    })?;
    let body = verify_response(&key, request.echo(), reply.status, fields, &reply.body).map_err(|error| {
        forged(
            "server_key_unproven",
            format!("the delivered server key did not sign its reply: {error}"),
        )
    })?;
    let reply = body.json().map_err(|error| Answer::Failed {
        reason: format!("the server's signed reply cannot be read: {error}"),
        retry_after_secs: None,
    })?;
    Ok(Answer::Introduced { key, reply })
}

#[cfg(test)]
mod tests;
