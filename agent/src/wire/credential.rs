//! The certificate that connections are made with, and the sessions that were begun with it.
//!
//! Invariants: a connection made with one certificate is never used after another was set, or none; and no session is
//! resumed across such a change, because the server would see the certificate that the session was begun with.

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::{Arc, PoisonError, RwLock};

/// A client certificate with its private key, ready for a handshake.
#[derive(Debug)]
pub struct ClientIdentity {
    key: Arc<CertifiedKey>,
}

impl ClientIdentity {
    /// From a certificate in PEM and its private key in PKCS#8 DER.
    ///
    /// # Errors
    /// [`rustls::Error`] when either cannot be read, or they do not belong together.
    pub fn new(certificate_pem: &str, key_der: &[u8]) -> Result<Self, rustls::Error> {
        let unreadable = |error| rustls::Error::General(format!("{error}"));
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(unreadable)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key_der));
        let provider = rustls::crypto::ring::default_provider();
        let key = CertifiedKey::from_der(vec![certificate], key.clone_key(), &provider)?;
        Ok(ClientIdentity { key: Arc::new(key) })
    }
}

/// Shows one certificate, whatever authorities the server names: it is the server's own.
#[derive(Debug)]
struct Showing(Arc<CertifiedKey>);

impl ResolvesClientCert for Showing {
    fn resolve(&self, _authorities: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What connections are made with now.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    bare: ClientConfig,
    state: Arc<RwLock<State>>,
}

#[derive(Debug)]
struct State {
    config: Arc<ClientConfig>,
    shown: Option<Arc<ClientIdentity>>,
    generation: u64,
}

impl Credential {
    pub(super) fn new(config: ClientConfig) -> Self {
        let state = State {
            config: Arc::new(config.clone()),
            shown: None,
            generation: 0,
        };
        Credential {
            bare: config,
            state: Arc::new(RwLock::new(state)),
        }
    }

    /// Connections from now on show this certificate, or none; those that exist are not used again.
    pub(super) fn show(&self, identity: Option<&Arc<ClientIdentity>>) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let same = match (&state.shown, identity) {
            (None, None) => true,
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            _ => false,
        };
        if same {
            return;
        }
        let mut config = self.bare.clone();
        config.resumption = Resumption::default();
        if let Some(identity) = identity {
            config.client_auth_cert_resolver = Arc::new(Showing(identity.key.clone()));
        }
        *state = State {
            config: Arc::new(config),
            shown: identity.cloned(),
            generation: state.generation + 1,
        };
    }

    /// The configuration for a new connection, and its generation.
    pub(super) fn current(&self) -> (Arc<ClientConfig>, u64) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        (state.config.clone(), state.generation)
    }

    /// Whether a connection of that generation may still be used.
    pub(super) fn is_current(&self, generation: u64) -> bool {
        self.current().1 == generation
    }
}
