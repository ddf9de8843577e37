//! The private key's file: PKCS#8 v1 (RFC 5958, RFC 8410) as PEM, which OpenSSL reads too.

use super::{Error, ServerTag, StateFolder};
use crate::random::entropy;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// DER before the 32 bytes of the seed: version 0, the algorithm's identifier 1.3.101.112, two octet strings.
const PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Reads the key, or makes one. A corrupt one is set aside with the id that belongs to it, and with a next one.
pub(super) fn open(folder: &StateFolder, tag: &ServerTag, now: UnixMillis) -> Result<SigningKey, Error> {
    let name = tag.file("client", "key");
    if folder.read(&name)?.is_none() {
        // A crash between the two steps of a promotion: the server accepted the next key already.
        folder.rename(&next_name(tag), &name)?;
    }
    let key = match read(folder, &name, now)? {
        Some(key) => key,
        None => {
            folder.set_aside(&next_name(tag), "former", now)?;
            create(folder, tag, &name, now)?
        }
    };
    write_public(folder, tag, &key)?;
    Ok(key)
}

/// A private key that is to take the place of the present one; none where there is none, or it is corrupt.
pub(super) fn open_next(
    folder: &StateFolder,
    tag: &ServerTag,
    now: UnixMillis,
) -> Result<Option<SigningKey>, Error> {
    read(folder, &next_name(tag), now)
}

/// Makes one.
pub(super) fn create_next(folder: &StateFolder, tag: &ServerTag) -> Result<SigningKey, Error> {
    let seed = Zeroizing::new(entropy::<32>()?);
    let key = SigningKey::from_bytes(&seed);
    folder.write_new(&next_name(tag), encode(&key).as_bytes())?;
    Ok(key)
}

/// The next key takes the place of the present one, which is set aside: the server accepts only the next one by now.
pub(super) fn promote(
    folder: &StateFolder,
    tag: &ServerTag,
    key: &SigningKey,
    now: UnixMillis,
) -> Result<(), Error> {
    let name = tag.file("client", "key");
    folder.set_aside(&name, "former", now)?;
    folder.rename(&next_name(tag), &name)?;
    write_public(folder, tag, key)
}

/// The next key is given up.
pub(super) fn drop_next(folder: &StateFolder, tag: &ServerTag, now: UnixMillis) -> Result<(), Error> {
    folder.set_aside(&next_name(tag), "former", now)
}

fn next_name(tag: &ServerTag) -> String {
    format!("{}.next", tag.file("client", "key"))
}

fn read(folder: &StateFolder, name: &str, now: UnixMillis) -> Result<Option<SigningKey>, Error> {
    let Some(pem) = folder.read(name)?.map(Zeroizing::new) else {
        return Ok(None);
    };
    let key = decode(&pem);
    if key.is_some() {
        folder.keep_private(name)?;
    } else {
        tracing::error!(file.name = %name, "the private key is corrupt, it is set aside");
        folder.set_aside(name, "corrupt", now)?;
    }
    Ok(key)
}

/// Makes a key. The former key's id goes aside first: after a crash in between, the id is missing and the agent registers,
/// which the other order would not give.
fn create(folder: &StateFolder, tag: &ServerTag, name: &str, now: UnixMillis) -> Result<SigningKey, Error> {
    folder.set_aside(&tag.file("client", "id"), "former", now)?;
    folder.set_aside(&tag.file("client", "pub"), "former", now)?;
    let seed = Zeroizing::new(entropy::<32>()?);
    let key = SigningKey::from_bytes(&seed);
    folder.write_new(name, encode(&key).as_bytes())?;
    let fingerprint = PublicKey::from(key.verifying_key()).fingerprint();
    tracing::info!(file.name = name, identity.fingerprint = %fingerprint, "made a new key pair");
    Ok(key)
}

/// The public key beside the private one follows from it, and is put right where it does not.
fn write_public(folder: &StateFolder, tag: &ServerTag, key: &SigningKey) -> Result<(), Error> {
    let name = tag.file("client", "pub");
    let text = format!("{}\n", PublicKey::from(key.verifying_key()));
    if folder.read(&name)?.as_deref() != Some(text.as_bytes()) {
        folder.write(&name, text.as_bytes())?;
    }
    Ok(())
}

/// The key in PKCS#8 DER.
pub(super) fn der(key: &SigningKey) -> Zeroizing<[u8; 48]> {
    let mut der = Zeroizing::new([0; 48]);
    der[..16].copy_from_slice(&PREFIX);
    der[16..].copy_from_slice(key.as_bytes());
    der
}

fn encode(key: &SigningKey) -> Zeroizing<String> {
    let der = der(key);
    let body = Zeroizing::new(STANDARD.encode(der.as_slice()));
    Zeroizing::new(format!("{BEGIN}\n{}\n{END}\n", body.as_str()))
}

fn decode(pem: &[u8]) -> Option<SigningKey> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let body = text.strip_prefix(BEGIN)?.strip_suffix(END)?.trim();
    let der = Zeroizing::new(STANDARD.decode(body).ok()?);
    let seed = der.strip_prefix(&PREFIX)?;
    Some(SigningKey::from_bytes(seed.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The private key of RFC 8410 §10.3, as OpenSSL writes it.
    const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";

    #[test]
    fn the_key_of_rfc_8410_is_read_and_written_as_it_stands() {
        let key = decode(RFC_8410.as_bytes()).unwrap();
        assert_eq!(encode(&key).as_str(), RFC_8410);
        let public = PublicKey::from(key.verifying_key());
        assert_eq!(public.to_string(), "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE");
    }

    #[test]
    fn anything_else_is_no_key() {
        let cases = [
            "",
            "garbage",
            &RFC_8410[..60],
            &RFC_8410.replace("MC4C", "MC5C"),
            &RFC_8410.replace("PRIVATE", "PUBLIC"),
        ];
        for case in cases {
            assert!(decode(case.as_bytes()).is_none(), "{case}");
        }
        assert!(decode(&[0xFF; 48]).is_none());
    }
}
