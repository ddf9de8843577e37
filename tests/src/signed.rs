//! Signed requests as bytes on the wire, and the check of what comes back.

use crate::http::{Endpoint, Reply};
use anyhow::{Context, Result, bail};
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{CHECKIN_PATH, REGISTER_PATH};
use scm_protocol::certificates::CERTIFICATE_PATH;
use scm_protocol::commands::report::{RESULTS_PATH, ResultsRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId};
use scm_protocol::refusal::Refusal;
use scm_protocol::signature::{
    KeyId, OwnedSignatureFields, RequestClaims, RequestEcho, RequestLine, SignatureFields, Signer,
    sign_request, verify_response,
};
use scm_protocol::upgrades::progress::{PACKAGES_PATH, PackagePartRequest};
use serde::de::DeserializeOwned;

/// A key pair that nobody had before.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn new_key() -> Result<SigningKey> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("no randomness")?;
    Ok(SigningKey::from_bytes(&seed))
}

/// A signed request, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub struct Signed {
    path: &'static str,
    fields: OwnedSignatureFields,
    body: Vec<u8>,
}

impl Signed {
    /// An "ID 0" request by `key`.
    pub fn registration(
        key: &SigningKey,
        organization: &Organization,
        created_secs: i64,
        nonce: String,
        body: Vec<u8>,
    ) -> Self {
        let signer = Signer::New(key.verifying_key().into());
        Self::new(
            REGISTER_PATH,
            key,
            organization.clone(),
            signer,
            created_secs,
            nonce,
            body,
        )
    }

    /// A check-in of `system` by `key`.
    pub fn checkin(
        key: &SigningKey,
        organization: &Organization,
        system: SystemId,
        created_secs: i64,
        sequence: u64,
        body: Vec<u8>,
    ) -> Self {
        let signer = Signer::System(system);
        let nonce = sequence.to_string();
        Self::new(
            CHECKIN_PATH,
            key,
            organization.clone(),
            signer,
            created_secs,
            nonce,
            body,
        )
    }

    /// A certificate request of `system` by `key`.
    pub fn certificate(
        key: &SigningKey,
        organization: &Organization,
        system: SystemId,
        created_secs: i64,
        sequence: u64,
    ) -> Self {
        let signer = Signer::System(system);
        let (nonce, body) = (sequence.to_string(), b"{}".to_vec());
        Self::new(
            CERTIFICATE_PATH,
            key,
            organization.clone(),
            signer,
            created_secs,
            nonce,
            body,
        )
    }

    /// A report of what came of commands.
    pub fn results(
        key: &SigningKey,
        organization: &Organization,
        system: SystemId,
        created_secs: i64,
        sequence: u64,
        request: &ResultsRequest,
    ) -> Self {
        let body = serde_json::to_vec(request).unwrap_or_default();
        let signer = Signer::System(system);
        Self::new(
            RESULTS_PATH,
            key,
            organization.clone(),
            signer,
            created_secs,
            sequence.to_string(),
            body,
        )
    }

    /// A request for a part of a package.
    pub fn package_part(
        key: &SigningKey,
        organization: &Organization,
        system: SystemId,
        created_secs: i64,
        sequence: u64,
        request: &PackagePartRequest,
    ) -> Self {
        let body = serde_json::to_vec(request).unwrap_or_default();
        Self::new(
            PACKAGES_PATH,
            key,
            organization.clone(),
            Signer::System(system),
            created_secs,
            sequence.to_string(),
            body,
        )
    }

    fn new(
        path: &'static str,
        key: &SigningKey,
        organization: Organization,
        signer: Signer,
        created_secs: i64,
        nonce: String,
        body: Vec<u8>,
    ) -> Self {
        let claims = RequestClaims {
            keyid: KeyId { organization, signer },
            created_secs,
            nonce,
        };
        let line = RequestLine { method: "POST", path };
        let fields = sign_request(key, line, &body, &claims);
        Signed { path, fields, body }
    }

    /// The same request with other signature fields or another body.
    pub fn altered(&self, alter: impl FnOnce(&mut OwnedSignatureFields, &mut Vec<u8>)) -> Self {
        let mut altered = self.clone();
        alter(&mut altered.fields, &mut altered.body);
        altered
    }

    /// Its bytes on the wire.
    pub fn bytes(&self, endpoint: &Endpoint) -> Vec<u8> {
        let headers = [
            ("content-digest", self.fields.content_digest.as_str()),
            ("signature-input", &self.fields.signature_input),
            ("signature", &self.fields.signature),
        ];
        endpoint.request("POST", self.path, &headers, &self.body)
    }

    /// Whether `reply` is `key`'s signed answer to this request.
    ///
    /// # Errors
    /// Why it is not.
    pub fn verify(&self, reply: &Reply, key: &PublicKey) -> Result<()> {
        let field = |name| {
            reply
                .header(name)
                .with_context(|| format!("the reply has no {name}"))
        };
        let fields = SignatureFields {
            content_digest: field("content-digest")?,
            signature_input: field("signature-input")?,
            signature: field("signature")?,
        };
        let echo = RequestEcho {
            line: RequestLine {
                method: "POST",
                path: self.path,
            },
            fields: self.fields.as_fields(),
        };
        verify_response(key, echo, reply.status, fields, &reply.body)?;
        Ok(())
    }
}

/// What a server answered on an agent route.
#[derive(Clone, Debug)]
pub enum Answer<T> {
    /// What was asked for.
    Given(T),
    /// A typed refusal.
    Refused(Refusal),
}

/// Reads an answer. Says nothing about its signature.
///
/// # Errors
/// When it is neither of the two.
pub fn answer<T: DeserializeOwned>(reply: &Reply) -> Result<Answer<T>> {
    if reply.status == 200 {
        return Ok(Answer::Given(reply.json()?));
    }
    match reply.json() {
        Ok(refusal) => Ok(Answer::Refused(refusal)),
        Err(_) => bail!("status {} without a refusal", reply.status),
    }
}
