//! The envelope of the agent routes: reads the signature's fields, finds the organization, and signs what is answered.
//!
//! Invariants: nothing is parsed before its signature held; every reply of a known organization is signed and bound to its
//! request, but for `bad_signature`, `busy` and the like, which an attacker could ask for by the thousand and which no
//! agent acts on.

use crate::app::App;
use crate::auth;
use crate::call::Call;
use crate::error::Error;
use crate::signing::SigningOrganization;
use ed25519_dalek::{Signature, Signer};
use scm_protocol::agent::{AgentStatus, CheckInReply, MAX_BODY_BYTES, MAX_CLOCK_SKEW_SECS, RegisterReply};
use scm_protocol::certificates::CertificateReply;
use scm_protocol::commands::report::ResultsReply;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::problem::{InvalidJson, PROBLEM_JSON};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::rotation::{KEY_CHAIN_HEADER, PINNED_KEY_HEADER, RotateReply};
use scm_protocol::signature::{
    OwnedSignatureFields, RequestClaims, RequestEcho, RequestLine, SignatureFields, Unverified, Verified,
    sign_response,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use warp::http::{HeaderMap, HeaderValue, StatusCode, header};
use warp::reply::{Reply, Response};

/// Seconds after which an agent from outside the allowed networks may ask again.
const OUTSIDE_RETRY_SECS: u32 = 300;

/// A verified body with the key that it was verified with.
#[derive(Debug)]
pub struct Received<'a> {
    /// The bytes that were signed.
    pub body: Verified<&'a [u8]>,
    /// Whose signature held.
    pub key: PublicKey,
    /// When it arrived.
    pub now: UnixMillis,
}

impl Received<'_> {
    /// Parses the verified body.
    ///
    /// # Errors
    /// `invalid_request` naming the place or the member.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<Verified<T>, Refusal> {
        self.body.json().map_err(|error| {
            let refusal = Refusal::new(RefusalCode::InvalidRequest, error.to_string(), self.now);
            match error {
                InvalidJson::Syntax { .. } => Refusal {
                    status: 400,
                    ..refusal
                },
                InvalidJson::Shape { field, .. } => Refusal {
                    field: Some(field),
                    ..refusal
                },
            }
        })
    }
}

/// A request whose organization is known and whose signature's fields were read, with everything its answer is bound to.
#[derive(Debug)]
pub struct Envelope {
    /// The organization that the request is for.
    pub organization: Arc<SigningOrganization>,
    line: RequestLine<'static>,
    fields: OwnedSignatureFields,
    /// Which key of the server the agent knows, by its own word.
    pinned: Option<Fingerprint>,
}

/// Reads the envelope of a call.
///
/// # Errors
/// The unsigned reply to a request that is not signed, too large, or for an organization that does not exist.
pub async fn open<'a>(
    app: &App,
    call: &'a Call,
    path: &'static str,
) -> Result<(Envelope, Unverified<'a>), Box<Response>> {
    let now = app.clock.now();
    let line = RequestLine { method: "POST", path };
    let unsigned = |refusal: Refusal| Box::new(respond(encode(Err::<(), _>(refusal)), None));
    let (fields, unverified) = read(call, line, now).map_err(unsigned)?;
    let name = &unverified.claims().keyid.organization;
    let found = app
        .organizations
        .find(&app.storage, &app.master, name)
        .await
        .map_err(|error| unsigned(failed(&error, now)))?;
    let Some(organization) = found else {
        let detail = format!("there is no organization `{name}`");
        return Err(unsigned(Refusal::new(
            RefusalCode::UnknownOrganization,
            detail,
            now,
        )));
    };
    let settings = app.organization_settings.of(organization.id);
    if !auth::lets_in(settings.agent_networks(), call.peer) {
        let detail = format!("agents of this organization do not come from {}", call.peer);
        let refusal = Refusal::new(RefusalCode::AddressNotAllowed, detail, now);
        return Err(unsigned(Refusal {
            retry_after_secs: Some(OUTSIDE_RETRY_SECS),
            ..refusal
        }));
    }
    Ok((
        Envelope {
            organization,
            line,
            fields: fields.to_owned(),
            pinned: pinned(call),
        },
        unverified,
    ))
}

