//! Replies as they may arrive, and what they are worth under each trust.

use super::*;
use ed25519_dalek::SigningKey;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::signature::{KeyId, RequestClaims, Signer, sign_request, sign_response};

const PATH: &str = "/agent/v1/checkin";
const ACTIVE: &str = r#"{"status":"active","next_checkin_secs":30,"server_time_ms":1790000000000}"#;

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn key_of(key: &SigningKey) -> PublicKey {
    key.verifying_key().into()
}

fn request(nonce: &str) -> SentRequest {
    let claims = RequestClaims {
        keyid: KeyId {
            organization: "default".parse().unwrap(),
            signer: Signer::System(scm_protocol::ids::SystemId(42)),
        },
        created_secs: 1_790_000_000,
        nonce: nonce.to_owned(),
    };
    let body = b"{}".to_vec();
    let key = SigningKey::from_bytes(&[7; 32]);
    let fields = sign_request(&key, SentRequest::line(PATH), &body, &claims);
    SentRequest {
        pinned: None,
        path: PATH,
        fields,
        body,
    }
}

fn signed(key: &SigningKey, request: &SentRequest, status: u16, body: &str) -> RawReply {
    let organization = "default".parse().unwrap();
    let fields = sign_response(
        key,
        &organization,
        request.echo(),
        status,
        body.as_bytes(),
        1_790_000_001,
    );
    RawReply {
        status,
        content_digest: Some(fields.content_digest),
        signature_input: Some(fields.signature_input),
        signature: Some(fields.signature),
        retry_after_secs: None,
        key_chain: None,
        body: body.as_bytes().to_vec(),
    }
}

fn unsigned_reply(status: u16, body: &str) -> RawReply {
    RawReply {
        status,
        body: body.as_bytes().to_vec(),
        retry_after_secs: Some(7),
        ..RawReply::default()
    }
}

fn trusted(pinned: bool) -> Trusted {
    Trusted {
        server_key: pinned.then(|| key_of(&server())),
        server_key_pin: None,
    }
}

fn read_as(pinned: bool, request: &SentRequest, reply: RawReply) -> Answer {
    read_checkin(request, Ok(reply), &trusted(pinned))
}

fn refusal(code: RefusalCode) -> String {
    let refusal = Refusal::new(code, "x", scm_protocol::ids::UnixMillis(1_790_000_000_000));
    serde_json::to_string(&refusal).unwrap()
}

#[test]
fn a_reply_of_the_pinned_key_is_believed() {
    let request = request("1");
    let answer = read_as(true, &request, signed(&server(), &request, 200, ACTIVE));
    assert!(
        matches!(answer, Answer::CheckedIn(Evidence::Pinned(_))),
        "{answer:?}"
    );
    let body = refusal(RefusalCode::Denied);
    let answer = read_as(true, &request, signed(&server(), &request, 403, &body));
    assert!(
        matches!(answer, Answer::Refused(Evidence::Pinned(_))),
        "{answer:?}"
    );
}

#[test]
fn every_flipped_bit_is_found() {
    let request = request("1");
    let good = signed(&server(), &request, 200, ACTIVE);
    let flip = |text: &Option<String>, at: usize, bit: u8| {
        let mut bytes = text.clone().unwrap().into_bytes();
        bytes[at] ^= 1 << bit;
        String::from_utf8(bytes).ok()
    };
    let mut forged = Vec::new();
    for bit in 0..7 {
        for at in 0..good.body.len() {
            let mut body = good.body.clone();
            body[at] ^= 1 << bit;
            forged.push(RawReply { body, ..good.clone() });
        }
        for at in 0..good.content_digest.as_ref().unwrap().len() {
            let content_digest = flip(&good.content_digest, at, bit);
            forged.push(RawReply {
                content_digest,
                ..good.clone()
            });
        }
        for at in 0..good.signature_input.as_ref().unwrap().len() {
            let signature_input = flip(&good.signature_input, at, bit);
            forged.push(RawReply {
                signature_input,
                ..good.clone()
            });
        }
        for at in 0..good.signature.as_ref().unwrap().len() {
            let signature = flip(&good.signature, at, bit);
            forged.push(RawReply {
                signature,
                ..good.clone()
            });
        }
        forged.push(RawReply {
            status: 200 ^ (1 << bit),
            ..good.clone()
        });
    }
    assert!(forged.len() > 2000);
    for reply in forged {
        let answer = read_as(true, &request, reply.clone());
        // A base64 text whose last, unused bits changed still says the same bytes, which is no forgery; but the decoder
        // refuses it. Nothing gets through.
        assert!(
            matches!(answer, Answer::Untrusted { .. }),
            "{reply:?} gave {answer:?}"
        );
    }
}

