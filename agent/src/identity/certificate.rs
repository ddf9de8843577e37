//! The client certificate's file: what the server said of it in a few lines, then the certificate in PEM.
//!
//! Whom it is for and how long it holds stand before it, from the server's signed reply, so that nothing here has to read
//! ASN.1; programs that read PEM skip them. A certificate for another key or another id is as good as none.

use crate::wire::ClientIdentity;
use scm_protocol::certificates::CertificateReply;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use std::fmt::Write;
use std::sync::Arc;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Whom a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub organization: Organization,
    pub id: SystemId,
    pub key: PublicKey,
}

/// A client certificate that the server issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    holder: Holder,
    serial: String,
    not_after: UnixMillis,
    renew_after: UnixMillis,
    pem: String,
}

impl Certificate {
    /// What a reply to `holder` delivers.
    pub(super) fn delivered(reply: &CertificateReply, holder: Holder) -> Self {
        Certificate {
            holder,
            serial: reply.serial.clone(),
            not_after: reply.not_after_ms,
            renew_after: reply.renew_after_ms,
            pem: reply.certificate.trim().to_owned(),
        }
    }

    /// Its serial number.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// End of its validity, by the server's clock.
    pub fn not_after(&self) -> UnixMillis {
        self.not_after
    }

    /// When to ask for the next one, by the server's clock.
    pub fn renew_after(&self) -> UnixMillis {
        self.renew_after
    }

    pub(super) fn is_for(&self, holder: &Holder) -> bool {
        self.holder == *holder
    }

    /// As the TLS client takes it, with the private key in PKCS#8 DER.
    pub(super) fn with_key(&self, key_der: &[u8]) -> Option<Arc<ClientIdentity>> {
        ClientIdentity::new(&self.pem, key_der).ok().map(Arc::new)
    }

    /// The content of its file.
    pub(super) fn encode(&self) -> String {
        let mut text = String::new();
        let holder = &self.holder;
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "OpenSCM client certificate\nsystem: {}/{}\nkey: {}\nserial: {}\nnot-after-ms: {}\nrenew-after-ms: {}\n\n{}\n",
            holder.organization,
            holder.id,
            holder.key,
            self.serial,
            self.not_after.0,
            self.renew_after.0,
            self.pem
        );
        text
    }

    /// Reads the content of a file.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, pem) = std::str::from_utf8(bytes).ok()?.split_once("\n\n")?;
        let pem = pem.trim();
        let whole = pem.starts_with(BEGIN) && pem.ends_with(END);
        let member = |name: &str| {
            let of = |line: &'_ str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
            head.lines().find_map(of)
        };
        let (organization, id) = member("system").and_then(|text| {
            let (organization, id) = text.split_once('/')?;
            Some((organization.parse().ok()?, SystemId(id.parse().ok()?)))
        })?;
        let time = |name| Some(UnixMillis(member(name)?.parse().ok()?));
        let certificate = Certificate {
            holder: Holder {
                organization,
                id,
                key: member("key")?.parse().ok()?,
            },
            serial: member("serial")?,
            not_after: time("not-after-ms")?,
            renew_after: time("renew-after-ms")?,
            pem: pem.to_owned(),
        };
        whole.then_some(certificate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder() -> Holder {
        Holder {
            organization: "site-7".parse().unwrap(),
            id: SystemId(42),
            key: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap(),
        }
    }

    fn certificate() -> Certificate {
        let reply = CertificateReply {
            certificate: format!("{BEGIN}\nMII=\n{END}\n"),
            serial: "4f".repeat(16),
            not_before_ms: UnixMillis(1),
            not_after_ms: UnixMillis(300),
            renew_after_ms: UnixMillis(200),
            server_time_ms: UnixMillis(2),
        };
        Certificate::delivered(&reply, holder())
    }

    #[test]
    fn a_file_says_what_the_reply_said() {
        let certificate = certificate();
        let text = certificate.encode();
        assert_eq!(Certificate::decode(text.as_bytes()), Some(certificate.clone()));
        assert!(certificate.is_for(&holder()));
        let other = Holder {
            id: SystemId(43),
            ..holder()
        };
        assert!(!certificate.is_for(&other));
    }

    #[test]
    fn anything_else_is_no_certificate() {
        let text = certificate().encode();
        let shortened = &text[..text.len() - 10];
        let others = [
            "",
            "garbage",
            shortened,
            &text.replace("system: site-7/42", "system: 42"),
            &text.replace("not-after-ms", "not-after"),
            &text.replace("key: 1", "key: "),
        ];
        for other in others {
            assert_eq!(Certificate::decode(other.as_bytes()), None, "{other}");
        }
        assert_eq!(Certificate::decode(&[0xff; 40]), None);
    }
}
