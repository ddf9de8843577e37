//! How a client decides that it is talking to the right server.
//!
//! Owns the three kinds of trust that the agent and the console can be given and the TLS configuration made from them:
//! TLS 1.3 and 1.2, chain, validity, usage and name of the certificate always verified (RFC 5280, RFC 9525), and no
//! switch to do without. The cryptography is the caller's `CryptoProvider`, never the process default.

mod error;
mod pin;
mod pinned;
mod roots;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;

pub use error::Error;
pub use pin::{InvalidPin, PIN_BYTES, fingerprint, format_pin, parse_pin};

/// Whose word is taken for a server's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The certificate authorities that the operating system trusts.
    System,
    /// The certificate authorities in one PEM file, and no others.
    CaFile(PathBuf),
    /// The one certificate authority whose certificate (DER) has this SHA-256; the server sends it along.
    CaPin([u8; PIN_BYTES]),
}

/// A client's TLS configuration: HTTP/1.1 over TLS 1.3 or 1.2, the server verified as `trust` says.
///
/// # Errors
/// [`Error`] when the authorities cannot be read, or the provider supports neither version.
pub fn client_config(trust: &Trust, provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
    let verifier = verifier(trust, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(Error::Provider)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let roots = match trust {
        Trust::System => roots::system()?,
        Trust::CaFile(path) => roots::file(path)?,
        Trust::CaPin(pin) => return Ok(Arc::new(pinned::Pinned::new(*pin, provider))),
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(Error::Verifier)?;
    Ok(verifier)
}

#[cfg(test)]
mod tests;
