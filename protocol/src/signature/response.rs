//! Replies: status and digest, bound to the request's method, path, digest, signature parameters and signature.

use super::fields::SignatureInput;
use super::{
    OwnedSignatureFields, RequestLine, SignatureError, SignatureFields, Verified, content_digest, digest,
};
use crate::identity::PublicKey;
use crate::ids::Organization;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer};

/// `tag` of a server's signatures.
pub const SERVER_TAG: &str = "openscm-server";

const COMPONENTS: [&str; 7] = [
    "\"@status\"",
    "\"content-digest\"",
    "\"@method\";req",
    "\"@path\";req",
    "\"content-digest\";req",
    "\"signature-input\";req",
    "\"signature\";req",
];

/// The request that a reply answers, as it stood on the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestEcho<'a> {
    /// Method and path.
    pub line: RequestLine<'a>,
    /// Its signature's fields.
    pub fields: SignatureFields<'a>,
}

/// Signs a reply with the organization's key, whichever library holds it.
pub fn sign_response(
    key: &dyn Signer<Signature>,
    organization: &Organization,
    echo: RequestEcho<'_>,
    status: u16,
    body: &[u8],
    created_secs: i64,
) -> OwnedSignatureFields {
    let content_digest = content_digest(body);
    let params = format!(
        "({});created={created_secs};keyid=\"{organization}\";alg=\"ed25519\";tag=\"{SERVER_TAG}\"",
        COMPONENTS.join(" "),
    );
    let base = base(&COMPONENTS, echo, status, &content_digest, &params);
    let signature = STANDARD.encode(key.sign(base.as_bytes()).to_bytes());
    OwnedSignatureFields {
        content_digest,
        signature_input: format!("scm={params}"),
        signature: format!("scm=:{signature}:"),
    }
}

/// Verifies a reply to the request of `echo` with the pinned (or just delivered) key of the server.
///
/// # Errors
/// [`SignatureError`] when a field is malformed, the body is not the signed one, or the signature is not by `key` over
/// this reply to this request.
pub fn verify_response<'a>(
    key: &PublicKey,
    echo: RequestEcho<'_>,
    status: u16,
    fields: SignatureFields<'a>,
    body: &'a [u8],
) -> Result<Verified<&'a [u8]>, SignatureError> {
    let input = SignatureInput::parse(&fields)?;
    input.expect(&COMPONENTS, SERVER_TAG)?;
    digest::check(fields.content_digest, body)?;
    let base = base(
        &input.components,
        echo,
        status,
        fields.content_digest,
        input.params_text,
    );
    key.verifying_key()
        .verify_strict(base.as_bytes(), &Signature::from_bytes(&input.signature))
        .map_err(|_| SignatureError::Signature)?;
    Ok(Verified::new(body))
}

fn base(components: &[&str], echo: RequestEcho<'_>, status: u16, digest: &str, params: &str) -> String {
    let mut base = String::with_capacity(1024);
    let status = status.to_string();
    for component in components {
        let value = match *component {
            "\"@status\"" => &status,
            "\"content-digest\"" => digest,
            "\"@method\";req" => echo.line.method,
            "\"@path\";req" => echo.line.path,
            "\"content-digest\";req" => echo.fields.content_digest,
            "\"signature-input\";req" => echo.fields.signature_input,
            _ => echo.fields.signature,
        };
        base.extend([component, ": ", value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", params]);
    base
}
