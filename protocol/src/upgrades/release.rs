//! Release keys and what they signed: the one place that says whether a program is a released one, for the server that
//! stores it and for the agent that becomes it.

use super::statement::{AGENT, NoStatement, PackageStatement};
use super::{MAX_PACKAGE_BYTES, MAX_SIGNATURE_BYTES};
use minisign_verify::{PublicKey, Signature};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// The public half of a key that signs releases: the line below the comment of a minisign `.pub` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseKey(PublicKey);

/// A program that a release key signed as an agent's, whose bytes are those that were signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    statement: PackageStatement,
    size_bytes: i64,
}

/// Why a program is not a released one.
#[derive(Debug, thiserror::Error)]
pub enum NotReleased {
    /// The program could not be read.
    #[error("the program cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Too large, or empty.
    #[error("the program must have 1 to {MAX_PACKAGE_BYTES} bytes")]
    Size,
    /// The signature is no text of minisign.
    #[error("the signature is none of minisign: {0}")]
    Malformed(String),
    /// By none of the release keys, or of the old kind.
    #[error("the signature is by none of the release keys, or of the old kind (`minisign -S -l`)")]
    OtherKey,
    /// The program, the signature or its trusted comment was changed.
    #[error("the signature does not fit the program")]
    Forged,
    /// What is signed is no statement of an agent.
    #[error(transparent)]
    NoStatement(#[from] NoStatement),
    /// What is signed is something else.
    #[error("the signature is for `{0}`, not for {AGENT}")]
    OtherProduct(String),
    /// The hash that was signed is another.
    #[error("the program has another SHA-256 than its signature says")]
    OtherHash,
}

impl ReleaseKey {
    /// Reads a key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        PublicKey::from_base64(text).map(ReleaseKey).map_err(|error| {
            format!("must be a minisign public key, the line below the comment of its .pub file: {error}")
        })
    }
}

impl Released {
    /// Reads a program to its end and verifies that one of `keys` signed it as an agent's.
    ///
    /// # Errors
    /// Why it is none.
    pub fn verify(keys: &[ReleaseKey], signature: &str, mut program: impl Read) -> Result<Self, NotReleased> {
        if signature.len() > MAX_SIGNATURE_BYTES {
            return Err(NotReleased::Malformed(format!(
                "it has more than {MAX_SIGNATURE_BYTES} bytes"
            )));
        }
        let signature =
            Signature::decode(signature).map_err(|error| NotReleased::Malformed(error.to_string()))?;
        let verifiers = keys.iter().filter_map(|key| key.0.verify_stream(&signature).ok());
        let mut verifiers: Vec<_> = verifiers.collect();
        if verifiers.is_empty() {
            return Err(NotReleased::OtherKey);
        }
        let mut hash = Sha256::new();
        let mut size_bytes = 0_i64;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = program.read(&mut piece)?;
            if read == 0 {
                break;
            }
            size_bytes += i64::try_from(read).unwrap_or(i64::MAX);
            if size_bytes > MAX_PACKAGE_BYTES {
                return Err(NotReleased::Size);
            }
            hash.update(&piece[..read]);
            for verifier in &mut verifiers {
                verifier.update(&piece[..read]);
            }
        }
        if size_bytes == 0 {
            return Err(NotReleased::Size);
        }
        if !verifiers.iter_mut().any(|verifier| verifier.finalize().is_ok()) {
            return Err(NotReleased::Forged);
        }
        let statement: PackageStatement = signature.trusted_comment().parse()?;
        if statement.product != AGENT {
            return Err(NotReleased::OtherProduct(statement.product));
        }
        if statement.sha256 != hexadecimal(&hash.finalize()) {
            return Err(NotReleased::OtherHash);
        }
        Ok(Released {
            statement,
            size_bytes,
        })
    }

    /// What was signed.
    pub fn statement(&self) -> &PackageStatement {
        &self.statement
    }

    /// Size of the program, in bytes.
    pub fn size_bytes(&self) -> i64 {
        self.size_bytes
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a text never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use minisign::KeyPair;

    const PROGRAM: &[u8] = b"a program";

    fn hash(program: &[u8]) -> String {
        hexadecimal(&Sha256::digest(program))
    }

    fn comment(product: &str, hash: &str) -> String {
        format!("openscm {product} 1.4.0 x86_64-linux sha256:{hash}")
    }

    fn sign(pair: &KeyPair, program: &[u8], comment: &str) -> String {
        let signed = minisign::sign(Some(&pair.pk), &pair.sk, program, Some(comment), None);
        signed.unwrap().into_string()
    }

    fn key(pair: &KeyPair) -> ReleaseKey {
        ReleaseKey::parse(&pair.pk.to_base64()).unwrap()
    }

    #[test]
    fn what_a_release_key_signed_as_an_agent_is_a_released_one() {
        let (other, own) = (
            KeyPair::generate_unencrypted_keypair().unwrap(),
            KeyPair::generate_unencrypted_keypair().unwrap(),
        );
        let good = sign(&own, PROGRAM, &comment(AGENT, &hash(PROGRAM)));
        let keys = [key(&other), key(&own)];
        let released = Released::verify(&keys, &good, PROGRAM).unwrap();
        assert_eq!(released.statement().version, "1.4.0");
        assert_eq!(released.size_bytes(), 9);

        let refused = |keys: &[ReleaseKey], signature: &str, program: &[u8]| {
            Released::verify(keys, signature, program)
                .unwrap_err()
                .to_string()
        };
        assert!(refused(&[], &good, PROGRAM).contains("none of the release keys"));
        assert!(refused(&[key(&other)], &good, PROGRAM).contains("none of the release keys"));
        assert!(refused(&keys, &good, b"a Program").contains("does not fit"));
        assert!(refused(&keys, &good, b"").contains("1 to"));
        assert!(refused(&keys, "x", PROGRAM).contains("none of minisign"));
        assert!(refused(&keys, &"x".repeat(3000), PROGRAM).contains("none of minisign"));
        let another_version = good.replace("1.4.0", "1.5.0");
        assert!(refused(&keys, &another_version, PROGRAM).contains("does not fit"));
        let server = sign(&own, PROGRAM, &comment("scmserver", &hash(PROGRAM)));
        assert!(refused(&keys, &server, PROGRAM).contains("for `scmserver`"));
        let hash_of_other = sign(&own, PROGRAM, &comment(AGENT, &hash(b"other")));
        assert!(refused(&keys, &hash_of_other, PROGRAM).contains("another SHA-256"));
        let free = sign(&own, PROGRAM, "timestamp:1633700835\tfile:scmclient");
        assert!(refused(&keys, &free, PROGRAM).contains("trusted comment"));
    }
}
