//! Deciding and storing a registration.

use super::store::{self, Existing, NewSystem};
use crate::agent_message::{Received, check_clock, failed};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::agent::{AgentStatus, MAX_CLOCK_SKEW_SECS, RegisterReply, RegisterRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{RequestClaims, Unverified};
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Seconds after which an agent whose key is denied may ask again.
const DENIED_RETRY_SECS: u32 = 3600;

/// A registration whose signature held, ready to be stored.
#[derive(Debug)]
struct Candidate {
    organization_id: i64,
    key: PublicKey,
    request: RegisterRequest,
    nonce_digest: Vec<u8>,
    address: IpAddr,
    interval_secs: u32,
    now: UnixMillis,
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
enum Registered {
    New(SystemId),
    Known(SystemId, SystemStatus),
    Replayed,
}

/// Carries out a registration.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn register(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'_>,
    address: IpAddr,
) -> Result<RegisterReply, Refusal> {
    let now = app.clock.now();
    if !app.registration_limits.allow(address) {
        let refusal = Refusal::new(
            RefusalCode::RateLimited,
            "too many registrations, come back later",
            now,
        );
        return Err(Refusal {
            retry_after_secs: Some(30),
            ..refusal
        });
    }
    let (claims, body) = unverified.verify_registration().map_err(|error| {
        tracing::warn!(target: "security", { peer.address = %address, reason = %error }, "a forged registration was refused");
        Refusal::new(RefusalCode::BadSignature, error.to_string(), now)
    })?;
    check_clock(app, &claims, None)?;
    let candidate = candidate(app, organization, &claims, body, address)?;
    let stored = app
        .storage
        .writer
        .run(move |conn| store_candidate(conn, &candidate))
        .await;
    let registered = stored.map_err(|error| failed(&error, now))?;
    reply(app, organization, registered)
}

fn candidate(
    app: &App,
    organization: &SigningOrganization,
    claims: &RequestClaims,
    body: scm_protocol::signature::Verified<&[u8]>,
    address: IpAddr,
) -> Result<Candidate, Refusal> {
    let now = app.clock.now();
    let scm_protocol::signature::Signer::New(key) = claims.keyid.signer else {
        return Err(Refusal::new(
            RefusalCode::BadSignature,
            "keyid: must carry a key",
            now,
        ));
    };
    let request: RegisterRequest = Received { body, key, now }.parse()?.into_inner();
    if let Some((field, reason)) = field_problem(&request) {
        let refusal = Refusal::new(RefusalCode::InvalidRequest, format!("`{field}` {reason}"), now);
        return Err(Refusal {
            field: Some(field),
            ..refusal
        });
    }
    let nonce_digest = Sha256::new()
        .chain_update(key.as_bytes())
        .chain_update(claims.nonce.as_bytes())
        .finalize();
    Ok(Candidate {
        organization_id: organization.id,
        key,
        request,
        nonce_digest: nonce_digest.to_vec(),
        address,
        interval_secs: app.settings.intervals.pending_secs,
        now,
    })
}

fn field_problem(request: &RegisterRequest) -> Option<(String, String)> {
    let short = |field: &str, text: &str| {
        (text.len() > 64 || text.chars().any(char::is_control)).then(|| {
            (
                field.to_owned(),
                "must be at most 64 characters without control characters".to_owned(),
            )
        })
    };
    let token = request.enrollment_token.as_deref().unwrap_or("");
    request
        .facts
        .problem()
        .map(|(field, reason)| (format!("facts.{field}"), reason))
        .or_else(|| short("agent_version", &request.agent_version))
        .or_else(|| short("boot_id", &request.boot_id))
        .or_else(|| {
            (token.len() > 256).then(|| {
                (
                    "enrollment_token".to_owned(),
                    "must be at most 256 bytes".to_owned(),
                )
            })
        })
}

fn store_candidate(conn: &mut Conn, candidate: &Candidate) -> Result<Registered, Error> {
    // A `created` at the far edge of the future is accepted for twice the skew.
    let expires = candidate.now.plus(2 * MAX_CLOCK_SKEW_SECS * 1000 + 1000);
    if !store::remember_nonce(conn, &candidate.nonce_digest, expires)? {
        return Ok(Registered::Replayed);
    }
    if let Some(Existing { id, status }) = store::by_key(conn, candidate.organization_id, &candidate.key)? {
        return Ok(Registered::Known(id, status));
    }
    let id = store::add(conn, &new_system(candidate))?;
    let actor = Actor {
        name: format!("system:{id}"),
        address: candidate.address.to_string(),
    };
    let detail = json!({
        "hostname": candidate.request.facts.hostname,
        "fingerprint": candidate.key.fingerprint(),
        "after": "pending",
    });
    Entry {
        organization_id: candidate.organization_id,
        at: candidate.now,
        actor: &actor,
        action: "enrollment.register",
        target: &format!("system:{id}"),
        outcome: Outcome::Done,
        detail,
    }
    .write(conn)?;
    Ok(Registered::New(id))
}

fn new_system(candidate: &Candidate) -> NewSystem<'_> {
    NewSystem {
        organization_id: candidate.organization_id,
        key: &candidate.key,
        facts: &candidate.request.facts,
        agent_version: &candidate.request.agent_version,
        boot_id: &candidate.request.boot_id,
        address: candidate.address.to_string(),
        interval_secs: candidate.interval_secs,
        now: candidate.now,
    }
}

fn reply(
    app: &App,
    organization: &SigningOrganization,
    registered: Registered,
) -> Result<RegisterReply, Refusal> {
    let now = app.clock.now();
    let (id, status) = match registered {
        Registered::New(id) => {
            tracing::info!(system.id = %id, "a system registered and waits for approval");
            app.events.listed(organization.id, id);
            (id, AgentStatus::Pending)
        }
        Registered::Known(id, SystemStatus::Active) => (id, AgentStatus::Active),
        Registered::Known(id, SystemStatus::Pending) => (id, AgentStatus::Pending),
        Registered::Known(id, status @ (SystemStatus::Denied | SystemStatus::Revoked)) => {
            let (code, detail) = match status {
                SystemStatus::Denied => (RefusalCode::Denied, "this key is blocked"),
                _ => (
                    RefusalCode::Revoked,
                    "this system was revoked by an administrator",
                ),
            };
            let refusal = Refusal::new(code, detail, now);
            return Err(Refusal {
                system_id: Some(id),
                retry_after_secs: Some(DENIED_RETRY_SECS),
                ..refusal
            });
        }
        Registered::Replayed => {
            tracing::warn!(target: "security", "a replayed registration was refused");
            return Err(Refusal::new(
                RefusalCode::Replayed,
                "this registration was seen before",
                now,
            ));
        }
    };
    let intervals = app.settings.intervals;
    let next_checkin_secs = match status {
        AgentStatus::Active => intervals.active_secs,
        AgentStatus::Pending => intervals.pending_secs,
    };
    let organization = organization.name.clone();
    Ok(RegisterReply {
        system_id: id,
        organization,
        status,
        next_checkin_secs,
        server_time_ms: now,
    })
}

/// Forgets registration nonces whose clock would not be accepted any more.
///
/// # Errors
/// When the database fails.
pub async fn sweep_nonces(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| store::forget_nonces(conn, now))
        .await
}
