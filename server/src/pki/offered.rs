//! Client authentication in the handshake: a certificate is asked for, never required, and a wrong one does not end the
//! connection.
//!
//! Pending agents and consoles have none, and an agent with a wrong one deserves an answer that it can understand and
//! verify, which a TLS alert is not. So the handshake proves only that the client holds the certificate's key; what the
//! certificate is worth is told with the connection ([`ClientAuthority::examine`]) and judged at each request.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, UnixTime};

use super::client::ClientAuthority;

/// Asks for a certificate and takes every one whose key the client holds.
#[derive(Debug)]
pub(super) struct Offered {
    authority: ClientAuthority,
}

impl Offered {
    pub(super) fn new(authority: ClientAuthority) -> Arc<Self> {
        Arc::new(Self { authority })
    }
}

impl ClientCertVerifier for Offered {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.authority.names()
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority
            .verifier()
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authority
            .verifier()
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authority.verifier().supported_verify_schemes()
    }
}