#[test]
fn a_reply_to_another_request_is_dropped() {
    let (one, other) = (request("1"), request("2"));
    let answer = read_as(true, &other, signed(&server(), &one, 200, ACTIVE));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "reply_signature_wrong",
            ..
        }
    ));
}

#[test]
fn an_unsigned_success_is_an_attack_and_an_unsigned_error_a_failure() {
    let request = request("1");
    let answer = read_as(true, &request, unsigned_reply(200, ACTIVE));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "reply_unsigned",
            ..
        }
    ));
    for (status, body) in [
        (404, refusal(RefusalCode::UnknownSystem)),
        (404, "<html>".to_owned()),
        (503, String::new()),
        (401, refusal(RefusalCode::BadSignature)),
        (307, String::new()),
    ] {
        let answer = read_as(true, &request, unsigned_reply(status, &body));
        assert!(
            matches!(
                &answer,
                Answer::Failed {
                    retry_after_secs: Some(7),
                    ..
                }
            ),
            "{status}: {answer:?}"
        );
    }
}

#[test]
fn before_a_key_is_pinned_tls_has_to_do() {
    let request = request("1");
    let pending = ACTIVE.replace("active", "pending");
    for reply in [
        unsigned_reply(200, &pending),
        signed(&server(), &request, 200, &pending),
    ] {
        let answer = read_as(false, &request, reply);
        assert!(
            matches!(answer, Answer::CheckedIn(Evidence::Tls(_))),
            "{answer:?}"
        );
    }
    let answer = read_as(
        false,
        &request,
        unsigned_reply(404, &refusal(RefusalCode::UnknownSystem)),
    );
    assert!(matches!(answer, Answer::Refused(Evidence::Tls(_))));
    for (status, body) in [
        (200, "<html>"),
        (404, "<html>"),
        (307, ""),
        (200, "{}"),
        (101, ""),
    ] {
        let answer = read_as(false, &request, unsigned_reply(status, body));
        assert!(matches!(answer, Answer::Failed { .. }), "{status}: {answer:?}");
    }
}

fn introduction(key: &SigningKey) -> String {
    let member = format!("\"server_public_key\":\"{}\",\"status\"", key_of(key));
    ACTIVE.replacen("\"status\"", &member, 1)
}

#[test]
fn a_delivered_key_must_have_signed_its_own_delivery() {
    let request = request("1");
    let body = introduction(&server());
    let answer = read_as(false, &request, signed(&server(), &request, 200, &body));
    let Answer::Introduced { key, reply } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(key, key_of(&server()));
    assert_eq!(reply.get().server_public_key, Some(key));
    let stranger = SigningKey::from_bytes(&[1; 32]);
    let answer = read_as(false, &request, signed(&stranger, &request, 200, &body));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "server_key_unproven",
            ..
        }
    ));
    let answer = read_as(false, &request, unsigned_reply(200, &body));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "server_key_unproven",
            ..
        }
    ));
}

#[test]
fn a_delivered_key_must_fit_the_configured_one() {
    let request = request("1");
    let reply = signed(&server(), &request, 200, &introduction(&server()));
    let with_pin = |key: &SigningKey| Trusted {
        server_key: None,
        server_key_pin: Some(key_of(key).fingerprint()),
    };
    let answer = read_checkin(&request, Ok(reply.clone()), &with_pin(&server()));
    assert!(matches!(answer, Answer::Introduced { .. }));
    let stranger = SigningKey::from_bytes(&[1; 32]);
    let answer = read_checkin(&request, Ok(reply), &with_pin(&stranger));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "server_key_mismatch",
            ..
        }
    ));
}

#[test]
fn a_pinned_key_makes_a_delivered_one_no_introduction() {
    let request = request("1");
    let stranger = SigningKey::from_bytes(&[1; 32]);
    let answer = read_as(
        true,
        &request,
        signed(&stranger, &request, 200, &introduction(&stranger)),
    );
    assert!(matches!(answer, Answer::Untrusted { .. }));
    let answer = read_as(
        true,
        &request,
        signed(&server(), &request, 200, &introduction(&stranger)),
    );
    assert!(matches!(answer, Answer::CheckedIn(Evidence::Pinned(_))));
}

#[test]
fn a_refused_certificate_is_an_attack_and_a_dead_server_a_failure() {
    let request = request("1");
    let untrusted = Failure::Untrusted("expired".to_owned());
    let answer = read_checkin(&request, Err(untrusted), &trusted(true));
    assert!(matches!(
        answer,
        Answer::Untrusted {
            event: "certificate_refused",
            ..
        }
    ));
    let dead = Failure::Unreachable("refused".to_owned());
    let answer = read_registration(&request, Err(dead), &trusted(false));
    assert!(matches!(answer, Answer::Failed { .. }));
}
