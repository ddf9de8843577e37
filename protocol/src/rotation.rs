//! New keys under old names: an agent's key, and an organization's.
//!
//! An agent's new key is offered in a request that the old key signs, with a proof that the new key's owner wants the same
//! ([`RotateRequest`]). An organization's new key is vouched for by the old one, for ever ([`KeyTransition`]): who pinned
//! the old key follows the chain to the present one, whenever it comes back.

use crate::identity::{Fingerprint, PublicKey};
use crate::ids::{Organization, SystemId, UnixMillis};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Path of the rotation request.
pub const ROTATE_PATH: &str = "/agent/v1/rotate";
/// Most transitions that a chain may have.
pub const MAX_TRANSITIONS: usize = 32;

/// `POST /agent/v1/rotate`: signed by the present key, as a check-in is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotateRequest {
    /// The key that takes its place.
    pub new_public_key: PublicKey,
    /// The new key's signature over what is asked: 64 bytes in unpadded base64url.
    pub proof: String,
    /// As in a check-in.
    pub boot_id: String,
    /// As in a check-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_boot_id: Option<String>,
}

/// Reply to a rotation: from now on only the new key speaks for the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RotateReply {
    /// The system, as before.
    pub system_id: SystemId,
    /// Its key.
    pub public_key: PublicKey,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
}

/// `GET /api/v1/organization/signing-key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKeyShown {
    /// The key that signs every reply to the organization's agents.
    pub public_key: PublicKey,
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
}

/// `POST /api/v1/organization/rotate-signing-key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateSigningKey {
    /// The fingerprint of the key that is to go: the server refuses when it is another one by now.
    pub fingerprint: Fingerprint,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SigningKeyRotated {
    /// The new key.
    pub public_key: PublicKey,
    /// Its SHA-256.
    pub fingerprint: Fingerprint,
    /// Until when the old key still signs for agents that have not followed yet.
    pub former_until_ms: UnixMillis,
}

/// Header field of an agent's request: fingerprint of the server key that it pinned, or is configured to expect.
pub const PINNED_KEY_HEADER: &str = "openscm-server-key";
/// Header field of a reply: the transitions from that key to the present one, each after a space.
pub const KEY_CHAIN_HEADER: &str = "openscm-key-chain";

/// Reads what [`KEY_CHAIN_HEADER`] holds; what is no transition is left out.
pub fn parse_chain(text: &str) -> Vec<KeyTransition> {
    let parts = text.split_ascii_whitespace().take(MAX_TRANSITIONS);
    parts.filter_map(|part| part.parse().ok()).collect()
}

/// What the new key of a system signs.
#[derive(Clone, Copy, Debug)]
pub struct RotationOffer<'a> {
    /// The organization.
    pub organization: &'a Organization,
    /// The system.
    pub system: SystemId,
    /// Its present key.
    pub old: &'a PublicKey,
    /// The key that takes its place.
    pub new: &'a PublicKey,
    /// `created` of the request, in seconds since the epoch.
    pub created_secs: i64,
}

impl RotationOffer<'_> {
    fn text(&self) -> String {
        format!(
            "openscm agent key 1\n{}\n{}\n{}\n{}\n{}\n",
            self.organization, self.system, self.old, self.new, self.created_secs
        )
    }

    /// The proof, by the new key.
    pub fn prove(&self, key: &SigningKey) -> String {
        sign(key, &self.text())
    }

    /// Whether the new key's owner wants this.
    pub fn is_proven(&self, proof: &str) -> bool {
        verify(self.new, &self.text(), proof)
    }
}

fn sign(key: &SigningKey, text: &str) -> String {
    URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes())
}

fn verify(key: &PublicKey, text: &str, signature: &str) -> bool {
    let bytes: Option<[u8; 64]> = URL_SAFE_NO_PAD
        .decode(signature)
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    bytes.is_some_and(|bytes| {
        let signature = Signature::from_bytes(&bytes);
        key.verifying_key()
            .verify_strict(text.as_bytes(), &signature)
            .is_ok()
    })
}

/// An organization's old key says which one takes its place. Written `old.new.created.signature`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyTransition {
    /// The key that was.
    pub old: PublicKey,
    /// The key that takes its place.
    pub new: PublicKey,
    /// When, in seconds since the epoch.
    pub created_secs: i64,
    signature: String,
}

impl KeyTransition {
    /// The statement, by the old key.
    pub fn sign(organization: &Organization, old: &SigningKey, new: PublicKey, created_secs: i64) -> Self {
        let public = PublicKey::from(old.verifying_key());
        KeyTransition {
            signature: sign(old, &Self::text(organization, &public, &new, created_secs)),
            old: public,
            new,
            created_secs,
        }
    }

