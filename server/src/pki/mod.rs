//! The server's private certificate authority and the certificate that it serves with.
//!
//! Owns the folder `<state_folder>/pki`:
//!
//! | file | mode | content |
//! |---|---|---|
//! | `ca.pem` | 0644 | the authority's certificate; agents pin its SHA-256 |
//! | `ca.key` | 0600 | the authority's key, PKCS#8 |
//! | `server.pem` | 0644 | the server's certificate, followed by the authority's |
//! | `server.key` | 0600 | the server's key, PKCS#8 |
//! | `crl.pem` | 0644 | the list of revoked client certificates, for a proxy on the same machine |
//!
//! The folder is 0711: its certificates can be read by every local user who is told their names, so that a console on
//! the same machine can trust `ca.pem`; its keys by the server alone.
//!
//! Invariants: an authority is made only where none of the four files exists, whole or not at all (the folder is
//! renamed into place); one that is damaged or incomplete is an error, never replaced, because every agent's trust hangs
//! on it. The server's certificate is renewed by itself, for the same key, so that a renewal is the replacement of one
//! file. Names are added to it, and dropped only as `names` says. RFC 5280.

mod authority;
mod client;
mod error;
mod files;
mod machine;
mod named;
mod names;
mod offered;
mod revocations;
mod served;
mod server_certificate;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use scm_protocol::ids::UnixMillis;

pub use authority::{Authority, FINGERPRINT_BYTES};
pub use client::{ClientAuthority, ClientCertificate, ClientRequest, IssuedClient, Presented};
pub use error::Error;
pub use names::{InvalidName, Name, Names};
pub use revocations::{RevocationList, Revoked, Why};
pub use served::Served;

use server_certificate::ServerCertificate;

/// File name of the list of revoked certificates, beside the authority's certificate.
const REVOCATIONS: &str = "crl.pem";
const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
const SERVER_CERTIFICATE: &str = "server.pem";
const SERVER_KEY: &str = "server.key";

/// The private certificate authority, ready to issue, and where its files are.
#[derive(Debug)]
pub struct Pki {
    folder: PathBuf,
    authority: Authority,
}

impl Pki {
    /// Opens the authority in `folder`, or makes it when nothing is there yet, and sees to it that the server's
    /// certificate is there, lives long enough from `now` on and covers `names`.
    ///
    /// # Errors
    /// [`Error`], which says what to do; a damaged authority is never replaced.
    pub fn open_or_create(folder: &Path, names: &Names, now: UnixMillis) -> Result<Self, Error> {
        let now = system_time(now);
        error::plausible(now)?;
        let present: Vec<bool> = [CA_CERTIFICATE, CA_KEY, SERVER_CERTIFICATE, SERVER_KEY]
            .iter()
            .map(|name| files::exists(&folder.join(name)))
            .collect::<Result<_, _>>()?;
        if present.iter().all(|present| !present) {
            return Self::create(folder, names, now);
        }
        let authority = Authority::read(&folder.join(CA_CERTIFICATE), &folder.join(CA_KEY))?;
        let pki = Self {
            folder: folder.to_owned(),
            authority,
        };
        pki.complete(names, now)?;
        Ok(pki)
    }

    /// Issues the server's certificate again when less than a third of its life is left at `now` or a name is missing
    /// from it; whether it did. May be called at any time; what listens has to read the files again (it watches them).
    ///
    /// # Errors
    /// [`Error`]; the certificate in place stays as it is.
    pub fn renew_if_due(&self, names: &Names, now: UnixMillis) -> Result<bool, Error> {
        let now = system_time(now);
        error::plausible(now)?;
        self.renew(names, now)
    }

    fn renew(&self, names: &Names, now: SystemTime) -> Result<bool, Error> {
        let current = ServerCertificate::read(&self.certificate_path())?;
        let Some(reason) = current.renewal_due(names, now) else {
            return Ok(false);
        };
        let key = authority::read_key(&self.key_path())?;
        let renewed = ServerCertificate::issue(&self.authority, &key, &current.names_with(names), now)?;
        files::replace(&self.certificate_path(), renewed.pem().as_bytes(), files::PUBLIC)?;
        tracing::info!(reason, names = %renewed.names_in_words(), "renewed the server's certificate");
        Ok(true)
    }

    /// SHA-256 of the authority's certificate (DER): what agents pin.
    pub fn ca_fingerprint(&self) -> [u8; FINGERPRINT_BYTES] {
        self.authority.fingerprint()
    }

