//! The list of revoked client certificates (CRL, RFC 5280 §5), signed by the authority.

use rcgen::{
    CertificateRevocationListParams, KeyIdMethod, RevocationReason, RevokedCertParams, SerialNumber,
};
use scm_protocol::ids::UnixMillis;

use super::authority::Authority;
use super::client::date;
use super::error::Error;

/// How long a list may be used, in milliseconds: a proxy whose copy is older refuses every certificate.
const USABLE_MS: i64 = 7 * 24 * 3_600_000;

/// Why a certificate was revoked, as the list says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The system may not speak any more.
    Withdrawn,
    /// The system is gone.
    Ceased,
    /// Another key took its place.
    Superseded,
}

/// A revoked certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number in hexadecimal digits.
    pub serial: String,
    /// When it was revoked.
    pub at: UnixMillis,
    /// Why.
    pub why: Why,
}

/// A signed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// In PEM.
    pub pem: String,
    /// In DER.
    pub der: Vec<u8>,
    /// When it was made; also its number, so that numbers rise.
    pub number: UnixMillis,
}

/// Makes a list. `number` must be above that of every list before.
pub(super) fn list(
    authority: &Authority,
    revoked: &[Revoked],
    number: UnixMillis,
) -> Result<RevocationList, Error> {
    let params = CertificateRevocationListParams {
        this_update: date(number)?,
        next_update: date(number.plus(USABLE_MS))?,
        crl_number: SerialNumber::from(number.0.unsigned_abs()),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect::<Result<_, _>>()?,
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = params.signed_by(authority.issuer())?;
    Ok(RevocationList {
        pem: list.pem()?,
        der: list.der().to_vec(),
        number,
    })
}

fn entry(revoked: &Revoked) -> Result<RevokedCertParams, Error> {
    let damaged = || Error::Issue(format!("`{}` is not a serial number", revoked.serial));
    let digits = revoked.serial.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect();
    Ok(RevokedCertParams {
        serial_number: SerialNumber::from_slice(
            &bytes.filter(|bytes| !bytes.is_empty()).ok_or_else(damaged)?,
        ),
        revocation_time: date(revoked.at)?,
        reason_code: Some(match revoked.why {
            Why::Withdrawn => RevocationReason::PrivilegeWithdrawn,
            Why::Ceased => RevocationReason::CessationOfOperation,
            Why::Superseded => RevocationReason::Superseded,
        }),
        invalidity_date: None,
    })
}
