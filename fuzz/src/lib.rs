//! What the fuzz targets share: the written form of a signed message, two fixed keys, and the messages they signed.
//!
//! The fuzzer knows no other message of these keys, so a mutated input that verifies must still be the very message that
//! was signed: that is what the targets assert, beside that nothing panics.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use scm_protocol::agent::{AgentStatus, CHECKIN_PATH, CheckInReply};
use scm_protocol::commands::order::{Order, RUN_ACTION};
use scm_protocol::ids::{CommandId, Organization, SystemId, UnixMillis};
use scm_protocol::rotation::KeyTransition;
use scm_protocol::signature::{
    KeyId, OwnedSignatureFields, RequestClaims, RequestEcho, RequestLine, SignatureFields, Signer,
    sign_request, sign_response,
};
use scm_protocol::ssh_keys::LOGIN_NAMESPACE;
use sha2::{Digest, Sha512};

/// Status of the signed reply.
pub const STATUS: u16 = 200;
/// Body of the signed request.
pub const BODY: &[u8] = br#"{"boot_id":"x","agent_version":"0.1.0","telemetry":{"cpu_percent":3.5}}"#;
/// The request line of every message.
pub const LINE: RequestLine<'static> = RequestLine {
    method: "POST",
    path: CHECKIN_PATH,
};

/// The key of the system.
pub fn agent_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The key of the organization.
pub fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// The key that took the place of the organization's.
pub fn successor_key() -> SigningKey {
    SigningKey::from_bytes(&[11; 32])
}

/// The statement by which the organization's key vouches for its successor, with one of the successor's that leads back.
pub fn key_chain() -> String {
    let organization = Organization::default();
    let step = |old: &SigningKey, new: &SigningKey| {
        KeyTransition::sign(&organization, old, new.verifying_key().into(), 1_790_000_000)
    };
    let (first, second) = (server_key(), successor_key());
    format!("{} {}", step(&first, &second), step(&agent_key(), &first))
}

/// What the login's SSH signature is over.
pub const CHALLENGE: &[u8] = b"openscm login\nserver: fuzz\nnonce: 1\n";

/// The key that signed it, in the encoding of RFC 4253.
pub fn ssh_public_key() -> Vec<u8> {
    let key = agent_key().verifying_key().to_bytes();
    [ssh_text(b"ssh-ed25519"), ssh_text(&key)].concat()
}

/// The signature, as `ssh-keygen -Y sign` writes it (OpenSSH's PROTOCOL.sshsig).
pub fn ssh_signature() -> String {
    let what = [
        ssh_text(LOGIN_NAMESPACE.as_bytes()),
        ssh_text(b""),
        ssh_text(b"sha512"),
    ]
    .concat();
    let digest = ssh_text(&Sha512::digest(CHALLENGE));
    let signed = agent_key().sign(&[b"SSHSIG".as_slice(), &what, &digest].concat());
    let signature = [ssh_text(b"ssh-ed25519"), ssh_text(&signed.to_bytes())].concat();
    let blob = [
        b"SSHSIG\0\0\0\x01".as_slice(),
        &ssh_text(&ssh_public_key()),
        &what,
        &ssh_text(&signature),
    ]
    .concat();
    let text = STANDARD.encode(blob);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(70)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    )
}

fn ssh_text(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// The order that the organization's key signed.
pub fn order() -> Order {
    Order {
        id: CommandId(5),
        system: SystemId(42),
        kind: RUN_ACTION.to_owned(),
        body: r#"{"action":"restart","parameters":{"unit":"nginx"}}"#.to_owned(),
        issued_ms: UnixMillis(1_790_000_000_000),
        expires_ms: UnixMillis(1_790_000_060_000),
        nonce: "0123456789abcdef0123456789abcdef".to_owned(),
    }
}

/// What the signed request claims.
pub fn claims() -> RequestClaims {
    RequestClaims {
        keyid: KeyId {
            organization: Organization::default(),
            signer: Signer::System(SystemId(42)),
        },
        created_secs: 1_790_000_000,
        nonce: "17".to_owned(),
    }
}

/// The request that the agent's key signed.
pub fn request() -> OwnedSignatureFields {
    sign_request(&agent_key(), LINE, BODY, &claims())
}

/// Body of the signed reply.
pub fn reply_body() -> Vec<u8> {
    let now = UnixMillis(1_790_000_000_000);
    format!(
        r#"{{"status":"active","next_checkin_secs":60,"server_time_ms":{}}}"#,
        now.0
    )
    .into_bytes()
}

/// What the signed reply says.
pub fn is_the_reply(reply: &CheckInReply) -> bool {
    reply.status == AgentStatus::Active && reply.next_checkin_secs == 60 && reply.server_public_key.is_none()
}

/// The reply that the organization's key signed for [`request`].
pub fn reply() -> OwnedSignatureFields {
    let request = request();
    let echo = RequestEcho {
        line: LINE,
        fields: request.as_fields(),
    };
    let organization = Organization::default();
    sign_response(
        &server_key(),
        &organization,
        echo,
        STATUS,
        &reply_body(),
        1_790_000_000,
    )
}

/// Three header fields, a line each, and a body.
#[derive(Debug)]
pub struct Message<'a> {
    /// The signature's fields.
    pub fields: SignatureFields<'a>,
    /// The body.
    pub body: &'a [u8],
}

impl<'a> Message<'a> {
    /// Takes an input apart; none when it is no such message.
    pub fn read(input: &'a [u8]) -> Option<Self> {
        let mut parts = input.splitn(4, |byte| *byte == b'\n');
        let mut line = || std::str::from_utf8(parts.next()?).ok();
        let fields = SignatureFields {
            content_digest: line()?,
            signature_input: line()?,
            signature: line()?,
        };
        let body = parts.next()?;
        Some(Message { fields, body })
    }
}

/// The written form of a message.
pub fn write(fields: &OwnedSignatureFields, body: &[u8]) -> Vec<u8> {
    let mut written = format!(
        "{}\n{}\n{}\n",
        fields.content_digest, fields.signature_input, fields.signature
    )
    .into_bytes();
    written.extend(body);
    written
}
