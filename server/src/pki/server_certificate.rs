//! The certificate that the private authority issues to the server itself: one year, for as many names as needed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SanType};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

use super::authority::{self, Authority, BACKDATED};
use super::error::Error;
use super::files;
use super::names::{MOST, Name, Names};

/// How long it is valid. With the backdating it stays under the 398 days that some clients allow.
const LIFE: Duration = Duration::from_hours(24 * 365);

/// The server's certificate: what it says, and its file.
#[derive(Debug)]
pub(super) struct ServerCertificate {
    pem: String,
    names: BTreeSet<Name>,
    not_before: SystemTime,
    not_after: SystemTime,
}

impl ServerCertificate {
    /// Issues a certificate for `key` and `names`.
    pub(super) fn issue(
        authority: &Authority,
        key: &KeyPair,
        names: &BTreeSet<Name>,
        now: SystemTime,
    ) -> Result<Self, Error> {
        let mut params = CertificateParams::default();
        params.distinguished_name = authority::common_name("OpenSCM server".to_owned());
        params.subject_alt_names = names.iter().map(alternative_name).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(authority::serial_number()?);
        authority::validity(&mut params, now, LIFE);
        let certificate = params.signed_by(key, authority.issuer())?;
        Ok(Self {
            pem: format!("{}{}", certificate.pem(), authority.pem()),
            names: names.clone(),
            not_before: now - BACKDATED,
            not_after: now + LIFE,
        })
    }

    /// Reads the certificate in place.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let unusable = |reason: &str| Error::Unusable {
            file: path.to_owned(),
            reason: format!("{reason}; {ADVICE}"),
        };
        let pem = files::read(path)?;
        let der =
            CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable("holds no certificate"))?;
        let (_, parsed) =
            x509_parser::parse_x509_certificate(&der).map_err(|_| unusable("is not a certificate"))?;
        let validity = parsed.validity();
        let (not_before, not_after) = (
            time(validity.not_before.timestamp()),
            time(validity.not_after.timestamp()),
        );
        let names = names_in(&parsed).ok_or_else(|| unusable("names nothing that can be read"))?;
        Ok(Self {
            names,
            not_before,
            not_after,
            pem,
        })
    }

    /// Why it should be issued again, if it should.
    pub(super) fn renewal_due(&self, names: &Names, now: SystemTime) -> Option<&'static str> {
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        let left = self.not_after.duration_since(now).unwrap_or_default();
        if left < life / 3 {
            Some("less than a third of its life is left")
        } else if names.all().is_subset(&self.names) {
            None
        } else {
            Some("it does not cover all names")
        }
    }

    /// The names for its successor: all that it has, and those asked for.
    pub(super) fn names_with(&self, names: &Names) -> BTreeSet<Name> {
        let asked = names.all();
        let union: BTreeSet<Name> = self.names.union(&asked).cloned().collect();
        if union.len() <= MOST {
            return union;
        }
        let gone = |name: &Name| matches!(name, Name::Address(_)) && !asked.contains(name);
        let (dropped, kept): (BTreeSet<Name>, BTreeSet<Name>) = union.into_iter().partition(gone);
        tracing::warn!(names = %in_words(&dropped), "dropped addresses that the machine no longer has");
        kept
    }

    /// The chain in PEM: this certificate, then the authority's.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// The names, for a log.
    pub(super) fn names_in_words(&self) -> String {
        in_words(&self.names)
    }
}

/// What to do about a server certificate that cannot be read.
const ADVICE: &str = "remove it and its key, and both are made anew by the same authority";

fn in_words(names: &BTreeSet<Name>) -> String {
    names.iter().map(Name::to_string).collect::<Vec<_>>().join(", ")
}

fn alternative_name(name: &Name) -> Result<SanType, Error> {
    Ok(match name {
        Name::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
        Name::Address(address) => SanType::IpAddress(*address),
    })
}

fn names_in(certificate: &X509Certificate<'_>) -> Option<BTreeSet<Name>> {
    let extension = certificate.subject_alternative_name().ok()?;
    let Some(extension) = extension else {
        return Some(BTreeSet::new());
    };
    extension.value.general_names.iter().map(name_in).collect()
}

fn name_in(name: &GeneralName<'_>) -> Option<Name> {
    match name {
        GeneralName::DNSName(name) => Some(Name::Dns((*name).to_owned())),
        GeneralName::IPAddress(octets) => {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            address.ok().map(Name::Address)
        }
        _ => None,
    }
}

fn time(unix_secs: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_secs.try_into().unwrap_or(0))
}
