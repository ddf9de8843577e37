//! Ed25519 public keys as they cross the wire, and the words by which people compare them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// A valid Ed25519 public key that is not of low order; written as 43 characters of unpadded base64url (RFC 4648 §5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
pub struct PublicKey(VerifyingKey);

/// Why a text or 32 bytes are not a usable public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Not 43 characters of unpadded base64url.
    #[error("a public key is 43 characters of unpadded base64url")]
    Encoding,
    /// Not a point of the curve, or one of low order, with which signatures prove nothing.
    #[error("not a usable ed25519 public key")]
    Point,
}

impl PublicKey {
    /// Checks 32 raw bytes.
    ///
    /// # Errors
    /// [`InvalidKey::Point`] when they are no point of the curve or one of low order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey::Point)?;
        if key.is_weak() {
            Err(InvalidKey::Point)
        } else {
            Ok(PublicKey(key))
        }
    }

    /// The raw 32 bytes (RFC 8032 §5.1.2).
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The key as the signature library takes it.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.0
    }

    /// What people compare.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.as_bytes()).into())
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        PublicKey(key)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.as_bytes()))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl FromStr for PublicKey {
    type Err = InvalidKey;

    fn from_str(text: &str) -> Result<Self, InvalidKey> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidKey::Encoding)?;
        PublicKey::from_bytes(&bytes.try_into().map_err(|_| InvalidKey::Encoding)?)
    }
}

impl TryFrom<String> for PublicKey {
    type Error = InvalidKey;

    fn try_from(text: String) -> Result<Self, InvalidKey> {
        text.parse()
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_string()
    }
}

/// SHA-256 of a raw public key; written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Eight words of the BIP 39 English list: the first 88 bits, eleven a word, most significant first.
    ///
    /// Printed by `scmclient status` on the host and by the approval card in the console, to be compared by a person.
    pub fn words(&self) -> String {
        let list = bip39::Language::English.word_list();
        let bits = self
            .0
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| usize::from(byte >> bit & 1)));
        let bits: Vec<usize> = bits.take(88).collect();
        let words: Vec<&str> = bits
            .chunks(11)
            .map(|chunk| list[chunk.iter().fold(0, |index, bit| index << 1 | bit)])
            .collect();
        words.join(" ")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Why a text is not a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits")]
pub struct InvalidFingerprint;

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let text = text.strip_prefix("sha256:").unwrap_or(text);
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(InvalidFingerprint);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| InvalidFingerprint)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidFingerprint)?;
        }
        Ok(Fingerprint(bytes))
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = InvalidFingerprint;

    fn try_from(text: String) -> Result<Self, InvalidFingerprint> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> String {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public key of RFC 8032 §7.1, test 1.
    const KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    #[test]
    fn a_key_survives_the_wire() {
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(
            serde_json::from_str::<PublicKey>(&serde_json::to_string(&key).unwrap()).unwrap(),
            key
        );
    }

    #[test]
    fn low_order_and_malformed_keys_are_refused() {
        assert_eq!(PublicKey::from_bytes(&[0; 32]), Err(InvalidKey::Point));
        assert_eq!("AAAA".parse::<PublicKey>(), Err(InvalidKey::Encoding));
        assert_eq!(format!("{KEY}=").parse::<PublicKey>(), Err(InvalidKey::Encoding));
    }

    #[test]
    fn words_name_the_first_88_bits() {
        assert_eq!(Fingerprint([0; 32]).words(), ["abandon"; 8].join(" "));
        assert_eq!(Fingerprint([255; 32]).words(), ["zoo"; 8].join(" "));
        let mut one = [0; 32];
        one[1] = 0b0010_0000;
        assert_eq!(one[1] >> 5, 1);
        assert!(Fingerprint(one).words().starts_with("ability abandon"));
    }

    #[test]
    fn a_fingerprint_survives_the_wire() {
        let fingerprint = KEY.parse::<PublicKey>().unwrap().fingerprint();
        assert_eq!(
            fingerprint.to_string().parse::<Fingerprint>().unwrap(),
            fingerprint
        );
        assert!("12".parse::<Fingerprint>().is_err());
        assert!("+1".repeat(32).parse::<Fingerprint>().is_err());
    }
}
