//! `Content-Digest` (RFC 9530): `sha-256=:<base64>:`, other algorithms beside it are ignored.

use super::SignatureError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The value of `Content-Digest` for a body.
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

/// Checks the `sha-256` member of the field against the body.
pub(super) fn check(field: &str, body: &[u8]) -> Result<(), SignatureError> {
    let member = field
        .split(',')
        .map(str::trim)
        .find_map(|member| member.strip_prefix("sha-256="));
    let claimed = member.and_then(|value| value.strip_prefix(':')?.strip_suffix(':'));
    let claimed = claimed.and_then(|value| STANDARD.decode(value).ok());
    match claimed {
        None => Err(SignatureError::malformed(
            "Content-Digest",
            "has no sha-256 member",
        )),
        Some(claimed) if claimed == Sha256::digest(body).as_slice() => Ok(()),
        Some(_) => Err(SignatureError::Digest),
    }
}
