//! What the header fields of a proxy hold: addresses and certificates, as text that anybody may have written.
//!
//! Depends on nothing else of the server, so that a fuzz target can be built from it alone.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Longest certificate field that is read, in bytes.
const MAX_FIELD_BYTES: usize = 16 * 1024;

/// An address as proxies write it: bare, with a port, or in brackets with a port.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    let bare = text.parse().ok();
    let address = bare.or_else(|| text.parse().ok().map(|with_port: SocketAddr| with_port.ip()));
    address.map(|address| address.to_canonical())
}

/// A certificate in PEM, percent-encoded (nginx), or its DER in base64 (Caddy).
pub(super) fn certificate(field: &str) -> Option<CertificateDer<'static>> {
    if field.len() > MAX_FIELD_BYTES {
        return None;
    }
    if let Ok(der) = STANDARD.decode(field) {
        return Some(CertificateDer::from(der));
    }
    CertificateDer::from_pem_slice(&unescape(field)?).ok()
}

fn unescape(field: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}
