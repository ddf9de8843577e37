//! Every answer against every situation: what may change, and what must not.

mod answers;
mod certificates;
mod refusals;

use super::*;
use ed25519_dalek::SigningKey;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{
    OwnedSignatureFields, RequestEcho, RequestLine, Verified, sign_response, verify_response,
};
use serde::de::DeserializeOwned;

const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const ID: SystemId = SystemId(42);
const CODES: [RefusalCode; 18] = [
    RefusalCode::CertificateRequired,
    RefusalCode::CertificateInvalid,
    RefusalCode::Quarantined,
    RefusalCode::SplitIdentity,
    RefusalCode::PendingFull,
    RefusalCode::StaleClock,
    RefusalCode::Replayed,
    RefusalCode::UnknownSystem,
    RefusalCode::Denied,
    RefusalCode::Revoked,
    RefusalCode::BadSignature,
    RefusalCode::RateLimited,
    RefusalCode::UnknownOrganization,
    RefusalCode::UnknownPackage,
    RefusalCode::AddressNotAllowed,
    RefusalCode::Busy,
    RefusalCode::InvalidRequest,
    RefusalCode::Internal,
];

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn server_key() -> PublicKey {
    server().verifying_key().into()
}

/// A value as it comes out of a reply that the server's key signed.
fn sealed<T: DeserializeOwned + Serialize>(value: &T) -> Verified<T> {
    let request = OwnedSignatureFields {
        content_digest: "sha-256=:AA==:".to_owned(),
        signature_input: "scm=()".to_owned(),
        signature: "scm=:AA==:".to_owned(),
    };
    let echo = RequestEcho {
        line: RequestLine {
            method: "POST",
            path: "/agent/v1/checkin",
        },
        fields: request.as_fields(),
    };
    let body = serde_json::to_vec(value).unwrap();
    let fields = sign_response(
        &server(),
        &Organization::default(),
        echo,
        200,
        &body,
        NOW.as_secs(),
    );
    let verified = verify_response(&server_key(), echo, 200, fields.as_fields(), &body).unwrap();
    verified.json().unwrap()
}

fn situation(pinned: bool, task: Task) -> Situation {
    Situation {
        organization: Organization::default(),
        task,
        trusted: Trusted {
            server_key: pinned.then(server_key),
            server_key_pin: None,
        },
        next_key: None,
        standing: match (task, pinned) {
            (Task::Register, _) => Standing::Unregistered,
            (_, true) => Standing::Active,
            (_, false) => Standing::Pending,
        },
        interval_secs: 60,
        clock_offset_ms: 0,
        failures: 0,
        with_certificate: false,
        corrected: Corrected::default(),
    }
}

fn check_in(pinned: bool) -> Situation {
    situation(pinned, Task::CheckIn(ID))
}

fn decide(situation: &Situation, answer: &Answer) -> Action {
    next(situation, answer, NOW, &mut Jitter::seeded(1))
}

fn refusal(code: RefusalCode) -> Refusal {
    let mut refusal = Refusal::new(code, "because", NOW.plus(7_200_000));
    refusal.system_id = Some(ID);
    refusal.next_sequence = Some(5000);
    refusal.boot_id = Some("ab".repeat(16));
    refusal
}

/// The refusal as the situation's trust would let it through.
fn refused(situation: &Situation, refusal: &Refusal) -> Answer {
    Answer::Refused(match situation.trusted.server_key {
        Some(_) => Evidence::Pinned(sealed(refusal)),
        None => Evidence::Tls(refusal.clone()),
    })
}

fn checkin_reply(status: AgentStatus, key: Option<PublicKey>) -> CheckInReply {
    CheckInReply {
        status,
        next_checkin_secs: 30,
        server_time_ms: NOW,
        server_public_key: key,
        send_facts: false,
        rotate_key: false,
        send_actions: false,
        tasks: Default::default(),
    }
}

fn register_reply(status: AgentStatus) -> RegisterReply {
    RegisterReply {
        system_id: ID,
        organization: Organization::default(),
        status,
        next_checkin_secs: 120,
        server_time_ms: NOW,
    }
}

fn is_security(action: &Action) -> bool {
    matches!(action.note, Note::Security { .. })
}
