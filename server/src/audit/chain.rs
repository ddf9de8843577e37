//! The hash chain: how the bytes of an entry make its hash. `docs/audit.md` says the same for strangers.
//!
//! Invariant: the encoding never changes. Another one would be another domain, and entries would say which they have.

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// First field of everything that is hashed for an entry.
const DOMAIN: &str = "openscm-audit-entry-v1";

/// A SHA-256 of the chain.
pub type Hash = [u8; 32];

/// What the first entry of an organization follows.
pub const GENESIS: Hash = [0; 32];

/// The fields of an entry, exactly as they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields<'a> {
    /// Id of the organization.
    pub organization_id: i64,
    /// Id of the entry within the organization.
    pub id: i64,
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Who.
    pub actor: &'a str,
    /// From where.
    pub address: &'a str,
    /// What.
    pub action: &'a str,
    /// On what.
    pub target: &'a str,
    /// How it ended.
    pub outcome: &'a str,
    /// The JSON text as stored: never parsed and written anew.
    pub detail: &'a str,
}

impl Fields<'_> {
    /// The entry's hash, given the hash of the entry before it.
    pub fn hash(&self, previous: &Hash) -> Hash {
        let mut bytes = Encoder::new(DOMAIN);
        bytes.number(self.organization_id);
        bytes.number(self.id);
        bytes.number(self.at_ms);
        for text in [
            self.actor,
            self.address,
            self.action,
            self.target,
            self.outcome,
            self.detail,
        ] {
            bytes.text(text);
        }
        bytes.raw(previous);
        Sha256::digest(bytes.finish()).into()
    }
}

/// Puts fields one after the other so that no two different rows of fields give the same bytes: numbers as 8 bytes, texts
/// behind their length in 4, both most significant byte first.
#[derive(Debug)]
pub(super) struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins with the domain.
    pub(super) fn new(domain: &str) -> Self {
        let mut encoder = Encoder(Vec::with_capacity(512));
        encoder.text(domain);
        encoder
    }

    pub(super) fn number(&mut self, number: i64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        // A text of 4 GiB is in no row.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8; 32]) {
        self.0.extend_from_slice(bytes);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// As 64 hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// What [`hex`] wrote; nothing for anything else.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Fields<'_> = Fields {
        organization_id: 1,
        id: 7,
        at_ms: 1_790_000_000_123,
        actor: "user:jdoe",
        address: "10.0.0.5",
        action: "systems.approve",
        target: "system:42",
        outcome: "ok",
        detail: r#"{"before":"pending","after":"active","name":"Grüße"}"#,
    };

    #[test]
    fn the_encoding_is_the_documented_one() {
        // docs/audit.md works this example out; tests/interop/verify_audit.py computes it by itself.
        assert_eq!(
            hex(&ENTRY.hash(&GENESIS)),
            "8ddd774796e5b77845dd819c7d04c146a44e1d8a0dab908d50faab1fc38f0b0d"
        );
        assert_eq!(hex(&ENTRY.hash(&[0xab; 32])).len(), 64);
    }

    #[test]
    fn every_field_and_its_bounds_count() {
        let hash = ENTRY.hash(&GENESIS);
        let changed = [
            Fields {
                organization_id: 2,
                ..ENTRY
            },
            Fields { id: 8, ..ENTRY },
            Fields { at_ms: 0, ..ENTRY },
            Fields {
                actor: "user:jdo",
                address: "e10.0.0.5",
                ..ENTRY
            },
            Fields { address: "", ..ENTRY },
            Fields {
                action: "systems.deny",
                ..ENTRY
            },
            Fields {
                target: "system:43",
                ..ENTRY
            },
            Fields {
                outcome: "refused",
                ..ENTRY
            },
            Fields {
                detail: "{}",
                ..ENTRY
            },
        ];
        for other in changed {
            assert_ne!(other.hash(&GENESIS), hash, "{other:?}");
        }
        assert_ne!(ENTRY.hash(&[1; 32]), hash);
    }

    #[test]
    fn hexadecimal_digits_go_both_ways() {
        assert_eq!(from_hex(&hex(&[0x00, 0xff, 0x5a])), Some([0x00, 0xff, 0x5a]));
        for bad in ["", "00ff5", "00ff5g", "+0ff5a", "00ff5a00"] {
            assert_eq!(from_hex::<3>(bad), None, "{bad}");
        }
    }
}
