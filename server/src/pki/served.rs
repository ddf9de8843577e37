//! A certificate chain and its key, from files, ready for TLS: the private authority's or a person's own.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::ServerSessionMemoryCache;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::client::ClientAuthority;
use super::error::Error;
use super::offered::Offered;

/// Sessions remembered for clients that resume without tickets: rustls' 256 is far below a fleet.
const SESSIONS: usize = 16_384;

/// What the server presents in a handshake.
#[derive(Debug)]
pub struct Served {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Served {
    /// Reads a PEM chain (the server's certificate first) and a PEM key, and checks that they belong together.
    ///
    /// # Errors
    /// [`Error::Unusable`] naming the file and what is wrong with it.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let unusable = |file: &Path, reason: String| Error::Unusable {
            file: file.to_owned(),
            reason,
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unusable(certificate, in_words(&error)))?;
        if chain.is_empty() {
            return Err(unusable(certificate, "holds no PEM certificate".to_owned()));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, in_words(&error)))?;
        let served = Self { chain, key: private };
        served
            .certified(&rustls::crypto::aws_lc_rs::default_provider())
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => unusable(
                    key,
                    format!(
                        "is not the key of the first certificate in {}",
                        certificate.display()
                    ),
                ),
                other => unusable(key, format!("cannot be used: {other}")),
            })?;
        Ok(served)
    }

    /// TLS 1.3 and 1.2, HTTP/1.1, resumption by tickets (and by a cache for TLS 1.2 clients without). Clients are asked for
    /// a certificate of `clients`, and served without.
    ///
    /// # Errors
    /// [`Error::Issue`] when the provider cannot serve with this key.
    pub fn rustls_config(
        self,
        provider: Arc<CryptoProvider>,
        clients: &ClientAuthority,
    ) -> Result<Arc<ServerConfig>, Error> {
        let refused = |error: rustls::Error| Error::Issue(error.to_string());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(refused)?
            .with_client_cert_verifier(Offered::new(clients.clone()))
            .with_single_cert(self.chain, self.key)
            .map_err(refused)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(refused)?;
        Ok(Arc::new(config))
    }

    fn certified(&self, provider: &CryptoProvider) -> Result<CertifiedKey, rustls::Error> {
        CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), provider)
    }
}

fn in_words(error: &rustls_pki_types::pem::Error) -> String {
    match error {
        rustls_pki_types::pem::Error::Io(error) => format!("cannot be read: {error}"),
        rustls_pki_types::pem::Error::NoItemsFound => {
            "holds nothing that can be used (a key must be PEM and not encrypted)".to_owned()
        }
        other => format!("is not PEM: {other}"),
    }
}
