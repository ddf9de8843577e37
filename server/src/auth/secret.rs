//! Secrets that are shown once: made from the system's randomness, stored as SHA-256 only.

use crate::clock::random;
use crate::error::Error;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Begins every session token.
pub(super) const SESSION_PREFIX: &str = "oscs_";
/// Begins the secret of every half of a session.
pub(super) const HALF_SESSION_PREFIX: &str = "osch_";
/// Begins every local administrator token.
pub(super) const LOCAL_ADMIN_PREFIX: &str = "oscl_";

/// A new secret of 256 bits: the prefix, then 43 characters of base64url.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn token(prefix: &str) -> Result<String, Error> {
    Ok(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<32>()?)))
}

/// Crockford's base 32: no letter is mistaken for a digit.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new setup code of 80 bits for typing: `XXXX-XXXX-XXXX-XXXX`.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn setup_code() -> Result<String, Error> {
    let bytes = random::<16>()?;
    let letters: Vec<char> = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
        .collect();
    Ok(letters
        .chunks(4)
        .map(|chunk| chunk.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join("-"))
}

/// The same code however it was typed: capitals, no dashes or spaces, O for 0 and I or L for 1.
pub fn normal_code(typed: &str) -> String {
    let letters = typed
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase());
    let letters = letters.map(|c| match c {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    });
    letters.take(64).collect()
}

/// SHA-256 of a secret: what is stored of it. Its randomness makes a slow hash needless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretHash(Vec<u8>);

impl SecretHash {
    /// The hash of a secret.
    pub fn of(secret: &str) -> Self {
        SecretHash(Sha256::digest(secret.as_bytes()).to_vec())
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its 32 bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_survives_being_typed() {
        let code = setup_code().unwrap();
        assert_eq!(code.len(), 19);
        assert_eq!(
            normal_code(&code.to_lowercase().replace('-', " ")),
            normal_code(&code)
        );
        assert_eq!(normal_code("o0il1"), "00111");
    }
}
