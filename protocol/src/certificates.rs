//! Client certificates: what an agent asks for, what it gets, and what the console is told.
//!
//! A certificate says that its key belongs to one system of one organization, so that TLS itself can tell, and a proxy in
//! front of the server. It is for the registered identity key, so it is worth nothing to anyone who does not hold that.

use crate::ids::{Organization, SystemId, UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Path of the certificate request.
pub const CERTIFICATE_PATH: &str = "/agent/v1/certificate";

/// What a certificate's alternative name begins with.
const URN: &str = "urn:openscm:organization:";

/// `POST /agent/v1/certificate`: has no members yet. The key is the one that signs the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateRequest {}

/// Reply to a certificate request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateReply {
    /// The certificate, in PEM; its issuer is the server's private authority, and nothing stands between them.
    pub certificate: String,
    /// Its serial number, 32 hexadecimal digits.
    pub serial: String,
    /// Begin of its validity.
    pub not_before_ms: UnixMillis,
    /// End of its validity.
    pub not_after_ms: UnixMillis,
    /// When to ask for the next one, by the server's clock: after two thirds of its life.
    pub renew_after_ms: UnixMillis,
    /// The server's clock.
    pub server_time_ms: UnixMillis,
}

/// How a system's newest certificate stands, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CertificateStatus {
    /// In order.
    Valid,
    /// Its agent should have asked for the next one by now.
    RenewalDue,
    /// Its time is over.
    Expired,
    /// Withdrawn.
    Revoked,
}

impl CertificateStatus {
    /// The word for people.
    pub fn words(self) -> &'static str {
        match self {
            CertificateStatus::Valid => "valid",
            CertificateStatus::RenewalDue => "renewal due",
            CertificateStatus::Expired => "expired",
            CertificateStatus::Revoked => "revoked",
        }
    }
}

/// A system's newest certificate, as the console shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemCertificate {
    /// Its serial number, 32 hexadecimal digits.
    pub serial: String,
    /// Begin of its validity.
    pub not_before_ms: UnixMillis,
    /// End of its validity.
    pub not_after_ms: UnixMillis,
    /// When its agent asks for the next one.
    pub renew_after_ms: UnixMillis,
    /// How it stands.
    pub status: CertificateStatus,
    /// When it was revoked, if it was.
    pub revoked_ms: Option<UnixMillis>,
}

/// The alternative name (a URI) of a system's certificates: `urn:openscm:organization:<organization>:system:<id>`.
pub fn system_urn(organization: &Organization, id: SystemId) -> String {
    format!("{URN}{organization}:system:{id}")
}

/// Organization and system that an alternative name says; none for any other text.
pub fn parse_system_urn(urn: &str) -> Option<(Organization, SystemId)> {
    let (organization, id) = urn.strip_prefix(URN)?.split_once(":system:")?;
    let number: i64 = id.parse().ok().filter(|number| *number > 0)?;
    // Only what we would write ourselves: no sign, no leading zero.
    (number.to_string() == id).then_some(())?;
    Some((organization.parse().ok()?, SystemId(number)))
}

/// Two thirds between `issued` and `not_after`.
pub fn renew_after(issued: UnixMillis, not_after: UnixMillis) -> UnixMillis {
    issued.plus(not_after.since(issued) / 3 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_one_system_of_one_organization() {
        let organization: Organization = "site-7".parse().unwrap();
        let urn = system_urn(&organization, SystemId(42));
        assert_eq!(urn, "urn:openscm:organization:site-7:system:42");
        assert_eq!(parse_system_urn(&urn), Some((organization, SystemId(42))));
        for other in [
            "",
            "urn:openscm:organization:site-7:system:",
            "urn:openscm:organization:site-7:system:0",
            "urn:openscm:organization:site-7:system:-4",
            "urn:openscm:organization:site-7:system:042",
            "urn:openscm:organization:site-7:system:+42",
            "urn:openscm:organization:Site:system:42",
            "urn:openscm:organization::system:42",
            "urn:other:organization:site-7:system:42",
        ] {
            assert_eq!(parse_system_urn(other), None, "{other}");
        }
    }

    #[test]
    fn two_thirds_of_a_life() {
        assert_eq!(renew_after(UnixMillis(100), UnixMillis(400)), UnixMillis(300));
    }
}
