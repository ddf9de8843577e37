//! Client certificates that no honest server issues: made with the real authority's key, or with another's.

use anyhow::{Context, Result};
use ed25519_dalek::SigningKey;
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ED25519,
    PublicKeyData, SanType, SignatureAlgorithm,
};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use scm_protocol::certificates::system_urn;
use scm_protocol::ids::{Organization, SystemId};
use scm_tls::Trust;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock;
use crate::http::Endpoint;

/// An authority that issues whatever it is told to.
pub struct Forge {
    issuer: Issuer<'static, KeyPair>,
}

struct Bare([u8; 32]);

impl PublicKeyData for Bare {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl Forge {
    /// One with the key of a server's authority.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn stolen(server_state: &Path) -> Result<Self> {
        let read =
            |name: &str| fs::read_to_string(server_state.join("pki").join(name)).context("the server's CA");
        let key = KeyPair::from_pem(&read("ca.key")?)?;
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, key)?;
        Ok(Forge { issuer })
    }

    /// Another authority.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn foreign() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Forge {
            issuer: Issuer::new(params, KeyPair::generate()?),
        })
    }

    /// A client certificate for a key and a system, valid from and until so many minutes from now, in PEM.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn certificate(&self, key: &SigningKey, system: SystemId, minutes: (i64, i64)) -> Result<String> {
        let mut params = CertificateParams::default();
        let urn = system_urn(&Organization::default(), system);
        params.subject_alt_names = vec![SanType::URI(urn.try_into()?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.not_before = in_minutes(minutes.0).into();
        params.not_after = in_minutes(minutes.1).into();
        let certificate = params.signed_by(&Bare(key.verifying_key().to_bytes()), &self.issuer)?;
        Ok(certificate.pem())
    }
}

fn in_minutes(minutes: i64) -> SystemTime {
    let at = clock::now().plus(minutes * 60_000);
    SystemTime::UNIX_EPOCH + Duration::from_millis(at.0.unsigned_abs())
}

/// An endpoint whose connections show a client certificate, with the private key of an identity.
///
/// # Errors
/// When certificate and key do not belong together.
pub fn showing(url: &str, ca_file: &Path, certificate_pem: &str, key: &SigningKey) -> Result<Endpoint> {
    let trust = Trust::CaFile(ca_file.to_owned());
    let mut config: ClientConfig = scm_tls::client_config(&trust, Arc::new(ring::default_provider()))?;
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())?;
    let key = PrivatePkcs8KeyDer::from(pkcs8(key)).into();
    let certified = rustls::sign::CertifiedKey::from_der(vec![certificate], key, &ring::default_provider())?;
    config.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
    Endpoint::with_tls(url, config)
}

/// A private key in PKCS#8 v1 (RFC 8410).
fn pkcs8(key: &SigningKey) -> Vec<u8> {
    let prefix = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    [prefix.as_slice(), key.as_bytes()].concat()
}
