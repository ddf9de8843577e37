//! Verification against the SHA-256 of one certificate authority.
//!
//! Invariants: the only trust anchor is the certificate with the pinned SHA-256, taken from the chain that the server
//! sent; everything else (path, validity, usage, name, handshake signature) is verified as with any other anchor, by
//! rustls' own verifier. The server's own certificate is never the anchor.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::pin::{PIN_BYTES, fingerprint, format_pin};

/// The server's chain holds no certificate with the pinned fingerprint.
#[derive(Clone, Debug, thiserror::Error)]
#[error("none of the {sent} certificates that the server sent has the pinned CA fingerprint {pin}")]
struct NotPinned {
    sent: usize,
    pin: String,
}

/// Verifies that a server's certificate comes from the pinned certificate authority.
#[derive(Debug)]
pub(crate) struct Pinned {
    pin: [u8; PIN_BYTES],
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(crate) fn new(pin: [u8; PIN_BYTES], provider: &Arc<CryptoProvider>) -> Self {
        Self {
            pin,
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn anchor(&self, intermediates: &[CertificateDer<'_>]) -> Result<RootCertStore, Error> {
        let pinned = intermediates
            .iter()
            .find(|certificate| fingerprint(certificate) == self.pin);
        let Some(pinned) = pinned else {
            let missing = NotPinned {
                sent: intermediates.len() + 1,
                pin: format_pin(&self.pin),
            };
            return Err(CertificateError::Other(OtherError(Arc::new(missing))).into());
        };
        let mut roots = RootCertStore::empty();
        roots.add(pinned.clone().into_owned())?;
        Ok(roots)
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let anchor = self.anchor(intermediates)?;
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &anchor,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        verify_server_name(&certificate, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
