//! Signs replies with the library that is fastest at it: every check-in costs a signature.
//!
//! Ed25519 is deterministic (RFC 8032 §5.1.6): both libraries make the same signature of the same message.

use crate::error::Error;
use aws_lc_rs::signature::Ed25519KeyPair;
use ed25519_dalek::{Signature, SignatureError, Signer, SigningKey};

/// A key that signs replies.
pub struct ReplySigner {
    fast: Ed25519KeyPair,
    key: SigningKey,
}

impl ReplySigner {
    /// The same key, for the other library.
    ///
    /// # Errors
    /// When that library refuses it, which it does with no key that the first one made.
    pub(super) fn new(key: &SigningKey) -> Result<Self, Error> {
        let public = key.verifying_key();
        let fast = Ed25519KeyPair::from_seed_and_public_key(key.as_bytes(), public.as_bytes());
        Ok(ReplySigner {
            fast: fast.map_err(|error| Error::internal(format!("a signing key cannot be used: {error}")))?,
            key: key.clone(),
        })
    }
}

impl Signer<Signature> for ReplySigner {
    fn try_sign(&self, message: &[u8]) -> Result<Signature, SignatureError> {
        match self.fast.try_sign(message) {
            Ok(signature) => Signature::from_slice(signature.as_ref()),
            // Out of memory, in a library that can say so.
            Err(_) => self.key.try_sign(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_libraries_sign_alike(seed: [u8; 32], message: Vec<u8>) {
            let key = SigningKey::from_bytes(&seed);
            let signer = ReplySigner::new(&key).unwrap();
            let signature = signer.sign(&message);
            prop_assert_eq!(signature, key.sign(&message));
            prop_assert!(key.verifying_key().verify_strict(&message, &signature).is_ok());
        }
    }
}
