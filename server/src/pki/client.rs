//! Client certificates: issued for the bare registered key of a system, and examined when one is presented.
//!
//! What is examined here is what no database knows: the authority's signature, the usage, the form of the name. Whether
//! the certificate is of the right system, in time and not withdrawn is asked at every request, by its room. RFC 5280.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType,
    SignatureAlgorithm,
};
use rustls::DistinguishedName;
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use scm_protocol::certificates::system_urn;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use time::OffsetDateTime;

use super::authority::{self, Authority};
use super::error::Error;
use super::named::named;

/// Certificates begin to be valid so long before they are issued, for proxies whose clocks are behind.
const BACKDATED_MS: i64 = 3_600_000;
/// Largest certificate that is looked at, in bytes; ours have about 500.
const MAX_CERTIFICATE_BYTES: usize = 8 * 1024;

/// Whom a client certificate is for, and how long.
#[derive(Clone, Debug)]
pub struct ClientRequest<'a> {
    /// The organization.
    pub organization: &'a Organization,
    /// The system.
    pub system: SystemId,
    /// Its registered key.
    pub key: &'a PublicKey,
    /// The time.
    pub now: UnixMillis,
    /// How long it is to be valid.
    pub lifetime: Duration,
}

/// A client certificate that was just issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedClient {
    /// The certificate, in PEM.
    pub pem: String,
    /// Its serial number, 32 hexadecimal digits.
    pub serial: String,
    /// Begin of its validity; whole seconds.
    pub not_before: UnixMillis,
    /// End of its validity; whole seconds.
    pub not_after: UnixMillis,
}

/// A client certificate whose signature is by our authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// The organization that it names.
    pub organization: Organization,
    /// The system that it names.
    pub system: SystemId,
    /// The key that it is for.
    pub key: PublicKey,
    /// Begin of its validity.
    pub not_before: UnixMillis,
    /// End of its validity.
    pub not_after: UnixMillis,
}

/// What a client presented with its connection, or a proxy for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Presented {
    /// No certificate.
    #[default]
    Nothing,
    /// One that is not by our authority, or not a client's.
    Unacceptable(&'static str),
    /// One by our authority.
    Certificate(Arc<ClientCertificate>),
}

struct Ed25519Key<'a>(&'a PublicKey);

impl PublicKeyData for Ed25519Key<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// Issues a client certificate.
///
/// # Errors
/// [`Error`] when there is no randomness, or it cannot be encoded.
pub(super) fn issue(authority: &Authority, request: &ClientRequest<'_>) -> Result<IssuedClient, Error> {
    let serial = authority::serial_number()?;
    let whole = |at: UnixMillis| UnixMillis(at.as_secs() * 1000);
    let lifetime_ms = i64::try_from(request.lifetime.as_millis()).unwrap_or(i64::MAX);
    let (not_before, not_after) = (
        whole(request.now.plus(-BACKDATED_MS)),
        whole(request.now.plus(lifetime_ms)),
    );
    let mut params = CertificateParams::default();
    let name = format!("{}/{}", request.organization, request.system);
    params.distinguished_name = authority::common_name(name);
    let urn = system_urn(request.organization, request.system);
    params.subject_alt_names = vec![SanType::URI(urn.try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    let digits = authority::hex(serial.as_ref());
    params.serial_number = Some(serial);
    params.not_before = date(not_before)?;
    params.not_after = date(not_after)?;
    let certificate = params.signed_by(&Ed25519Key(request.key), authority.issuer())?;
    Ok(IssuedClient {
        pem: certificate.pem(),
        serial: digits,
        not_before,
        not_after,
    })
}

/// The instant as a certificate has it.
pub(super) fn date(at: UnixMillis) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp(at.as_secs()).map_err(|_| Error::Clock)
}

/// Examines client certificates: knows our authority's certificate, and nothing secret.
#[derive(Clone)]
pub struct ClientAuthority {
    verifier: Arc<dyn ClientCertVerifier>,
}

impl fmt::Debug for ClientAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientAuthority")
    }
}

impl ClientAuthority {
    pub(super) fn new(authority_pem: &str, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let unusable = |error: &dyn fmt::Display| Error::Issue(error.to_string());
        let certificate =
            CertificateDer::from_pem_slice(authority_pem.as_bytes()).map_err(|error| unusable(&error))?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(|error| unusable(&error))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .allow_unauthenticated()
            .build()
            .map_err(|error| unusable(&error))?;
        Ok(Self { verifier })
    }

    /// rustls' own verifier, for the signatures of a handshake.
    pub(super) fn verifier(&self) -> &Arc<dyn ClientCertVerifier> {
        &self.verifier
    }

    /// The authority's name, by which a client finds the certificate to present.
    pub(super) fn names(&self) -> &[DistinguishedName] {
        self.verifier.root_hint_subjects()
    }

    /// What a certificate is worth by itself.
    pub fn examine(&self, der: &CertificateDer<'_>) -> Presented {
        match self.read(der) {
            Ok(certificate) => Presented::Certificate(Arc::new(certificate)),
            Err(reason) => Presented::Unacceptable(reason),
        }
    }

    fn read(&self, der: &CertificateDer<'_>) -> Result<ClientCertificate, &'static str> {
        if der.len() > MAX_CERTIFICATE_BYTES {
            return Err("it is too large");
        }
        let (_, parsed) = x509_parser::parse_x509_certificate(der).map_err(|_| "it cannot be read")?;
        let validity = parsed.validity();
        let (not_before, not_after) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        // The authority's signature is looked at as of a time when the certificate was valid; whether that is now is a
        // question of each request.
        let then = u64::try_from(not_after).map_err(|_| "its validity cannot be read")?;
        let then = UnixTime::since_unix_epoch(Duration::from_secs(then));
        self.verifier
            .verify_client_cert(der, &[], then)
            .map_err(|_| "it is not a client certificate of this server's authority")?;
        let (organization, system) = named(&parsed).ok_or("it names no system")?;
        let key = parsed.public_key();
        let key: [u8; 32] = (key.algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519)
            .then(|| key.subject_public_key.data.as_ref().try_into().ok())
            .flatten()
            .ok_or("it is not for an Ed25519 key")?;
        Ok(ClientCertificate {
            serial: authority::hex(parsed.raw_serial()),
            organization,
            system,
            key: PublicKey::from_bytes(&key).map_err(|_| "its key cannot be used")?,
            not_before: UnixMillis(not_before.saturating_mul(1000)),
            not_after: UnixMillis(not_after.saturating_mul(1000)),
        })
    }
}

#[cfg(test)]
mod tests;
