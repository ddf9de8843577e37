//! A check-in from its bytes to its outcome: signature, clock, message, queue.

use super::decide::{Arrived, Outcome};
use crate::agent_message::Received;
use crate::app::App;
use crate::error::Error;
use crate::signing::SigningOrganization;
use scm_protocol::agent::{CheckIn, CheckInReply};
use scm_protocol::ids::SystemId;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{RequestClaims, Signer, Unverified, Verified};
use std::net::IpAddr;

/// Carries out a check-in.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn check_in(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'_>,
    peer: IpAddr,
) -> Result<CheckInReply, Refusal> {
    let (claims, body, id) = verify(app, organization, unverified).await?;
    crate::agent_message::check_clock(app, &claims, Some(id))?;
    let checkin: Verified<CheckIn> = body.parse()?;
    let sequence = claims
        .sequence()
        .map_err(|error| bad_signature(app, id, &error.to_string()))?;
    let Signer::System(_) = claims.keyid.signer else {
        return Err(bad_signature(app, id, "not a system's keyid"));
    };
    let arrived = Arrived {
        id,
        verified_with: body.key,
        sequence,
        created_secs: claims.created_secs,
        checkin: checkin.into_inner(),
        address: peer.to_string(),
    };
    match app.checkins.submit(arrived).await {
        Ok(Outcome::Accepted(accepted)) => Ok(accepted.reply),
        Ok(Outcome::Refused(refusal)) => {
            log_refusal(&refusal, id, peer);
            Err(*refusal)
        }
        Err(error) => Err(failed(app, &error)),
    }
}

/// Verifies with the registered key; a forgery ends here, before anything is parsed or queued.
async fn verify<'a>(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'a>,
) -> Result<(RequestClaims, Received<'a>, SystemId), Refusal> {
    let now = app.clock.now();
    let Signer::System(id) = unverified.claims().keyid.signer else {
        return Err(Refusal::new(
            RefusalCode::BadSignature,
            "keyid: must be `organization/id` for a check-in",
            now,
        ));
    };
    let known = app
        .keys
        .get(&app.storage, id)
        .await
        .map_err(|error| failed(app, &error))?;
    let Some(known) = known.filter(|known| known.organization_id == organization.id) else {
        let refusal = Refusal::new(RefusalCode::UnknownSystem, "no system has this id", now);
        return Err(Refusal {
            system_id: Some(id),
            ..refusal
        });
    };
    let (claims, body) = unverified
        .verify(&known.key)
        .map_err(|error| bad_signature(app, id, &error.to_string()))?;
    Ok((
        claims,
        Received {
            body,
            key: known.key,
            now,
        },
        id,
    ))
}

fn bad_signature(app: &App, id: SystemId, reason: &str) -> Refusal {
    tracing::warn!(target: "security", { system.id = %id, reason }, "a check-in with a bad signature was refused");
    Refusal::new(RefusalCode::BadSignature, reason, app.clock.now())
}

fn failed(app: &App, error: &Error) -> Refusal {
    crate::agent_message::failed(error, app.clock.now())
}

fn log_refusal(refusal: &Refusal, id: SystemId, peer: IpAddr) {
    if refusal.code == RefusalCode::Replayed {
        tracing::warn!(target: "security", { system.id = %id, peer.address = %peer }, "a replayed check-in was refused");
    } else {
        tracing::info!(system.id = %id, refusal.code = refusal.code.as_str(), "a check-in was refused");
    }
}
