//! The signatures held against each other, against flipped bytes and against random text.

use super::*;
use crate::ids::{Organization, SystemId};
use ed25519_dalek::SigningKey;
use proptest::prelude::*;

const LINE: RequestLine<'static> = RequestLine {
    method: "POST",
    path: "/agent/v1/checkin",
};
const BODY: &[u8] = br#"{"boot_id":"x","agent_version":"0.1.0"}"#;

fn agent() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn server() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn claims(signer: Signer) -> RequestClaims {
    let keyid = KeyId {
        organization: Organization::default(),
        signer,
    };
    RequestClaims {
        keyid,
        created_secs: 1_790_000_000,
        nonce: "17".to_owned(),
    }
}

fn signed() -> OwnedSignatureFields {
    sign_request(&agent(), LINE, BODY, &claims(Signer::System(SystemId(42))))
}

fn verify(line: RequestLine<'_>, fields: SignatureFields<'_>, body: &[u8]) -> Result<(), SignatureError> {
    let unverified = Unverified::parse(line, fields, body)?;
    unverified.verify(&agent().verifying_key().into()).map(|_| ())
}

#[test]
fn a_request_verifies_and_tells_its_claims() {
    let fields = signed();
    let unverified = Unverified::parse(LINE, fields.as_fields(), BODY).unwrap();
    let (claims, body) = unverified.verify(&agent().verifying_key().into()).unwrap();
    assert_eq!(claims.keyid.to_string(), "default/42");
    assert_eq!(claims.sequence().unwrap(), 17);
    assert_eq!(*body.get(), BODY);
}

#[test]
fn every_flipped_bit_of_a_request_is_found() {
    let fields = signed();
    let flip = |text: &str, at: usize, bit: u8| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        String::from_utf8(bytes).ok()
    };
    for bit in 0..7 {
        for at in 0..fields.signature_input.len() {
            let Some(changed) = flip(&fields.signature_input, at, bit) else {
                continue;
            };
            let forged = SignatureFields {
                signature_input: &changed,
                ..fields.as_fields()
            };
            assert!(verify(LINE, forged, BODY).is_err(), "{changed}");
        }
        for at in 0..fields.content_digest.len() {
            let Some(changed) = flip(&fields.content_digest, at, bit) else {
                continue;
            };
            let forged = SignatureFields {
                content_digest: &changed,
                ..fields.as_fields()
            };
            assert!(verify(LINE, forged, BODY).is_err(), "{changed}");
        }
        for at in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[at] ^= 1 << bit;
            assert_eq!(
                verify(LINE, fields.as_fields(), &body),
                Err(SignatureError::Digest)
            );
        }
    }
    let other = RequestLine {
        method: "POST",
        path: "/agent/v1/register",
    };
    assert_eq!(
        verify(other, fields.as_fields(), BODY),
        Err(SignatureError::Signature)
    );
    let other = RequestLine {
        method: "PUT",
        ..LINE
    };
    assert_eq!(
        verify(other, fields.as_fields(), BODY),
        Err(SignatureError::Signature)
    );
}

#[test]
fn a_registration_proves_possession_of_the_key_it_carries() {
    let mine: crate::identity::PublicKey = agent().verifying_key().into();
    let fields = sign_request(&agent(), LINE, BODY, &claims(Signer::New(mine)));
    let unverified = Unverified::parse(LINE, fields.as_fields(), BODY).unwrap();
    assert_eq!(
        unverified.verify_registration().unwrap().0.keyid.signer,
        Signer::New(mine)
    );
    let stolen = claims(Signer::New(server().verifying_key().into()));
    let fields = sign_request(&agent(), LINE, BODY, &stolen);
    let unverified = Unverified::parse(LINE, fields.as_fields(), BODY).unwrap();
    assert_eq!(
        unverified.verify_registration().unwrap_err(),
        SignatureError::Signature
    );
}

#[test]
fn a_reply_answers_one_request_only() {
    let request = signed();
    let echo = RequestEcho {
        line: LINE,
        fields: request.as_fields(),
    };
    let body = br#"{"status":"active"}"#;
    let reply = sign_response(
        &server(),
        &Organization::default(),
        echo,
        200,
        body,
        1_790_000_001,
    );
    let key = server().verifying_key().into();
    let check = |echo, status, body| verify_response(&key, echo, status, reply.as_fields(), body).map(|_| ());
    assert_eq!(check(echo, 200, body), Ok(()));
    assert_eq!(check(echo, 404, body), Err(SignatureError::Signature));
    assert_eq!(check(echo, 200, b"{}"), Err(SignatureError::Digest));
    let mut next = claims(Signer::System(SystemId(42)));
    next.nonce = "18".to_owned();
    let other = sign_request(&agent(), LINE, BODY, &next);
    let other = RequestEcho {
        line: LINE,
        fields: other.as_fields(),
    };
    assert_eq!(check(other, 200, body), Err(SignatureError::Signature));
    // A network attacker that changes the claimed system id gets a refusal that no agent believes.
    let renamed = request.signature_input.replace("default/42", "default/43");
    let renamed = SignatureFields {
        signature_input: &renamed,
        ..request.as_fields()
    };
    assert!(
        check(
            RequestEcho {
                line: LINE,
                fields: renamed
            },
            200,
            body
        )
        .is_err()
    );
}

#[test]
fn what_is_not_one_exact_signature_is_refused() {
    let good = signed();
    let input = good.signature_input.as_str();
    let cases = [
        input.replace("\"@path\" ", ""),
        input.replace("(\"@method\"", "(\"@method\" \"@method\""),
        input.replace("\"@path\"", "\"date\""),
        input.replace("openscm-agent", "openscm-server"),
        input.replace("ed25519", "hmac-sha256"),
        input.replace(";nonce=\"17\"", ""),
        input.replace(";created=1790000000", ""),
        input.replace("created=1790000000", "created=-1"),
        input.replace("default/42", "default/042"),
        input.replace("default/42", "default/-1"),
        input.replace("default/42", "Default/42"),
        input.replace("default/42", "default/0/AAAA"),
        format!("{input};created=1"),
        format!("{input}, other=()"),
        input.replace("scm=", "SCM="),
        String::new(),
        "scm".to_owned(),
        format!("scm=({}", "x".repeat(2000)),
    ];
    for case in cases {
        let fields = SignatureFields {
            signature_input: &case,
            ..good.as_fields()
        };
        assert!(
            matches!(verify(LINE, fields, BODY), Err(SignatureError::Malformed { .. })),
            "{case}"
        );
    }
    for case in ["", "scm=::", "scm=:AAAA:", "other=:AAAA:", "scm=AAAA", "scm=:%%:"] {
        let fields = SignatureFields {
            signature: case,
            ..good.as_fields()
        };
        assert!(
            matches!(verify(LINE, fields, BODY), Err(SignatureError::Malformed { .. })),
            "{case}"
        );
    }
}

proptest! {
    #[test]
    fn random_fields_never_panic_and_never_verify(input in "\\PC{0,200}", signature in "\\PC{0,120}", tail in "[ -~]{0,80}") {
        let good = signed();
        let _ = verify(LINE, SignatureFields { signature_input: &input, ..good.as_fields() }, BODY).unwrap_err();
        let _ = verify(LINE, SignatureFields { signature: &signature, ..good.as_fields() }, BODY).unwrap_err();
        let longer = format!("{}{tail}", good.signature_input);
        let result = verify(LINE, SignatureFields { signature_input: &longer, ..good.as_fields() }, BODY);
        prop_assert!(result.is_err() || tail.trim().is_empty());
    }
}
