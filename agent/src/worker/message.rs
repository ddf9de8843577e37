//! The bodies that are sent, and their signatures.
//!
//! Invariant: the enrollment token stands in a registration's body and nowhere else.

use crate::config::Secret;
use crate::identity::{Boot, Identity};
use crate::version::VERSION;
use crate::wire::SentRequest;
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{CHECKIN_PATH, CheckIn, HostFacts, MAX_BODY_BYTES, REGISTER_PATH, RegisterRequest};
use scm_protocol::certificates::{CERTIFICATE_PATH, CertificateRequest};
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::report::{CommandName, CommandReport, RESULTS_PATH, ResultsRequest};
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::rotation::{ROTATE_PATH, RotateRequest, RotationOffer};
use scm_protocol::signature::{KeyId, RequestClaims, Signer, sign_request};
use scm_protocol::telemetry::Telemetry;
use scm_protocol::upgrades::progress::{PACKAGES_PATH, PackagePartRequest};

/// The body of a registration.
pub(super) fn registration(facts: HostFacts, boot_id: String, token: Option<&Secret>) -> Vec<u8> {
    let request = RegisterRequest {
        facts,
        agent_version: VERSION.to_owned(),
        boot_id,
        enrollment_token: token.map(|token| token.reveal().to_owned()),
    };
    json(&request)
}

/// The body of a check-in. Containers are left out from the end where they would make it larger than a server reads.
pub(super) fn check_in(
    facts: Option<HostFacts>,
    telemetry: Option<Telemetry>,
    boot: Boot,
    has_server_key: bool,
    clock_offset_ms: i64,
    (hold_secs, actions): (u32, Option<String>),
) -> Vec<u8> {
    let mut message = CheckIn {
        agent_version: VERSION.to_owned(),
        boot_id: boot.id,
        previous_boot_id: boot.previous,
        has_server_key,
        clock_offset_ms: (clock_offset_ms != 0).then_some(clock_offset_ms),
        hold_secs,
        actions,
        facts,
        telemetry,
    };
    loop {
        let body = json(&message);
        let containers = message
            .telemetry
            .as_mut()
            .and_then(|telemetry| telemetry.containers.as_mut());
        match containers {
            Some(containers) if body.len() > MAX_BODY_BYTES && !containers.is_empty() => {
                containers.truncate(containers.len() / 2);
            }
            _ => return body,
        }
    }
}

/// The body of a report of results.
pub(super) fn results(boot_id: String, catalogue: Option<Catalogue>, reports: Vec<CommandReport>) -> Vec<u8> {
    json(&ResultsRequest {
        boot_id,
        catalogue,
        reports,
    })
}

/// The body of a request for a part of a package.
pub(super) fn part(boot_id: String, command: CommandName, start: i64) -> Vec<u8> {
    json(&PackagePartRequest {
        boot_id,
        command,
        start,
    })
}

/// Structs of texts and numbers always have a JSON form.
fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

/// Signs for one identity at one moment.
pub(super) struct Sender<'a> {
    identity: &'a Identity,
    key: &'a SigningKey,
    created_secs: i64,
    pinned: Option<Fingerprint>,
}

impl<'a> Sender<'a> {
    /// `now` is the server's time, as far as known.
    pub(super) fn new(identity: &'a Identity, now: UnixMillis) -> Self {
        Sender {
            identity,
            key: identity.key(),
            created_secs: now.as_secs(),
            pinned: identity.server_key().map(|key| key.fingerprint()),
        }
    }

    /// Expects that key of the server, while none is pinned.
    pub(super) fn expecting(self, pin: Option<Fingerprint>) -> Self {
        Sender {
            pinned: self.pinned.or(pin),
            ..self
        }
    }

    /// The same with the next key.
    pub(super) fn with_key(self, key: &'a SigningKey) -> Self {
        Sender { key, ..self }
    }

    pub(super) fn register(&self, body: Vec<u8>, nonce: String) -> SentRequest {
        self.sign(
            REGISTER_PATH,
            body,
            Signer::New(self.identity.public_key()),
            nonce,
        )
    }

    /// Offers the next key, which proves that its owner wants it.
    pub(super) fn rotate(&self, id: SystemId, next: &SigningKey, boot: Boot, sequence: u64) -> SentRequest {
        let new = PublicKey::from(next.verifying_key());
        let offer = RotationOffer {
            organization: self.identity.organization(),
            system: id,
            old: &self.identity.public_key(),
            new: &new,
            created_secs: self.created_secs,
        };
        let body = json(&RotateRequest {
            new_public_key: new,
            proof: offer.prove(next),
            boot_id: boot.id,
            previous_boot_id: boot.previous,
        });
        self.sign(ROTATE_PATH, body, Signer::System(id), sequence.to_string())
    }

    pub(super) fn check_in(&self, id: SystemId, body: Vec<u8>, sequence: u64) -> SentRequest {
        self.sign(CHECKIN_PATH, body, Signer::System(id), sequence.to_string())
    }

    pub(super) fn certificate(&self, id: SystemId, sequence: u64) -> SentRequest {
        let body = json(&CertificateRequest::default());
        self.sign(CERTIFICATE_PATH, body, Signer::System(id), sequence.to_string())
    }

    pub(super) fn results(&self, id: SystemId, body: Vec<u8>, sequence: u64) -> SentRequest {
        self.sign(RESULTS_PATH, body, Signer::System(id), sequence.to_string())
    }

    pub(super) fn part(&self, id: SystemId, body: Vec<u8>, sequence: u64) -> SentRequest {
        self.sign(PACKAGES_PATH, body, Signer::System(id), sequence.to_string())
    }

    fn sign(&self, path: &'static str, body: Vec<u8>, signer: Signer, nonce: String) -> SentRequest {
        let keyid = KeyId {
            organization: self.identity.organization().clone(),
            signer,
        };
        let claims = RequestClaims {
            keyid,
            created_secs: self.created_secs,
            nonce,
        };
        let fields = sign_request(self.key, SentRequest::line(path), &body, &claims);
        SentRequest {
            path,
            fields,
            body,
            pinned: self.pinned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::telemetry::Container;

    fn boot() -> Boot {
        Boot {
            id: "b".to_owned(),
            previous: None,
        }
    }

    #[test]
    fn a_check_in_never_exceeds_what_a_server_reads() {
        let container = Container {
            runtime: "docker".to_owned(),
            name: "n".repeat(256),
            image: "i".repeat(256),
        };
        let telemetry = Telemetry {
            cpu_percent: Some(1.0),
            containers: Some(vec![container; 256]),
            ..Telemetry::default()
        };
        let body = check_in(None, Some(telemetry), boot(), true, 0, (0, None));
        assert!(body.len() <= MAX_BODY_BYTES);
        let read: CheckIn = serde_json::from_slice(&body).unwrap();
        assert_eq!(read.telemetry.unwrap().containers.unwrap().len(), 64);
    }

    #[test]
    fn the_token_is_in_the_registration_only() {
        let token = Secret::from("oscm_secret".to_owned());
        let body = registration(HostFacts::default(), "b".to_owned(), Some(&token));
        assert!(String::from_utf8(body).unwrap().contains("oscm_secret"));
        let body = check_in(Some(HostFacts::default()), None, boot(), false, 0, (0, None));
        assert!(!String::from_utf8(body).unwrap().contains("token"));
    }
}
