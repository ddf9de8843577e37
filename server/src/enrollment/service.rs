//! Deciding a registration: what is refused before anything is stored, and what the agent is told.

use super::admission::Admission;
use super::registration::{Candidate, Registered};
use super::store;
use crate::agent_message::{Received, check_clock, failed};
use crate::app::App;
use crate::auth::SecretHash;
use crate::certificates;
use crate::error::Error;
use crate::pki::Presented;
use crate::signing::SigningOrganization;
use scm_protocol::agent::{AgentStatus, RegisterReply, RegisterRequest};
use scm_protocol::ids::SystemId;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{RequestClaims, Unverified};
use scm_protocol::systems::SystemStatus;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// Seconds after which an agent whose key is denied may ask again.
const DENIED_RETRY_SECS: u32 = 3600;
/// Seconds after which an agent that may not even wait may ask again.
const FULL_RETRY_SECS: u32 = 600;

/// Carries out a registration.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn register(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'_>,
    (presented, address): (&Presented, IpAddr),
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
    if let Some(fault) = certificates::strange(presented, now) {
        return Err(Refusal::new(fault.code(), fault.words(), now));
    }
    let candidate = candidate(app, organization, &claims, body, address)?;
    let stored = app.registrations.store(candidate).await;
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
    let mut request: RegisterRequest = Received { body, key, now }.parse()?.into_inner();
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
    let token = request.enrollment_token.take();
    Ok(Candidate {
        organization_id: organization.id,
        key,
        request,
        token: token.map(|secret| SecretHash::of(&secret)),
        nonce_digest: nonce_digest.to_vec(),
        address,
        interval_secs: app.settings.intervals.pending_secs,
        pending_max: app.organization_settings.of(organization.id).pending_max(),
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

fn reply(
    app: &App,
    organization: &SigningOrganization,
    registered: Registered,
) -> Result<RegisterReply, Refusal> {
    let now = app.clock.now();
    let (id, status) = match registered {
        Registered::New(id, admission) => {
            app.events.listed(organization.id, id);
            (id, standing(id, admission.as_ref()))
        }
        Registered::Presented(id, admission) => {
            app.events.listed(organization.id, id);
            (id, standing(id, Some(&admission)))
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
        Registered::Full => {
            tracing::warn!(target: "security", organization = %organization.name, "a registration was put off: as many systems wait as `pending.max` allows");
            let detail = "as many systems wait for approval as may wait; come back later, or bring an enrollment token";
            return Err(Refusal {
                retry_after_secs: Some(FULL_RETRY_SECS),
                ..Refusal::new(RefusalCode::PendingFull, detail, now)
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

/// Where a system stands that its token approved, or not.
fn standing(id: SystemId, admission: Option<&Admission>) -> AgentStatus {
    match admission {
        Some(Admission::Accepted(_)) => {
            tracing::info!(system.id = %id, "a system registered and its enrollment token approved it");
            AgentStatus::Active
        }
        Some(refused) => {
            tracing::warn!(target: "security", { system.id = %id, token = refused.reason() }, "an enrollment token was not accepted, the system waits for approval");
            AgentStatus::Pending
        }
        None => {
            tracing::info!(system.id = %id, "a system registered and waits for approval");
            AgentStatus::Pending
        }
    }
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
