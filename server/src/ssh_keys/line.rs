//! A line of `authorized_keys`: which keys are taken.

use scm_protocol::ssh_keys::MAX_LINE_BYTES;
use ssh_key::public::{EcdsaPublicKey, KeyData};
use ssh_key::{HashAlg, PublicKey as Parsed};

/// Fewest bits of an RSA key.
const MIN_RSA_BITS: usize = 2048;
/// Most bits of an RSA key that can be verified with.
const MAX_RSA_BITS: usize = 8192;
/// Most characters of a key's name.
const MAX_NAME_CHARS: usize = 100;

/// A key that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its comment, or its algorithm.
    pub name: String,
    /// `ssh-ed25519`, …
    pub algorithm: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// In the encoding of RFC 4253.
    pub bytes: Vec<u8>,
}

/// Reads a line.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &str) -> Result<PublicKey, String> {
    let line = line.trim();
    if line.len() > MAX_LINE_BYTES {
        return Err(format!("must be at most {MAX_LINE_BYTES} bytes"));
    }
    if line.contains("PRIVATE KEY") {
        return Err("is a private key; take it back, and give the line of the .pub file".to_owned());
    }
    let parsed = Parsed::from_openssh(line).map_err(|_| {
        "must be a line of authorized_keys without options, as in the .pub file: `ssh-ed25519 AAAA… name`"
            .to_owned()
    })?;
    check(parsed.key_data())?;
    let algorithm = parsed.algorithm().as_str().to_owned();
    let comment: String = parsed.comment().chars().filter(|c| !c.is_control()).collect();
    let comment: String = comment.trim().chars().take(MAX_NAME_CHARS).collect();
    Ok(PublicKey {
        name: if comment.is_empty() {
            algorithm.clone()
        } else {
            comment
        },
        fingerprint: parsed.fingerprint(HashAlg::Sha256).to_string(),
        bytes: parsed.to_bytes().map_err(|error| error.to_string())?,
        algorithm,
    })
}

/// Which keys are strong enough, and can be verified with.
pub(super) fn check(key: &KeyData) -> Result<(), String> {
    match key {
        KeyData::Ed25519(_) | KeyData::Ecdsa(EcdsaPublicKey::NistP256(_) | EcdsaPublicKey::NistP384(_)) => {
            Ok(())
        }
        KeyData::Rsa(rsa) => {
            let modulus = rsa.n.as_positive_bytes().unwrap_or_default();
            let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
            if (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
                Ok(())
            } else {
                Err(format!(
                    "is an RSA key of {bits} bits; from {MIN_RSA_BITS} to {MAX_RSA_BITS} are taken, and ed25519 is better"
                ))
            }
        }
        other => Err(format!(
            "is of the kind {}; taken are ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384 and ssh-rsa",
            other.algorithm().as_str()
        )),
    }
}
