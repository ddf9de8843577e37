//! Requests: `("@method" "@path" "content-digest")` with `created`, `nonce`, `keyid`, `alg` and `tag`.

use super::fields::SignatureInput;
use super::{
    AGENT_TAG, KeyId, OwnedSignatureFields, RequestLine, SignatureError, SignatureFields, Signer, Verified,
    content_digest, digest,
};
use crate::identity::PublicKey;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as SignsWith};

const COMPONENTS: [&str; 3] = ["\"@method\"", "\"@path\"", "\"content-digest\""];

/// What a request claims of itself; true only once verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestClaims {
    /// Organization and signer.
    pub keyid: KeyId,
    /// When it was signed by the signer's clock, in seconds since the epoch.
    pub created_secs: i64,
    /// For a system: its sequence number in decimal, which rises with each request. For a registration: random text.
    pub nonce: String,
}

impl RequestClaims {
    /// The sequence number: a nonce of 1 to 18 digits without leading zero.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] when the nonce is something else.
    pub fn sequence(&self) -> Result<u64, SignatureError> {
        let canonical = self.nonce.len() <= 18
            && !self.nonce.starts_with('0')
            && self.nonce.bytes().all(|b| b.is_ascii_digit());
        let number = self.nonce.parse().ok().filter(|_| canonical);
        number
            .ok_or_else(|| SignatureError::malformed("nonce", "must be a sequence number of 1 to 18 digits"))
    }
}

/// Signs a request.
pub fn sign_request(
    key: &dyn SignsWith<Signature>,
    line: RequestLine<'_>,
    body: &[u8],
    claims: &RequestClaims,
) -> OwnedSignatureFields {
    let content_digest = content_digest(body);
    let params = format!(
        "({});created={};nonce=\"{}\";keyid=\"{}\";alg=\"ed25519\";tag=\"{AGENT_TAG}\"",
        COMPONENTS.join(" "),
        claims.created_secs,
        claims.nonce,
        claims.keyid,
    );
    let base = base(&COMPONENTS, line, &content_digest, &params);
    let signature = STANDARD.encode(key.sign(base.as_bytes()).to_bytes());
    OwnedSignatureFields {
        content_digest,
        signature_input: format!("scm={params}"),
        signature: format!("scm=:{signature}:"),
    }
}

fn base(components: &[&str], line: RequestLine<'_>, content_digest: &str, params: &str) -> String {
    let mut base = String::with_capacity(params.len() + content_digest.len() + line.path.len() + 96);
    for component in components {
        let value = match *component {
            "\"@method\"" => line.method,
            "\"@path\"" => line.path,
            _ => content_digest,
        };
        base.extend([component, ": ", value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", params]);
    base
}

/// A received request whose claims may be read to find the key, and whose body may not be parsed yet.
#[derive(Debug)]
pub struct Unverified<'a> {
    pub(super) claims: RequestClaims,
    pub(super) base: String,
    pub(super) signature: Signature,
    pub(super) content_digest: &'a str,
    pub(super) body: &'a [u8],
}

/// What a request claims, and its body, after its signature held.
pub type VerifiedRequest<'a> = (RequestClaims, Verified<&'a [u8]>);

impl<'a> Unverified<'a> {
    /// Reads the signature's fields.
    ///
    /// # Errors
    /// [`SignatureError::Malformed`] for anything but one signature over exactly the components above.
    pub fn parse(
        line: RequestLine<'_>,
        fields: SignatureFields<'a>,
        body: &'a [u8],
    ) -> Result<Self, SignatureError> {
        let input = SignatureInput::parse(&fields)?;
        input.expect(&COMPONENTS, AGENT_TAG)?;
        let nonce = input.text("nonce")?;
        if nonce.is_empty() || nonce.len() > 64 {
            return Err(SignatureError::malformed("nonce", "must be 1 to 64 characters"));
        }
        let claims = RequestClaims {
            keyid: KeyId::parse(input.text("keyid")?)?,
            created_secs: input.integer("created")?,
            nonce: nonce.to_owned(),
        };
        let base = base(&input.components, line, fields.content_digest, input.params_text);
        let signature = Signature::from_bytes(&input.signature);
        Ok(Unverified {
            claims,
            base,
            signature,
            content_digest: fields.content_digest,
            body,
        })
    }

    /// What the request claims, to find its key by.
    pub fn claims(&self) -> &RequestClaims {
        &self.claims
    }

    /// First eight bytes of the signature: the same for a request that is sent again, others for any other request.
    pub fn mark(&self) -> i64 {
        let mut mark = [0; 8];
        mark.copy_from_slice(&self.signature.to_bytes()[..8]);
        i64::from_be_bytes(mark)
    }

    /// Verifies digest and signature with the registered key of the claimed system.
    ///
    /// # Errors
    /// [`SignatureError::Digest`] or [`SignatureError::Signature`].
    pub fn verify(self, key: &PublicKey) -> Result<(RequestClaims, Verified<&'a [u8]>), SignatureError> {
        self.try_verify(key).map_err(|failed| failed.0)
    }

    /// As [`Unverified::verify`], and gives the request back when it does not hold: another key may be tried.
    ///
    /// # Errors
    /// The reason, with the request.
    pub fn try_verify(self, key: &PublicKey) -> Result<VerifiedRequest<'a>, Box<(SignatureError, Self)>> {
        if let Err(error) = digest::check(self.content_digest, self.body) {
            return Err(Box::new((error, self)));
        }
        let holds = key
            .verifying_key()
            .verify_strict(self.base.as_bytes(), &self.signature);
        match holds {
            Ok(()) => Ok((self.claims, Verified::new(self.body))),
            Err(_) => Err(Box::new((SignatureError::Signature, self))),
        }
    }

    /// Verifies a registration with the key that it carries.
    ///
    /// # Errors
    /// As [`Unverified::verify`], and [`SignatureError::Malformed`] when the `keyid` names a system.
    pub fn verify_registration(self) -> Result<(RequestClaims, Verified<&'a [u8]>), SignatureError> {
        match self.claims.keyid.signer {
            Signer::New(key) => self.verify(&key),
            Signer::System(_) => Err(SignatureError::malformed(
                "keyid",
                "must be `organization/0/key` for a registration",
            )),
        }
    }
}
