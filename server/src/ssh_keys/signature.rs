//! Verifying what `ssh-keygen -Y sign` makes (OpenSSH's PROTOCOL.sshsig).
//!
//! `ssh-key` reads the formats, `aws-lc-rs` verifies; the key is the one in the signature, and the caller looks whether it
//! is registered.

use super::line::check;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey,
};
use scm_protocol::ssh_keys::LOGIN_NAMESPACE;
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

/// Longest armored signature: RSA of 8192 bits needs about 4 KB.
const MAX_ARMORED_BYTES: usize = 8192;

/// The key, in the encoding of RFC 4253, that signed this text for a login.
///
/// # Errors
/// Why the signature does not count, for the audit.
pub fn verify(armored: &str, text: &[u8]) -> Result<Vec<u8>, &'static str> {
    if armored.len() > MAX_ARMORED_BYTES {
        return Err("the signature is too long");
    }
    let signature =
        SshSig::from_pem(armored.trim()).map_err(|_| "the signature is no armored SSH signature")?;
    if signature.namespace() != LOGIN_NAMESPACE {
        return Err("the signature was made for another namespace");
    }
    check(signature.public_key()).map_err(|_| "the signature's key is of a kind that is not taken")?;
    let signed = SshSig::signed_data(LOGIN_NAMESPACE, signature.hash_alg(), text)
        .map_err(|_| "the signature is of a kind that is not taken")?;
    if !holds(signature.public_key(), &signature, &signed) {
        return Err("the signature does not hold");
    }
    PublicKey::from(signature.public_key().clone())
        .to_bytes()
        .map_err(|_| "the signature's key cannot be read")
}

fn holds(key: &KeyData, signature: &SshSig, signed: &[u8]) -> bool {
    let (algorithm, bytes) = (signature.algorithm(), signature.signature_bytes());
    match key {
        KeyData::Ed25519(key) => {
            algorithm == Algorithm::Ed25519
                && UnparsedPublicKey::new(&ED25519, key.0)
                    .verify(signed, bytes)
                    .is_ok()
        }
        KeyData::Ecdsa(key) if algorithm == key.algorithm() => {
            let (way, size) = match key {
                EcdsaPublicKey::NistP256(_) => (&ECDSA_P256_SHA256_FIXED, 32),
                EcdsaPublicKey::NistP384(_) => (&ECDSA_P384_SHA384_FIXED, 48),
                EcdsaPublicKey::NistP521(_) => return false,
            };
            let point = UnparsedPublicKey::new(way, key.as_sec1_bytes());
            fixed(bytes, size).is_some_and(|fixed| point.verify(signed, &fixed).is_ok())
        }
        KeyData::Rsa(key) => {
            let way = match algorithm {
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha256),
                } => &RSA_PKCS1_2048_8192_SHA256,
                Algorithm::Rsa {
                    hash: Some(HashAlg::Sha512),
                } => &RSA_PKCS1_2048_8192_SHA512,
                // SHA-1.
                _ => return false,
            };
            let parts = key.n.as_positive_bytes().zip(key.e.as_positive_bytes());
            parts.is_some_and(|(n, e)| PublicKeyComponents { n, e }.verify(way, signed, bytes).is_ok())
        }
        _ => false,
    }
}

/// The two numbers of an ECDSA signature, each of `size` bytes, from their SSH encoding (length, bytes, twice).
fn fixed(encoded: &[u8], size: usize) -> Option<Vec<u8>> {
    let (first, rest) = number(encoded, size)?;
    let (second, rest) = number(rest, size)?;
    rest.is_empty().then(|| [first, second].concat())
}

fn number(encoded: &[u8], size: usize) -> Option<(Vec<u8>, &[u8])> {
    let (length, rest) = encoded.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let bytes = bytes.strip_prefix(&[0]).unwrap_or(bytes);
    let missing = size.checked_sub(bytes.len())?;
    Some(([&vec![0; missing][..], bytes].concat(), rest))
}