impl Envelope {
    /// Whether the sender knows a key that the organization had before, by its own word.
    pub fn names_former_key(&self) -> bool {
        let former = &self.organization.former;
        self.pinned
            .is_some_and(|pinned| former.chain_from(&pinned).is_some())
    }

    /// The reply to this request, signed unless it is one of the cheap refusals.
    pub fn answer<T: Told>(&self, result: Result<T, Refusal>, now: UnixMillis) -> Response {
        let sign = is_signed(&result);
        let waits = result.as_ref().is_ok_and(Told::waits_for_approval);
        let delivers = result.as_ref().is_ok_and(Told::delivers_key);
        self.reply(encode(result), sign, (waits, delivers), now)
    }

    /// As [`Envelope::answer`], with bytes in the place of a message; for active systems only.
    pub fn answer_bytes(&self, result: Result<Vec<u8>, Refusal>, now: UnixMillis) -> Response {
        let sign = is_signed(&result);
        let answer = match result {
            Ok(body) => Answer {
                status: 200,
                body,
                media: "application/octet-stream",
                retry_after_secs: None,
            },
            Err(refusal) => encode(Err::<(), _>(refusal)),
        };
        self.reply(answer, sign, (false, false), now)
    }

    fn reply(
        &self,
        answer: Answer,
        sign: bool,
        (waits, delivers): (bool, bool),
        now: UnixMillis,
    ) -> Response {
        let fields = sign.then(|| {
            let echo = RequestEcho {
                line: self.line,
                fields: self.fields.as_fields(),
            };
            let organization = &self.organization;
            // Whoever has not followed yet is answered with the key that it knows, while that may still sign.
            let former = self
                .pinned
                .filter(|_| !delivers)
                .and_then(|pinned| organization.former.signer(&pinned, now));
            let signer: &dyn Signer<Signature> = match former {
                Some(former) => former,
                None => &organization.replies,
            };
            sign_response(
                signer,
                &organization.name,
                echo,
                answer.status,
                &answer.body,
                now.as_secs(),
            )
        });
        let mut response = respond(answer, fields);
        // Nobody learns a key by it who does not know one of the former: fingerprints cannot be guessed. And nobody who waits
        // for approval learns one at all (H4).
        let chain = self
            .pinned
            .filter(|_| sign && !waits)
            .and_then(|pinned| self.organization.former.chain_from(&pinned));
        if let Some(value) = chain.and_then(|chain| HeaderValue::from_str(&chain).ok()) {
            response.headers_mut().insert(KEY_CHAIN_HEADER, value);
        }
        response
    }
}

/// The cheap refusals are not signed: anyone could ask for them by the thousand.
fn is_signed<T>(result: &Result<T, Refusal>) -> bool {
    use RefusalCode::{BadSignature, Busy, Internal, PendingFull, RateLimited};
    !matches!(result, Err(refusal) if matches!(refusal.code, BadSignature | Busy | Internal | PendingFull | RateLimited))
}

/// What an agent is told when its request was taken.
pub trait Told: Serialize {
    /// Whether it is told to a system that nobody has approved.
    fn waits_for_approval(&self) -> bool;

    /// Whether it delivers the present key, which then has to sign it.
    fn delivers_key(&self) -> bool {
        false
    }
}

impl Told for RegisterReply {
    fn waits_for_approval(&self) -> bool {
        self.status == AgentStatus::Pending
    }
}

impl Told for CheckInReply {
    fn waits_for_approval(&self) -> bool {
        self.status == AgentStatus::Pending
    }

    fn delivers_key(&self) -> bool {
        self.server_public_key.is_some()
    }
}

/// For active systems only.
impl Told for ResultsReply {
    fn waits_for_approval(&self) -> bool {
        false
    }
}

/// For active systems only.
impl Told for CertificateReply {
    fn waits_for_approval(&self) -> bool {
        false
    }
}

/// For active systems only.
impl Told for RotateReply {
    fn waits_for_approval(&self) -> bool {
        false
    }
}

/// Which key of the server the sender says that it knows. Unsigned: it only picks among the server's own keys.
fn pinned(call: &Call) -> Option<Fingerprint> {
    field(call, PINNED_KEY_HEADER).ok()?.parse().ok()
}

