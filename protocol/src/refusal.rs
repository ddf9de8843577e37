//! Typed refusals of the agent routes: what an agent does next depends on the code, never on the HTTP status alone.
//!
//! A refusal is the problem document of RFC 9457 with the members below. Whether it may cost the agent its id is decided
//! by its signature: see `docs/protocol.md`.

use crate::ids::{SystemId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why an agent's request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefusalCode {
    /// `created` is too far from the server's clock; `server_time_ms` says what it is. 401.
    StaleClock,
    /// The sequence number was used before; `next_sequence` says where to go on. 409.
    Replayed,
    /// No system has this id; when signed by the pinned key, the agent registers anew. 404.
    UnknownSystem,
    /// The public key is blocked for good. 403.
    Denied,
    /// The system was cut off by an administrator; it keeps its identity and asks again, rarely. 403.
    Revoked,
    /// The system was issued a client certificate, and the request came without one. 403.
    CertificateRequired,
    /// The client certificate that came with the request is expired, withdrawn, not by this server's authority, or for
    /// another key or system. 403.
    CertificateInvalid,
    /// Another machine uses this identity and was first; nothing was changed, an administrator decides. 403.
    Quarantined,
    /// Another machine keeps this identity: the agent sets its own aside and registers with a new key. Only obeyed when
    /// signed by the pinned key. 403.
    SplitIdentity,
    /// The signature is missing, malformed or wrong. 401.
    BadSignature,
    /// Too many requests; `retry_after_secs` says when to come back. 429.
    RateLimited,
    /// As many systems wait for approval as may wait; the key is kept, `retry_after_secs` says when to come back. 503.
    PendingFull,
    /// No organization has this name. 404.
    UnknownOrganization,
    /// The package is gone, or no order for it is under way. 404.
    UnknownPackage,
    /// The request comes from outside the networks that the organization allows. 403.
    AddressNotAllowed,
    /// The server has more work than it can queue; `retry_after_secs` says when to come back. 503.
    Busy,
    /// The body is not what the route takes; `detail` and `field` say where. 400, 413 or 422.
    InvalidRequest,
    /// The server failed; nothing was changed. 500.
    Internal,
}

impl RefusalCode {
    /// The HTTP status it is sent with.
    pub fn status(self) -> u16 {
        match self {
            RefusalCode::StaleClock | RefusalCode::BadSignature => 401,
            RefusalCode::Replayed => 409,
            RefusalCode::UnknownSystem | RefusalCode::UnknownOrganization | RefusalCode::UnknownPackage => {
                404
            }
            RefusalCode::Denied
            | RefusalCode::Revoked
            | RefusalCode::CertificateRequired
            | RefusalCode::CertificateInvalid
            | RefusalCode::Quarantined
            | RefusalCode::SplitIdentity
            | RefusalCode::AddressNotAllowed => 403,
            RefusalCode::RateLimited => 429,
            RefusalCode::Busy | RefusalCode::PendingFull => 503,
            RefusalCode::InvalidRequest => 422,
            RefusalCode::Internal => 500,
        }
    }

    /// The stable name on the wire and in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalCode::StaleClock => "stale_clock",
            RefusalCode::Replayed => "replayed",
            RefusalCode::UnknownSystem => "unknown_system",
            RefusalCode::Denied => "denied",
            RefusalCode::Revoked => "revoked",
            RefusalCode::CertificateRequired => "certificate_required",
            RefusalCode::CertificateInvalid => "certificate_invalid",
            RefusalCode::Quarantined => "quarantined",
            RefusalCode::SplitIdentity => "split_identity",
            RefusalCode::BadSignature => "bad_signature",
            RefusalCode::RateLimited => "rate_limited",
            RefusalCode::PendingFull => "pending_full",
            RefusalCode::UnknownOrganization => "unknown_organization",
            RefusalCode::UnknownPackage => "unknown_package",
            RefusalCode::AddressNotAllowed => "address_not_allowed",
            RefusalCode::Busy => "busy",
            RefusalCode::InvalidRequest => "invalid_request",
            RefusalCode::Internal => "internal",
        }
    }
}

/// The body of a refusal: `application/problem+json` with these members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// Always `about:blank`; the code is what counts.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: RefusalCode,
    /// For a person's eyes.
    pub detail: String,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
    /// The system the request claimed to be from; an agent acts only on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<SystemId>,
    /// The lowest sequence number that has not been used, with `replayed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_sequence: Option<u64>,
    /// Seconds to wait, with `rate_limited`, `busy`, `pending_full`, `address_not_allowed`, `quarantined`, `denied` and `revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u32>,
    /// With `quarantined`: the name under which this run of the agent is known from now on, where its own is another's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// The member of the request at fault, with `invalid_request`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Refusal {
    /// A refusal without the optional members.
    pub fn new(code: RefusalCode, detail: impl Into<String>, server_time_ms: UnixMillis) -> Self {
        Refusal {
            kind: "about:blank".to_owned(),
            status: code.status(),
            code,
            detail: detail.into(),
            server_time_ms,
            system_id: None,
            next_sequence: None,
            retry_after_secs: None,
            boot_id: None,
            field: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_json_and_in_logs_are_the_same() {
        use RefusalCode::*;
        for code in [
            StaleClock,
            Replayed,
            UnknownSystem,
            Denied,
            Revoked,
            CertificateRequired,
            CertificateInvalid,
            Quarantined,
            SplitIdentity,
            BadSignature,
            RateLimited,
            PendingFull,
            UnknownOrganization,
            UnknownPackage,
            AddressNotAllowed,
            Busy,
            InvalidRequest,
            Internal,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
