//! A check-in from its bytes to its outcome: signature, clock, message, queue.

use super::decide::{Arrived, Outcome, reply_after_hold};
use super::hold::Place;
use super::request::{Verification, authenticate};
use super::store;

use crate::app::App;
use crate::certificates::{self, Credential};
use crate::commands;
use crate::error::Error;
use crate::pki::Presented;
use crate::signing::SigningOrganization;
use scm_protocol::agent::{CheckIn, CheckInReply};
use scm_protocol::commands::report::Tasks;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::SystemId;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{Unverified, Verified};
use scm_protocol::systems::SystemStatus;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a check-in came from.
pub(super) struct Origin<'a> {
    /// The client certificate, where one was shown.
    pub presented: &'a Presented,
    /// The address.
    pub peer: IpAddr,
    /// Whether the agent says that it knows a key that the organization had before.
    pub knows_former_key: bool,
}

/// What becomes of a check-in that was taken.
pub(super) enum Decided<'a> {
    /// There is something to tell, or nobody waits.
    Told(Box<CheckInReply>),
    /// There is nothing to tell yet.
    Waits(Box<Waiting<'a>>),
}

/// A check-in that is held, and nothing that is needed no more.
pub(super) struct Waiting<'a> {
    place: Place<'a>,
    waits: Waits,
    /// What there was to tell at first.
    reply: CheckInReply,
}

/// Carries out a check-in.
///
/// # Errors
/// A typed refusal; nothing was changed.
pub(super) async fn check_in<'a>(
    app: &'a App,
    organization: &Arc<SigningOrganization>,
    unverified: Unverified<'_>,
    origin: Origin<'_>,
) -> Result<Decided<'a>, Refusal> {
    let (presented, peer) = (origin.presented, origin.peer);
    let mark = unverified.mark();
    let asked = authenticate(app, organization, unverified, Verification::Together).await?;
    let checkin: Verified<CheckIn> = asked.body.parse()?;
    let (id, key, now) = (asked.id, asked.body.key, app.clock.now());
    let arrived = Arrived {
        id,
        verified_with: key,
        sequence: asked.sequence,
        mark,
        created_secs: asked.created_secs,
        checkin: checkin.into_inner(),
        address: peer.to_string(),
        credential: Credential {
            shown: certificates::shown(presented, &organization.name, id, &key, now),
            required: certificates::required(app, organization.id),
        },
    };
    let waits = Waits {
        verified_with: key,
        hold_secs: arrived.checkin.hold_secs,
        has_server_key: arrived.checkin.has_server_key,
    };
    // Also for one that does not wait: it takes the place of one that waits, which may be of another machine (H15).
    let place = app
        .settings
        .hold_checkins
        .then(|| app.holds.place(organization.id, id));
    // There is something to tell at once: the key that took the place of the one that the agent knows.
    let may_wait = waits.hold_secs > 0 && !(waits.has_server_key && origin.knows_former_key);
    match app.checkins.submit(arrived).await {
        Ok(Outcome::Accepted(accepted)) => {
            let mut reply = accepted.reply;
            // Only what the agent can verify: it has the key.
            if accepted.commands && waits.has_server_key {
                reply.tasks = hand_out(app, organization, id).await?;
            }
            let told = reply.server_public_key.is_some() || reply.send_actions || !reply.tasks.is_empty();
            Ok(match place {
                Some(place) if may_wait && !told => Decided::Waits(Box::new(Waiting { place, waits, reply })),
                _ => Decided::Told(Box::new(reply)),
            })
        }
        Ok(Outcome::Refused(refusal)) => {
            log_refusal(&refusal, id, peer);
            Err(*refusal)
        }
        Ok(Outcome::Quarantined(quarantine)) => {
            log_refusal(&quarantine.refusal, id, peer);
            Err(quarantine.refusal)
        }
        Err(error) => Err(failed(app, &error)),
    }
}

/// What a held reply depends on besides the system's status.
#[derive(Clone, Copy, Debug)]
struct Waits {
    verified_with: PublicKey,
    hold_secs: u32,
    has_server_key: bool,
}

impl Waiting<'_> {
    /// Waits for something to tell. `organization` is the one whose keys the reply is to be signed with: the newer ones, where
    /// they were replaced meanwhile.
    ///
    /// # Errors
    /// The refusal that the system's next check-in would get.
    pub(super) async fn told(
        self,
        app: &App,
        organization: &mut Arc<SigningOrganization>,
    ) -> Result<CheckInReply, Refusal> {
        let Waiting { place, waits, reply } = self;
        let id = place.id();
        if !place.wait(waits.hold_secs, app.stopping.clone()).await {
            return Ok(CheckInReply {
                server_time_ms: app.clock.now(),
                ..reply
            });
        }
        *organization = app.organizations.present(organization);
        Box::pin(news(app, organization, id, waits)).await
    }
}

/// What there is to tell a system that waited, by what it is now.
async fn news(
    app: &App,
    organization: &Arc<SigningOrganization>,
    id: SystemId,
    waits: Waits,
) -> Result<CheckInReply, Refusal> {
    let read = app
        .storage
        .readers
        .run(move |conn| store::standing_of(conn, id))
        .await;
    let standing = read.map_err(|error| failed(app, &error))?;
    let active = standing
        .as_ref()
        .is_some_and(|standing| standing.status == SystemStatus::Active);
    let reply = reply_after_hold(
        (id, &waits.verified_with, standing),
        waits.has_server_key,
        &organization.public_key,
        app.settings.intervals,
        app.clock.now(),
    )?;
    let tasks = if active && waits.has_server_key {
        hand_out(app, organization, id).await?
    } else {
        Tasks::default()
    };
    Ok(CheckInReply {
        tasks,
        server_time_ms: app.clock.now(),
        ..reply
    })
}

async fn hand_out(
    app: &App,
    organization: &Arc<SigningOrganization>,
    id: SystemId,
) -> Result<Tasks, Refusal> {
    let tasks = commands::hand_out(app, organization, id).await;
    tasks.map_err(|error| failed(app, &error))
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