/// A reply's status, body, what that is, and `Retry-After`.
struct Answer {
    status: u16,
    body: Vec<u8>,
    media: &'static str,
    retry_after_secs: Option<u32>,
}

fn encode<T: Serialize>(result: Result<T, Refusal>) -> Answer {
    match result {
        Ok(reply) => Answer {
            status: 200,
            body: serde_json::to_vec(&reply).unwrap_or_default(),
            media: "application/json",
            retry_after_secs: None,
        },
        Err(refusal) => Answer {
            status: refusal.status,
            body: serde_json::to_vec(&refusal).unwrap_or_default(),
            media: PROBLEM_JSON,
            retry_after_secs: refusal.retry_after_secs,
        },
    }
}

fn respond(answer: Answer, fields: Option<OwnedSignatureFields>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(answer.media));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = answer.retry_after_secs {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    for (name, value) in fields.into_iter().flat_map(|fields| {
        [
            ("content-digest", fields.content_digest),
            ("signature-input", fields.signature_input),
            ("signature", fields.signature),
        ]
    }) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    let mut response = answer.body.into_response();
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

fn read<'a>(
    call: &'a Call,
    line: RequestLine<'_>,
    now: UnixMillis,
) -> Result<(SignatureFields<'a>, Unverified<'a>), Refusal> {
    let refuse = |detail: String| {
        tracing::warn!(target: "security", { peer.address = %call.peer, route = call.route, reason = %detail }, "an unsigned agent request was refused");
        Refusal::new(RefusalCode::BadSignature, detail, now)
    };
    if call.body.len() > MAX_BODY_BYTES {
        let detail = format!(
            "the body has {} bytes, at most {MAX_BODY_BYTES} are read",
            call.body.len()
        );
        return Err(Refusal {
            status: 413,
            ..Refusal::new(RefusalCode::InvalidRequest, detail, now)
        });
    }
    if !call.query.is_empty() {
        return Err(refuse("agent routes take no query".to_owned()));
    }
    let fields = SignatureFields {
        content_digest: field(call, "content-digest").map_err(refuse)?,
        signature_input: field(call, "signature-input").map_err(refuse)?,
        signature: field(call, "signature").map_err(refuse)?,
    };
    let unverified =
        Unverified::parse(line, fields, &call.body).map_err(|error| refuse(error.to_string()))?;
    Ok((fields, unverified))
}

/// The one value of a header field.
fn field<'a>(call: &'a Call, name: &str) -> Result<&'a str, String> {
    let mut values = call.headers.get_all(name).iter();
    let value = values
        .next()
        .ok_or_else(|| format!("the {name} field is missing"))?;
    if values.next().is_some() {
        return Err(format!("the {name} field is given twice"));
    }
    value
        .to_str()
        .map_err(|_| format!("the {name} field is not ASCII"))
}

/// Refuses a request that was signed too long ago or too far in the future.
///
/// # Errors
/// `stale_clock` with the server's time.
pub fn check_clock(app: &App, claims: &RequestClaims, id: Option<SystemId>) -> Result<(), Refusal> {
    let now = app.clock.now();
    let skew = claims.created_secs.saturating_sub(now.as_secs());
    if (-MAX_CLOCK_SKEW_SECS..=MAX_CLOCK_SKEW_SECS).contains(&skew) {
        return Ok(());
    }
    let detail =
        format!("`created` is {skew} s off the server's clock, at most {MAX_CLOCK_SKEW_SECS} s are accepted");
    Err(Refusal {
        system_id: id,
        ..Refusal::new(RefusalCode::StaleClock, detail, now)
    })
}

/// The refusal for an error of ours.
pub fn failed(error: &Error, now: UnixMillis) -> Refusal {
    match error {
        Error::Busy | Error::Unavailable(_) => {
            if let Error::Unavailable(inside) = error {
                tracing::error!(error.inside = %inside, "database not available");
            }
            let refusal = Refusal::new(
                RefusalCode::Busy,
                "the server cannot take this now, come back",
                now,
            );
            Refusal {
                retry_after_secs: Some(5),
                ..refusal
            }
        }
        other => {
            tracing::error!(error.inside = %other, "internal error");
            Refusal::new(
                RefusalCode::Internal,
                "the server failed; nothing was changed",
                now,
            )
        }
    }
}
