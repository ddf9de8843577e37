//! The SSH agent of this terminal (`SSH_AUTH_SOCK`): which keys it holds, and signatures as `ssh-keygen -Y sign` makes them.
//!
//! Follows draft-ietf-sshm-ssh-agent (messages 11 and 13) and OpenSSH's PROTOCOL.sshsig. The private key stays where it is.

use crate::model::{AgentKey, clean};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256, Sha512};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGNATURE: u8 = 14;
/// Asks for SHA-512 where the key is RSA.
const RSA_SHA2_512: u32 = 4;
/// No answer of an agent is larger than this.
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// The agent may ask somebody to confirm, or to touch something.
const PATIENCE: Duration = Duration::from_secs(60);
/// Kinds that the server takes.
const KINDS: [&str; 4] = [
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ssh-rsa",
];

/// A key as the agent tells it.
struct Identity {
    blob: Vec<u8>,
    comment: String,
}

/// Keys that the server takes.
pub(super) async fn keys() -> Result<Vec<AgentKey>, String> {
    Ok(identities().await?.iter().filter_map(shown).collect())
}

fn shown(identity: &Identity) -> Option<AgentKey> {
    let (kind, _) = take_string(&identity.blob)?;
    let kind = std::str::from_utf8(kind)
        .ok()
        .filter(|kind| KINDS.contains(kind))?;
    Some(AgentKey {
        name: clean(&identity.comment),
        fingerprint: fingerprint(&identity.blob),
        line: format!(
            "{kind} {} {}",
            STANDARD.encode(&identity.blob),
            clean(&identity.comment)
        ),
    })
}

/// As `ssh-keygen -l` prints it.
fn fingerprint(blob: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

/// The armored signature of a text, by the key with that fingerprint.
pub(super) async fn sign(fingerprint_wanted: &str, namespace: &str, text: &str) -> Result<String, String> {
    let identities = identities().await?;
    let identity = identities
        .iter()
        .find(|identity| fingerprint(&identity.blob) == fingerprint_wanted)
        .ok_or("the SSH agent does not hold this key any more")?;
    let digest = Sha512::digest(text.as_bytes());
    let mut signed = b"SSHSIG".to_vec();
    for part in [namespace.as_bytes(), b"", b"sha512", digest.as_slice()] {
        put_string(&mut signed, part);
    }
    let mut request = vec![SIGN_REQUEST];
    put_string(&mut request, &identity.blob);
    put_string(&mut request, &signed);
    request.extend(RSA_SHA2_512.to_be_bytes());
    let answer = ask(&request).await?;
    let signature = match answer.split_first() {
        Some((&SIGNATURE, rest)) => take_string(rest).map(|(signature, _)| signature),
        _ => None,
    };
    let signature = signature.ok_or("the SSH agent refused to sign")?;
    Ok(armored(&identity.blob, namespace, signature))
}

/// PROTOCOL.sshsig: magic, version, key, namespace, reserved, hash, signature.
fn armored(blob: &[u8], namespace: &str, signature: &[u8]) -> String {
    let mut bytes = b"SSHSIG".to_vec();
    bytes.extend(1_u32.to_be_bytes());
    for part in [blob, namespace.as_bytes(), b"", b"sha512", signature] {
        put_string(&mut bytes, part);
    }
    let encoded = STANDARD.encode(bytes);
    let lines: Vec<&str> = encoded
        .as_bytes()
        .chunks(70)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    )
}

async fn identities() -> Result<Vec<Identity>, String> {
    let answer = ask(&[REQUEST_IDENTITIES]).await?;
    read_identities(&answer).ok_or_else(|| "the SSH agent's answer cannot be understood".to_owned())
}

fn read_identities(answer: &[u8]) -> Option<Vec<Identity>> {
    let (&IDENTITIES, rest) = answer.split_first()? else {
        return None;
    };
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut identities = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (blob, after) = take_string(rest)?;
        let (comment, after) = take_string(after)?;
        identities.push(Identity {
            blob: blob.to_vec(),
            comment: String::from_utf8_lossy(comment).into_owned(),
        });
        rest = after;
    }
    Some(identities)
}

/// One message and its answer, without their lengths.
async fn ask(message: &[u8]) -> Result<Vec<u8>, String> {
    let path = std::env::var_os("SSH_AUTH_SOCK").ok_or("there is no SSH agent here (SSH_AUTH_SOCK)")?;
    let answer = tokio::time::timeout(PATIENCE, exchange(Path::new(&path), message));
    match answer.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(format!(
            "the SSH agent at {}: {error}",
            Path::new(&path).display()
        )),
        Err(_) => Err("the SSH agent does not answer".to_owned()),
    }
}

async fn exchange(path: &Path, message: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(path).await?;
    let mut framed = Vec::with_capacity(message.len() + 4);
    put_string(&mut framed, message);
    stream.write_all(&framed).await?;
    let length = stream.read_u32().await? as usize;
    if length > MAX_ANSWER_BYTES {
        return Err(std::io::Error::other("an answer that is too large"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn put_string(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(part);
}

fn take_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_answer_is_none() {
        let mut answer = vec![IDENTITIES, 0, 0, 0, 1];
        put_string(&mut answer, b"blob");
        put_string(&mut answer, b"jdoe@desk");
        let read = read_identities(&answer).unwrap();
        assert_eq!(
            (read[0].blob.as_slice(), read[0].comment.as_str()),
            (&b"blob"[..], "jdoe@desk")
        );
        for length in 0..answer.len() {
            assert!(read_identities(&answer[..length]).is_none(), "{length}");
        }
        answer[4] = 200;
        assert!(read_identities(&answer).is_none());
    }

    #[test]
    fn kinds_that_the_server_does_not_take_are_not_offered() {
        let identity = |kind: &str| {
            let mut blob = Vec::new();
            put_string(&mut blob, kind.as_bytes());
            Identity {
                blob,
                comment: "x\u{1b}[2J".to_owned(),
            }
        };
        assert!(shown(&identity("ssh-dss")).is_none());
        let key = shown(&identity("ssh-ed25519")).unwrap();
        assert!(!key.name.contains('\u{1b}') && key.fingerprint.starts_with("SHA256:"));
    }
}
