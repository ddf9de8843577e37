//! The worked example of `docs/protocol.md` is what the code makes of the same keys: each block that follows a
//! `<!-- example: name -->` mark, byte for byte.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use ed25519_dalek::SigningKey;
use scm_protocol::agent::{AgentStatus, CheckIn, CheckInReply, MAX_BODY_BYTES, MAX_CLOCK_SKEW_SECS};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::signature::{
    KeyId, OwnedSignatureFields, RequestClaims, RequestEcho, RequestLine, Signer, Unverified, sign_request,
    sign_response, verify_response,
};

const PAGE: &str = include_str!("../../docs/protocol.md");
const LINE: RequestLine<'static> = RequestLine {
    method: "POST",
    path: "/agent/v1/checkin",
};

/// RFC 8032 §7.1, test 1.
fn agent() -> SigningKey {
    seed("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
}

/// RFC 8032 §7.1, test 2.
fn server() -> SigningKey {
    seed("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
}

fn seed(hex: &str) -> SigningKey {
    assert!(PAGE.contains(hex), "the page does not name the key {hex}");
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
    SigningKey::from_bytes(&std::array::from_fn(byte))
}

fn block(name: &str) -> &'static str {
    let (_, rest) = PAGE
        .split_once(&format!("<!-- example: {name} -->\n```"))
        .unwrap_or_else(|| panic!("the page has no example `{name}`"));
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("\n```").unwrap().0
}

fn request() -> (Vec<u8>, OwnedSignatureFields) {
    let message = CheckIn {
        agent_version: "0.1.0".to_owned(),
        boot_id: "00112233445566778899aabbccddeeff".to_owned(),
        ..CheckIn::default()
    };
    let claims = RequestClaims {
        keyid: KeyId {
            organization: Organization::default(),
            signer: Signer::System(SystemId(42)),
        },
        created_secs: 1_790_000_000,
        nonce: "17".to_owned(),
    };
    let body = serde_json::to_vec(&message).unwrap();
    let fields = sign_request(&agent(), LINE, &body, &claims);
    (body, fields)
}

fn reply(request: &OwnedSignatureFields) -> (Vec<u8>, OwnedSignatureFields) {
    let message = CheckInReply {
        status: AgentStatus::Active,
        next_checkin_secs: 30,
        server_time_ms: UnixMillis(1_790_000_000_123),
        server_public_key: Some(server().verifying_key().into()),
        send_facts: false,
        rotate_key: false,
        send_actions: false,
        tasks: Default::default(),
    };
    let body = serde_json::to_vec(&message).unwrap();
    let echo = RequestEcho {
        line: LINE,
        fields: request.as_fields(),
    };
    let fields = sign_response(
        &server(),
        &Organization::default(),
        echo,
        200,
        &body,
        1_790_000_000,
    );
    (body, fields)
}

fn http(first: &str, fields: &OwnedSignatureFields, body: &[u8]) -> String {
    format!(
        "{first}\nContent-Type: application/json\nContent-Length: {}\nContent-Digest: {}\nSignature-Input: {}\nSignature: {}\n\n{}",
        body.len(),
        fields.content_digest,
        fields.signature_input,
        fields.signature,
        String::from_utf8_lossy(body)
    )
}

fn params(fields: &OwnedSignatureFields) -> &str {
    fields.signature_input.strip_prefix("scm=").unwrap()
}

#[test]
fn the_request_of_the_page_is_what_the_code_makes() {
    let (body, fields) = request();
    let first = "POST /agent/v1/checkin HTTP/1.1\nHost: scm.example.com:8443";
    assert_eq!(block("request"), http(first, &fields, &body));
    let base = format!(
        "\"@method\": POST\n\"@path\": /agent/v1/checkin\n\"content-digest\": {}\n\"@signature-params\": {}",
        fields.content_digest,
        params(&fields)
    );
    assert_eq!(block("request-base"), base);
    Unverified::parse(LINE, fields.as_fields(), &body)
        .unwrap()
        .verify(&agent().verifying_key().into())
        .unwrap();
}

#[test]
fn the_reply_of_the_page_is_what_the_code_makes() {
    let (_, asked) = request();
    let (body, fields) = reply(&asked);
    assert_eq!(block("reply"), http("HTTP/1.1 200 OK", &fields, &body));
    let base = format!(
        "\"@status\": 200\n\"content-digest\": {}\n\"@method\";req: POST\n\"@path\";req: /agent/v1/checkin\n\"content-digest\";req: {}\n\"signature-input\";req: {}\n\"signature\";req: {}\n\"@signature-params\": {}",
        fields.content_digest,
        asked.content_digest,
        asked.signature_input,
        asked.signature,
        params(&fields)
    );
    assert_eq!(block("reply-base"), base);
    let echo = RequestEcho {
        line: LINE,
        fields: asked.as_fields(),
    };
    verify_response(
        &server().verifying_key().into(),
        echo,
        200,
        fields.as_fields(),
        &body,
    )
    .unwrap();
}

#[test]
fn the_keys_and_words_of_the_page_belong_together() {
    let key = PublicKey::from(agent().verifying_key());
    let shown = format!(
        "public key   {key}\nfingerprint  {}\nwords        {}",
        key.fingerprint(),
        key.fingerprint().words()
    );
    assert_eq!(block("key"), shown);
    let keyid = KeyId {
        organization: Organization::default(),
        signer: Signer::New(key),
    };
    assert!(PAGE.contains(&keyid.to_string()));
}

#[test]
fn every_refusal_and_limit_is_on_the_page() {
    use RefusalCode::*;
    for code in [
        StaleClock,
        Replayed,
        UnknownSystem,
        Denied,
        Revoked,
        CertificateRequired,
        CertificateInvalid,
        BadSignature,
        RateLimited,
        UnknownOrganization,
        AddressNotAllowed,
        Busy,
        InvalidRequest,
        Internal,
    ] {
        let row = format!("| `{}` | {}", code.as_str(), code.status());
        let row = if code == InvalidRequest {
            "| `invalid_request` | 400, 413 or 422".to_owned()
        } else {
            row
        };
        assert!(PAGE.contains(&row), "no row begins with: {row}");
    }
    assert!(PAGE.contains(&format!("{MAX_BODY_BYTES} bytes")));
    assert!(PAGE.contains(&format!("{MAX_CLOCK_SKEW_SECS} seconds")));
}
