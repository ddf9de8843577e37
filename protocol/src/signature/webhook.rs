//! Posts to webhooks: `("@method" "@target-uri" "content-digest")` with `created`, `keyid`, `alg` and `tag`. The `keyid` is
//! the organization's public key itself, which the receiver compares with the one that it knows.

use super::{OwnedSignatureFields, content_digest};
use crate::identity::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};

/// `tag` of these signatures.
pub const WEBHOOK_TAG: &str = "openscm-audit";

/// Signs a post; `target_uri` is the URL as configured.
pub fn sign_webhook(
    key: &SigningKey,
    method: &str,
    target_uri: &str,
    body: &[u8],
    created_secs: i64,
) -> OwnedSignatureFields {
    let content_digest = content_digest(body);
    let public: PublicKey = key.verifying_key().into();
    let params = format!(
        "(\"@method\" \"@target-uri\" \"content-digest\");created={created_secs};keyid=\"{public}\";alg=\"ed25519\";tag=\"{WEBHOOK_TAG}\""
    );
    let base = format!(
        "\"@method\": {method}\n\"@target-uri\": {target_uri}\n\"content-digest\": {content_digest}\n\"@signature-params\": {params}"
    );
    let signature = STANDARD.encode(key.sign(base.as_bytes()).to_bytes());
    OwnedSignatureFields {
        content_digest,
        signature_input: format!("scm={params}"),
        signature: format!("scm=:{signature}:"),
    }
}
