//! The master key: 32 random bytes in a file of mode 0600 beside the database, never in it; or given by systemd.
//!
//! Secrets are sealed with AES-256-GCM under it: `1 || nonce (12) || ciphertext || tag (16)`, the purpose being the
//! associated data, so that a sealed value cannot be moved to another place.

use crate::clock::random;
use crate::error::Error;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
/// Of the file, and of the credential.
const NAME: &str = "master.key";

/// Seals what the database keeps secret.
pub struct MasterKey {
    key: LessSafeKey,
    /// Derived from the same bytes, so that one use says nothing about the other.
    proof: hmac::Key,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// Reads the key, making it when the file does not exist.
    ///
    /// # Errors
    /// When the file cannot be read or made, is not 32 bytes, or can be read by others.
    pub fn open_or_create(path: &Path) -> Result<Self, Error> {
        let failed =
            |error: std::io::Error| Error::internal(format!("master key {}: {error}", path.display()));
        if !path.exists() {
            create(path).map_err(failed)?;
        }
        let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(Error::internal(format!(
                "master key {}: others can read it (mode {:o}); run chmod 600 on it, and think of its content as known",
                path.display(),
                mode & 0o777
            )));
        }
        Self::read(path)
    }

    /// The key of the server with this state folder: systemd's credential `master.key` where there is one, otherwise the
    /// file there, which is made when there is none.
    ///
    /// # Errors
    /// As [`MasterKey::open_or_create`], and when both are there.
    pub fn of_server(state: &Path) -> Result<Self, Error> {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self::chosen(state, credentials.as_deref())
    }

    fn chosen(state: &Path, credentials: Option<&Path>) -> Result<Self, Error> {
        let file = state.join(NAME);
        let given = credentials
            .map(|folder| folder.join(NAME))
            .filter(|path| path.exists());
        let Some(given) = given else {
            return Self::open_or_create(&file);
        };
        if file.exists() {
            return Err(Error::internal(format!(
                "there are two master keys, {} and {}: take away the one that the database was not made with",
                given.display(),
                file.display()
            )));
        }
        // Who may read it, systemd has decided: its mode says nothing here.
        Self::read(&given)
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map(Zeroizing::new);
        let bytes =
            bytes.map_err(|error| Error::internal(format!("master key {}: {error}", path.display())))?;
        Self::from_bytes(&bytes).map_err(|_| {
            Error::internal(format!(
                "master key {}: must be exactly 32 bytes; restore it from your backup",
                path.display()
            ))
        })
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let key =
            UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| Error::internal("not a key of 32 bytes"))?;
        let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, bytes), b"openscm proofs");
        Ok(MasterKey {
            key: LessSafeKey::new(key),
            proof: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
        })
    }

    /// A proof that this server, or a replica of it, made these bytes for one purpose: HMAC-SHA256.
    pub fn prove(&self, bytes: &[u8], purpose: &str) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.proof);
        context.update(purpose.as_bytes());
        context.update(&[0]);
        context.update(bytes);
        context.sign().as_ref().to_vec()
    }

    /// Seals a secret for one purpose.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, secret: &[u8], purpose: &str) -> Result<Vec<u8>, Error> {
        let nonce = random::<NONCE_LEN>()?;
        let mut sealed = secret.to_vec();
        self.key
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(purpose.as_bytes()),
                &mut sealed,
            )
            .map_err(|_| Error::internal("sealing failed"))?;
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// Opens what [`MasterKey::seal`] made for the same purpose.
    ///
    /// # Errors
    /// When it was made with another key or for another purpose, or was changed.
    pub fn unseal(&self, sealed: &[u8], purpose: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let damaged = || Error::internal("a sealed value does not open");
        let (&[VERSION], rest) = sealed.split_first_chunk::<1>().ok_or_else(damaged)? else {
            return Err(damaged());
        };
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_LEN>().ok_or_else(damaged)?;
        let mut secret = Zeroizing::new(ciphertext.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(purpose.as_bytes()), &mut secret);
        let length = opened.map_err(|_| damaged())?.len();
        secret.truncate(length);
        Ok(secret)
    }
}

/// Writes a new key so that the file is either absent or whole, and never replaces one.
fn create(path: &Path) -> std::io::Result<()> {
    let bytes = Zeroizing::new(random::<32>().map_err(std::io::Error::other)?);
    let folder = path.parent().unwrap_or(Path::new("/"));
    let temporary = folder.join(format!(".master-key-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(bytes.as_slice())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&temporary, path);
    std::fs::remove_file(&temporary)?;
    linked?;
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_whole_and_for_its_purpose() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let key = MasterKey::open_or_create(&path).unwrap();
        let sealed = key.seal(b"secret", "default").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        let again = MasterKey::open_or_create(&path).unwrap();
        assert_eq!(again.unseal(&sealed, "default").unwrap().as_slice(), b"secret");
        assert!(again.unseal(&sealed, "other").is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(again.unseal(&changed, "default").is_err());
            assert!(again.unseal(&sealed[..at], "default").is_err());
        }
    }

    #[test]
    fn systemds_credential_takes_the_place_of_the_file() {
        let (state, credentials) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (file, given) = (state.path().join(NAME), credentials.path().join(NAME));
        let chosen = || MasterKey::chosen(state.path(), Some(credentials.path()));
        let sealed = chosen().unwrap().seal(b"secret", "default").unwrap();
        assert!(file.exists(), "without a credential the file is made");
        std::fs::copy(&file, &given).unwrap();
        let error = chosen().err().unwrap().to_string();
        assert!(error.contains("two master keys"), "{error}");
        std::fs::remove_file(&file).unwrap();
        // As systemd leaves it for a user of its own.
        std::fs::set_permissions(&given, std::fs::Permissions::from_mode(0o440)).unwrap();
        assert_eq!(
            chosen().unwrap().unseal(&sealed, "default").unwrap().as_slice(),
            b"secret"
        );
        assert!(!file.exists());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        MasterKey::open_or_create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKey::open_or_create(&path).err().unwrap().to_string();
        assert!(error.contains("chmod 600"), "{error}");
        std::fs::write(&path, b"short").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let error = MasterKey::open_or_create(&path).err().unwrap().to_string();
        assert!(error.contains("exactly 32 bytes"), "{error}");
    }
}
