//! A system's key is replaced under its id: offered by the old key, wanted by the new one, done in one transaction.
//!
//! Invariants: from the commit on only the new key speaks for the system; who is kept out or cut off rotates nothing; a
//! lost reply costs nothing, because the agent finds out which of its two keys is accepted.

use super::conflict_service;
use super::conflict_store;
use super::decide::{Arrived, Intervals, Known, Outcome, decide};
use super::request::{Verification, authenticate};
use super::rotate_store;
use crate::agent_message::failed;
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome as Ended};
use crate::certificates::{self, Credential, Reason, Withdrawal};
use crate::error::Error;
use crate::pki::Presented;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::agent::CheckIn;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::rotation::{RotateReply, RotateRequest, RotationOffer};
use scm_protocol::signature::Unverified;
use scm_protocol::systems::SystemStatus;
use serde_json::json;
use std::net::IpAddr;

/// A rotation whose signature and proof held.
#[derive(Clone)]
struct Offer {
    organization_id: i64,
    arrived: Arrived,
    new: PublicKey,
    server_key: PublicKey,
    intervals: Intervals,
    now: UnixMillis,
}

/// Carries out a rotation.
///
/// # Errors
/// A typed refusal; the key is as before.
pub(super) async fn rotate(
    app: &App,
    organization: &SigningOrganization,
    unverified: Unverified<'_>,
    (presented, peer): (&Presented, IpAddr),
) -> Result<RotateReply, Refusal> {
    let now = app.clock.now();
    let mark = unverified.mark();
    let asked = authenticate(app, organization, unverified, Verification::Alone).await?;
    let (id, old) = (asked.id, asked.body.key);
    let request = asked.body.parse::<RotateRequest>()?.into_inner();
    let invalid = |field: &str, reason: &str| Refusal {
        system_id: Some(id),
        field: Some(field.to_owned()),
        ..Refusal::new(RefusalCode::InvalidRequest, format!("`{field}` {reason}"), now)
    };
    let offer = RotationOffer {
        organization: &organization.name,
        system: id,
        old: &old,
        new: &request.new_public_key,
        created_secs: asked.created_secs,
    };
    if request.new_public_key == old {
        return Err(invalid("new_public_key", "is the key that the system has"));
    }
    if !offer.is_proven(&request.proof) {
        return Err(invalid(
            "proof",
            "is not the new key's signature over this rotation",
        ));
    }
    let new = request.new_public_key;
    let checkin = CheckIn {
        boot_id: request.boot_id,
        previous_boot_id: request.previous_boot_id,
        ..CheckIn::default()
    };
    let offer = Offer {
        organization_id: organization.id,
        arrived: Arrived {
            id,
            verified_with: old,
            sequence: asked.sequence,
            mark,
            created_secs: asked.created_secs,
            checkin,
            address: peer.to_string(),
            credential: Credential {
                shown: certificates::shown(presented, &organization.name, id, &old, now),
                required: certificates::required(app, organization.id),
            },
        },
        new,
        server_key: organization.public_key,
        intervals: app.settings.intervals,
        now,
    };
    let stored = app.storage.writer.run(move |conn| store(conn, &offer)).await;
    stored.map_err(|error| failed(&error, now))??;
    app.keys.forget(id);
    app.revocations.changed();
    app.events.listed(organization.id, id);
    // Only a machine with the former key can be waiting.
    app.wake(&[id]);
    Ok(RotateReply {
        system_id: id,
        public_key: new,
        server_time_ms: now,
    })
}

/// Decides as for a check-in and replaces the key; inside, the refusal.
fn store(conn: &mut Conn, offer: &Offer) -> Result<Result<(), Refusal>, Error> {
    let (arrived, now) = (&offer.arrived, offer.now);
    let id = arrived.id;
    let known = rotate_store::load(conn, id)?;
    let target = (offer.organization_id, id);
    match decide(known.as_ref(), arrived, &offer.server_key, offer.intervals, now) {
        Outcome::Refused(refusal) => Ok(Err(*refusal)),
        Outcome::Quarantined(quarantine) => {
            if let Some(boots) = &quarantine.boots {
                conflict_store::set_boots(conn, id, boots)?;
            }
            conflict_service::note(conn, target, &quarantine.conflict, now)?;
            Ok(Err(quarantine.refusal))
        }
        Outcome::Accepted(accepted) => {
            if let Some(refusal) = obstacle(conn, offer, &accepted.after)? {
                return Ok(Err(refusal));
            }
            if let Some(conflict) = &accepted.conflict {
                conflict_service::note(conn, target, conflict, now)?;
            }
            rotate_store::replace(conn, &accepted.after, &offer.new, now)?;
            record(conn, offer)?;
            Ok(Ok(()))
        }
    }
}

fn obstacle(conn: &mut Conn, offer: &Offer, after: &Known) -> Result<Option<Refusal>, Error> {
    let refuse = |detail: &str| Refusal {
        system_id: Some(after.id),
        ..Refusal::new(RefusalCode::InvalidRequest, detail, offer.now)
    };
    if after.status != SystemStatus::Active {
        return Ok(Some(refuse("only an active system rotates its key")));
    }
    let taken = rotate_store::is_taken(conn, offer.organization_id, &offer.new)?;
    Ok(taken.then(|| refuse("`new_public_key` belongs to another system")))
}

/// Certificates are for one key: those of the former one are withdrawn.
fn record(conn: &mut Conn, offer: &Offer) -> Result<(), Error> {
    let id = offer.arrived.id;
    let actor = Actor {
        name: format!("system:{id}"),
        address: offer.arrived.address.clone(),
    };
    let withdrawal = Withdrawal {
        organization_id: offer.organization_id,
        system: id,
        reason: Reason::KeyReplaced,
        actor: &actor,
        now: offer.now,
    };
    certificates::withdraw(conn, withdrawal)?;
    Entry {
        organization_id: offer.organization_id,
        at: offer.now,
        actor: &actor,
        action: "systems.rotate",
        target: &format!("system:{id}"),
        outcome: Ended::Done,
        detail: json!({
            "before": offer.arrived.verified_with.fingerprint(),
            "after": offer.new.fingerprint(),
        }),
    }
    .write(conn)
}