    fn text(organization: &Organization, old: &PublicKey, new: &PublicKey, created_secs: i64) -> String {
        format!("openscm server key 1\n{organization}\n{old}\n{new}\n{created_secs}\n")
    }

    /// Whether the old key signed it.
    pub fn holds(&self, organization: &Organization) -> bool {
        let text = Self::text(organization, &self.old, &self.new, self.created_secs);
        verify(&self.old, &text, &self.signature)
    }
}

impl fmt::Display for KeyTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{}.{}.{}",
            self.old, self.new, self.created_secs, self.signature
        )
    }
}

/// Why a text is no transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a key transition")]
pub struct InvalidTransition;

impl FromStr for KeyTransition {
    type Err = InvalidTransition;

    fn from_str(text: &str) -> Result<Self, InvalidTransition> {
        let mut parts = text.splitn(4, '.');
        let mut next = || parts.next().ok_or(InvalidTransition);
        let transition = KeyTransition {
            old: next()?.parse().map_err(|_| InvalidTransition)?,
            new: next()?.parse().map_err(|_| InvalidTransition)?,
            created_secs: next()?.parse().map_err(|_| InvalidTransition)?,
            signature: next()?.to_owned(),
        };
        // 64 bytes in base64url.
        if transition.signature.len() == 86 {
            Ok(transition)
        } else {
            Err(InvalidTransition)
        }
    }
}

/// The key at the end of the chain that begins with `pinned`: each step is signed by the key before. None when there is no
/// step from it, or one does not hold.
pub fn follow(organization: &Organization, pinned: &PublicKey, chain: &[KeyTransition]) -> Option<PublicKey> {
    let mut key = *pinned;
    for _ in 0..MAX_TRANSITIONS {
        let Some(step) = chain.iter().find(|step| step.old == key) else {
            break;
        };
        if !step.holds(organization) {
            return None;
        }
        key = step.new;
    }
    (key != *pinned).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn public(seed: u8) -> PublicKey {
        key(seed).verifying_key().into()
    }

    #[test]
    fn a_proof_is_for_one_system_and_one_pair_of_keys() {
        let organization = Organization::default();
        let (old, new, other) = (public(1), public(2), public(3));
        let offer = RotationOffer {
            organization: &organization,
            system: SystemId(7),
            old: &old,
            new: &new,
            created_secs: 5,
        };
        let proof = offer.prove(&key(2));
        assert!(offer.is_proven(&proof));
        assert!(
            !offer.is_proven(&offer.prove(&key(1))),
            "the old key proves nothing of the new one"
        );
        for wrong in [
            RotationOffer {
                system: SystemId(8),
                ..offer
            },
            RotationOffer { old: &other, ..offer },
            RotationOffer { new: &other, ..offer },
            RotationOffer {
                created_secs: 6,
                ..offer
            },
        ] {
            assert!(!wrong.is_proven(&proof));
        }
        assert!(!offer.is_proven("") && !offer.is_proven(&proof[1..]));
    }

    #[test]
    fn a_chain_is_followed_from_the_key_that_was_pinned() {
        let organization = Organization::default();
        let step = |old, new| KeyTransition::sign(&organization, &key(old), public(new), 9);
        let chain = [step(1, 2), step(2, 3), step(3, 4)];
        for pinned in 1..4 {
            assert_eq!(follow(&organization, &public(pinned), &chain), Some(public(4)));
        }
        assert_eq!(follow(&organization, &public(4), &chain), None);
        assert_eq!(follow(&organization, &public(9), &chain), None);
        let elsewhere: Organization = "elsewhere".parse().unwrap();
        assert_eq!(follow(&elsewhere, &public(1), &chain), None);
        let mut forged = chain.clone();
        forged[1].new = public(8);
        assert_eq!(follow(&organization, &public(1), &forged), None);
        let circle = [step(1, 2), step(2, 1)];
        assert_eq!(follow(&organization, &public(1), &circle), None);
    }

    #[test]
    fn a_transition_survives_the_wire() {
        let transition = KeyTransition::sign(&Organization::default(), &key(1), public(2), 1_790_000_000);
        assert_eq!(transition.to_string().parse(), Ok(transition.clone()));
        let text = transition.to_string();
        for bad in [
            "",
            "a.b.c.d",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}x"),
        ] {
            assert!(bad.parse::<KeyTransition>().is_err(), "{bad}");
        }
    }
}
