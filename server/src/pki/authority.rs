//! The private certificate authority: made once, kept for ten years, ECDSA P-256, issues end certificates only.

use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use super::error::Error;
use super::files;

/// Length of a fingerprint: SHA-256.
pub const FINGERPRINT_BYTES: usize = 32;

const DAY: Duration = Duration::from_hours(24);
/// How long an authority is valid.
const LIFE: Duration = Duration::from_hours(24 * 3650);
/// Certificates begin to be valid this long before they are made, for machines whose clocks are behind.
pub(super) const BACKDATED: Duration = Duration::from_hours(24 * 7);

/// A certificate authority, ready to issue.
#[derive(Debug)]
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes a new authority; also its key in PEM (PKCS#8).
    pub(super) fn create(now: SystemTime) -> Result<(Self, String), Error> {
        let key = generate_key()?;
        let key_pem = key.serialize_pem();
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(format!("OpenSCM CA {}", hex(&random::<4>()?)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.serial_number = Some(serial_number()?);
        validity(&mut params, now, LIFE);
        let certificate = params.self_signed(&key)?;
        let authority = Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        };
        Ok((authority, key_pem))
    }

    /// Reads an authority and checks that its halves belong together.
    pub(super) fn read(certificate_path: &Path, key_path: &Path) -> Result<Self, Error> {
        for path in [certificate_path, key_path] {
            if !files::exists(path)? {
                return Err(Error::AuthorityIncomplete {
                    missing: path.to_owned(),
                });
            }
        }
        let damaged = |file: &Path, reason: &str| Error::AuthorityDamaged {
            file: file.to_owned(),
            reason: reason.to_owned(),
        };
        let pem = files::read(certificate_path)?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| damaged(certificate_path, "holds no certificate"))?;
        let key = read_key(key_path).map_err(|error| damaged(key_path, &reason(error)))?;
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|_| damaged(certificate_path, "is not a certificate"))?;
        if !parsed.is_ca() {
            return Err(damaged(
                certificate_path,
                "is not the certificate of an authority",
            ));
        }
        if parsed.public_key().raw != key.subject_public_key_info() {
            return Err(damaged(key_path, "is not the key of the authority's certificate"));
        }
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| damaged(certificate_path, &error.to_string()))?;
        Ok(Self {
            certificate,
            pem,
            issuer,
        })
    }

    /// SHA-256 of the certificate (DER).
    pub fn fingerprint(&self) -> [u8; FINGERPRINT_BYTES] {
        Sha256::digest(&self.certificate).into()
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What signs certificates.
    pub fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

/// A new ECDSA P-256 key.
pub(super) fn generate_key() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

/// Reads a key of ours (PKCS#8, PEM).
pub(super) fn read_key(path: &Path) -> Result<KeyPair, Error> {
    let pem = files::read(path)?;
    KeyPair::from_pem(&pem).map_err(|error| Error::Unusable {
        file: path.to_owned(),
        reason: format!("holds no usable key: {error}"),
    })
}

fn reason(error: Error) -> String {
    match error {
        Error::Unusable { reason, .. } => reason,
        Error::Io { action, reason, .. } => format!("cannot {action}: {reason}"),
        other => other.to_string(),
    }
}

/// A subject or issuer of a common name only.
pub(super) fn common_name(name: String) -> rcgen::DistinguishedName {
    let mut distinguished = rcgen::DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// Valid from a little before `now` until `life` after.
pub(super) fn validity(params: &mut CertificateParams, now: SystemTime, life: Duration) {
    debug_assert!(life > DAY, "certificates live for days");
    params.not_before = OffsetDateTime::from(now - BACKDATED);
    params.not_after = OffsetDateTime::from(now + life);
}

/// 127 random bits: rcgen's own serial number would repeat with the key, and one issuer may not repeat a number.
pub(super) fn serial_number() -> Result<SerialNumber, Error> {
    let mut bytes = random::<16>()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(Error::Randomness)?;
    Ok(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