    /// The authority's certificate in PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.pem()
    }

    /// The authority, to issue with.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// File of the certificate chain to serve with.
    pub fn certificate_path(&self) -> PathBuf {
        self.folder.join(SERVER_CERTIFICATE)
    }

    /// File of the key to serve with.
    pub fn key_path(&self) -> PathBuf {
        self.folder.join(SERVER_KEY)
    }

    /// A TLS configuration that serves with the certificate in place.
    ///
    /// # Errors
    /// [`Error`] when the files are not a usable pair.
    pub fn rustls_config(&self, provider: Arc<CryptoProvider>) -> Result<Arc<ServerConfig>, Error> {
        let clients = self.client_authority(provider.clone())?;
        Served::read(&self.certificate_path(), &self.key_path())?.rustls_config(provider, &clients)
    }

    /// What examines client certificates.
    ///
    /// # Errors
    /// [`Error`] when the authority's certificate cannot be an anchor.
    pub fn client_authority(&self, provider: Arc<CryptoProvider>) -> Result<ClientAuthority, Error> {
        ClientAuthority::new(self.authority.pem(), provider)
    }

    /// Issues a client certificate.
    ///
    /// # Errors
    /// [`Error`] when there is no randomness, or it cannot be encoded.
    pub fn issue_client(&self, request: &ClientRequest<'_>) -> Result<IssuedClient, Error> {
        client::issue(&self.authority, request)
    }

    /// Signs a list of revoked client certificates; `number` must be above that of every list before.
    ///
    /// # Errors
    /// [`Error`] when it cannot be encoded.
    pub fn revocation_list(&self, revoked: &[Revoked], number: UnixMillis) -> Result<RevocationList, Error> {
        revocations::list(&self.authority, revoked, number)
    }

    /// Puts the list of revoked certificates beside the authority's certificate, whole.
    ///
    /// # Errors
    /// [`Error`]; the former list stays.
    pub fn write_revocation_list(&self, list: &RevocationList) -> Result<(), Error> {
        files::replace(&self.folder.join(REVOCATIONS), list.pem.as_bytes(), files::PUBLIC)
    }

    fn create(folder: &Path, names: &Names, now: SystemTime) -> Result<Self, Error> {
        let (authority, authority_key) = Authority::create(now)?;
        let key = authority::generate_key()?;
        let certificate = ServerCertificate::issue(&authority, &key, &names.all(), now)?;
        let key_pem = key.serialize_pem();
        files::create_folder(
            folder,
            &[
                (CA_CERTIFICATE, authority.pem().as_bytes(), files::PUBLIC),
                (CA_KEY, authority_key.as_bytes(), files::PRIVATE),
                (SERVER_CERTIFICATE, certificate.pem().as_bytes(), files::PUBLIC),
                (SERVER_KEY, key_pem.as_bytes(), files::PRIVATE),
            ],
        )?;
        tracing::info!(
            folder = %folder.display(),
            names = %certificate.names_in_words(),
            "made a private certificate authority and the server's certificate"
        );
        Ok(Self {
            folder: folder.to_owned(),
            authority,
        })
    }

    /// Sees to the server's half, the authority being in order.
    fn complete(&self, names: &Names, now: SystemTime) -> Result<(), Error> {
        let (certificate_path, key_path) = (self.certificate_path(), self.key_path());
        files::tighten(&self.folder.join(CA_KEY))?;
        let key = match (files::exists(&certificate_path)?, files::exists(&key_path)?) {
            (true, true) => {
                files::tighten(&key_path)?;
                Served::read(&certificate_path, &key_path)?;
                self.renew(names, now)?;
                return Ok(());
            }
            (true, false) => {
                return Err(Error::ServerKeyMissing {
                    missing: key_path,
                    present: certificate_path,
                });
            }
            // Nothing is lost: this is also what a machine leaves that stops between the two files.
            (false, true) => authority::read_key(&key_path)?,
            (false, false) => {
                let key = authority::generate_key()?;
                files::replace(&key_path, key.serialize_pem().as_bytes(), files::PRIVATE)?;
                key
            }
        };
        let issued = ServerCertificate::issue(&self.authority, &key, &names.all(), now)?;
        files::replace(&certificate_path, issued.pem().as_bytes(), files::PUBLIC)?;
        tracing::info!(names = %issued.names_in_words(), "issued the server's certificate");
        Ok(())
    }
}

fn system_time(now: UnixMillis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(now.0.try_into().unwrap_or(0))
}

#[cfg(test)]
mod tests;
