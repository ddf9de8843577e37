//! Anchors: what the chain was at an entry, signed by the organization's key.
//!
//! An anchor says that the chain had this hash at this entry. One of kind `cut` says besides that everything up to and
//! including the entry was deleted by retention: only such a one excuses that earlier entries are missing.

use super::chain::{Encoder, Hash};
use ed25519_dalek::{Signature, Signer, SigningKey};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;

const DOMAIN: &str = "openscm-audit-anchor-v1";

/// What an anchor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The chain was so long then.
    Head,
    /// Everything up to here was deleted by retention.
    Cut,
}

impl Kind {
    /// As stored, signed and exported.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Head => "head",
            Kind::Cut => "cut",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Kind::Head, Kind::Cut]
            .into_iter()
            .find(|kind| kind.as_str() == name)
    }
}

/// An anchor, whose signature may or may not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Id of the organization.
    pub organization_id: i64,
    /// The entry that it is about.
    pub entry_id: i64,
    /// What it says.
    pub kind: Kind,
    /// Hash of that entry.
    pub hash: Hash,
    /// When it was signed.
    pub at: UnixMillis,
    /// The raw public key that signed.
    pub public_key: [u8; 32],
    /// The Ed25519 signature over [`Anchor::message`].
    pub signature: [u8; 64],
}

impl Anchor {
    /// Signs an anchor.
    pub fn sign(
        key: &SigningKey,
        organization_id: i64,
        (entry_id, hash): (i64, Hash),
        kind: Kind,
        at: UnixMillis,
    ) -> Self {
        let mut anchor = Anchor {
            organization_id,
            entry_id,
            kind,
            hash,
            at,
            public_key: key.verifying_key().to_bytes(),
            signature: [0; 64],
        };
        anchor.signature = key.sign(&anchor.message()).to_bytes();
        anchor
    }

    /// The bytes that are signed.
    pub fn message(&self) -> Vec<u8> {
        let mut bytes = Encoder::new(DOMAIN);
        bytes.text(self.kind.as_str());
        bytes.number(self.organization_id);
        bytes.number(self.entry_id);
        bytes.raw(&self.hash);
        bytes.number(self.at.0);
        bytes.raw(&self.public_key);
        bytes.finish()
    }

    /// Whether it was signed by one of these keys.
    pub fn is_signed_by(&self, keys: &[PublicKey]) -> bool {
        let key = keys.iter().find(|key| *key.as_bytes() == self.public_key);
        key.is_some_and(|key| {
            let signature = Signature::from_bytes(&self.signature);
            key.verifying_key()
                .verify_strict(&self.message(), &signature)
                .is_ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_holds_for_its_key_and_unchanged_only() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let known: PublicKey = key.verifying_key().into();
        let other: PublicKey = SigningKey::from_bytes(&[8; 32]).verifying_key().into();
        let anchor = Anchor::sign(&key, 1, (42, [3; 32]), Kind::Head, UnixMillis(99));
        assert!(anchor.is_signed_by(&[other, known]));
        assert!(!anchor.is_signed_by(&[other]) && !anchor.is_signed_by(&[]));
        let changed = [
            Anchor {
                organization_id: 2,
                ..anchor.clone()
            },
            Anchor {
                entry_id: 41,
                ..anchor.clone()
            },
            Anchor {
                kind: Kind::Cut,
                ..anchor.clone()
            },
            Anchor {
                hash: [4; 32],
                ..anchor.clone()
            },
            Anchor {
                at: UnixMillis(98),
                ..anchor.clone()
            },
            Anchor {
                public_key: *other.as_bytes(),
                ..anchor.clone()
            },
        ];
        for other_anchor in changed {
            assert!(!other_anchor.is_signed_by(&[known, other]), "{other_anchor:?}");
        }
    }
}
