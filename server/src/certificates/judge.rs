//! Whether a request came with the certificate that it should have come with: pure functions over values.

use crate::pki::Presented;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::refusal::RefusalCode;

/// What a request showed, as far as that can be said without its system's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// No certificate.
    Nothing,
    /// The serial number of a certificate of this system and this key, within its time.
    Certificate(String),
    /// One that will not do.
    Faulty(Fault),
}

/// What a request showed, and whether that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// What it showed.
    pub shown: Shown,
    /// Whether its organization requires a certificate of whom one was issued to.
    pub required: bool,
}

/// The certificates of a system that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Issued {
    /// Serial number of the newest.
    pub newest: Option<String>,
    /// Serial number of the one that its agent held when the newest was issued.
    pub previous: Option<String>,
    /// End of the newest one's validity.
    pub not_after: Option<UnixMillis>,
}

/// Why a request is refused for its certificate, or for having none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None was shown, and one was issued.
    Missing,
    /// Not by our authority, or not a client's.
    Unacceptable(&'static str),
    /// It names another system.
    OtherSystem,
    /// It is for another key than the one that signed the request.
    OtherKey,
    /// It is not valid yet.
    NotYet,
    /// Its time is over.
    Expired,
    /// It was withdrawn, or newer ones took its place.
    Withdrawn,
}

impl Fault {
    /// The refusal's code.
    pub fn code(self) -> RefusalCode {
        match self {
            Fault::Missing => RefusalCode::CertificateRequired,
            _ => RefusalCode::CertificateInvalid,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Fault::Missing => {
                "a client certificate was issued to this system and is required; ask for another where it is lost"
            }
            Fault::Unacceptable(reason) => reason,
            Fault::OtherSystem => "the client certificate names another system",
            Fault::OtherKey => "the client certificate is for another key",
            Fault::NotYet => "the client certificate is not valid yet",
            Fault::Expired => "the client certificate has expired",
            Fault::Withdrawn => "the client certificate was withdrawn",
        }
    }
}

/// What a request of `system`, signed by `key`, shows.
pub fn shown(
    presented: &Presented,
    organization: &Organization,
    system: SystemId,
    key: &PublicKey,
    now: UnixMillis,
) -> Shown {
    let certificate = match presented {
        Presented::Nothing => return Shown::Nothing,
        Presented::Unacceptable(reason) => return Shown::Faulty(Fault::Unacceptable(reason)),
        Presented::Certificate(certificate) => certificate,
    };
    let fault = if certificate.organization != *organization || certificate.system != system {
        Fault::OtherSystem
    } else if certificate.key != *key {
        Fault::OtherKey
    } else if now < certificate.not_before {
        Fault::NotYet
    } else if now >= certificate.not_after {
        Fault::Expired
    } else {
        return Shown::Certificate(certificate.serial.clone());
    };
    Shown::Faulty(fault)
}

/// What is wrong with a certificate that comes with a registration, which names no system yet.
pub fn strange(presented: &Presented, now: UnixMillis) -> Option<Fault> {
    match presented {
        Presented::Nothing => None,
        Presented::Unacceptable(reason) => Some(Fault::Unacceptable(reason)),
        Presented::Certificate(certificate) => (now >= certificate.not_after).then_some(Fault::Expired),
    }
}

/// Whether what was shown will do for a system with these certificates.
///
/// # Errors
/// Why not.
pub fn judge(credential: &Credential, issued: &Issued, now: UnixMillis) -> Result<(), Fault> {
    match &credential.shown {
        Shown::Certificate(serial) => {
            let counts = [&issued.newest, &issued.previous];
            if counts.into_iter().flatten().any(|counted| counted == serial) {
                Ok(())
            } else {
                Err(Fault::Withdrawn)
            }
        }
        Shown::Faulty(fault) => Err(*fault),
        // An expired one that nobody renewed locks nobody out: it is as if none had been issued.
        Shown::Nothing if credential.required && issued.not_after.is_some_and(|end| now < end) => {
            Err(Fault::Missing)
        }
        Shown::Nothing => Ok(()),
    }
}
