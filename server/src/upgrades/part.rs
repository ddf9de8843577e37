//! A part of a package for the system that is to become it: of its open upgrade, and of no other.

use super::follow::{News, follow};
use super::service;
use crate::agent_message::failed;
use crate::app::App;
use crate::certificates::{self, Credential, judge};
use crate::commands;
use crate::error::Error;
use crate::packages::{self, Stored};
use crate::pki::Presented;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use crate::systems;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::signature::{Unverified, Verified};
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::progress::{PackagePartRequest, UpgradeProgress, UpgradeStage};
use std::net::IpAddr;
use std::sync::Arc;

/// A request whose signature held.
#[derive(Clone)]
struct Message {
    system: SystemId,
    key: PublicKey,
    sequence: u64,
    credential: Credential,
    request: PackagePartRequest,
    now: UnixMillis,
}

/// Gives a part of a package.
///
/// # Errors
/// A typed refusal.
pub(super) async fn give(
    app: &App,
    organization: &Arc<SigningOrganization>,
    unverified: Unverified<'_>,
    (presented, peer): (&Presented, IpAddr),
) -> Result<Vec<u8>, Refusal> {
    let asked = systems::authenticate(app, organization, unverified, systems::Verification::Alone).await?;
    let request: Verified<PackagePartRequest> = asked.body.parse()?;
    let (system, key, now) = (asked.id, asked.body.key, app.clock.now());
    let message = Message {
        system,
        key,
        sequence: asked.sequence,
        credential: Credential {
            shown: certificates::shown(presented, &organization.name, system, &key, now),
            required: certificates::required(app, organization.id),
        },
        request: request.into_inner(),
        now,
    };
    let start = message.request.start;
    let found = app.storage.writer.run(move |conn| find(conn, &message)).await;
    let found = found.map_err(|error| failed(&error, now))?;
    if let Err(refusal) = &found {
        tracing::info!(
            system.id = %system, peer.address = %peer, refusal.code = refusal.code.as_str(),
            "a part of a package was refused: {}", refusal.detail
        );
    }
    let package = found?;
    app.events.commands(organization.id);
    // By a reader: whoever writes does not wait for it.
    let read = move |conn: &mut Conn| packages::part(conn, &package, start);
    let bytes = app.storage.readers.run(read).await;
    bytes.map_err(|error| failed(&error, now))
}

fn refusal(code: RefusalCode, detail: impl Into<String>, message: &Message) -> Refusal {
    Refusal {
        system_id: Some(message.system),
        ..Refusal::new(code, detail, message.now)
    }
}

/// In a transaction, because it uses up a sequence number and says how far the upgrade is.
fn find(conn: &mut Conn, message: &Message) -> Result<Result<Stored, Refusal>, Error> {
    let Message { system, now, .. } = *message;
    let (command, start) = (&message.request.command, message.request.start);
    let run = (system, message.request.boot_id.as_str());
    let admitted = match systems::admit_run(conn, run, &message.key, message.sequence, now)? {
        Ok(admitted) => admitted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Err(fault) = judge(&message.credential, &admitted.certificates, now) {
        return Ok(Err(certificates::invalid(fault, system, now)));
    }
    systems::take_number(conn, &admitted)?;
    let none = || {
        let detail = "no upgrade of this system by that command is under way";
        refusal(RefusalCode::UnknownPackage, detail, message)
    };
    let open = commands::is_under_way(conn, system, command)?;
    if admitted.status != SystemStatus::Active || !open {
        return Ok(Err(none()));
    }
    let Some(order) = service::order(conn, command.id)? else {
        return Ok(Err(none()));
    };
    let Some(package) = packages::find(conn, order.platform.as_str(), &order.version)? else {
        return Ok(Err(none()));
    };
    if !(0..package.size_bytes).contains(&start) {
        let detail = format!("`start` must be 0 to {}", package.size_bytes - 1);
        return Ok(Err(Refusal {
            status: 416,
            field: Some("start".to_owned()),
            ..refusal(RefusalCode::InvalidRequest, detail, message)
        }));
    }
    // What was sent before is there: the system asks for what is missing.
    let progress = UpgradeProgress {
        stage: UpgradeStage::Downloading,
        done_bytes: start,
        total_bytes: package.size_bytes,
    };
    follow(conn, command.id, &News::Progress(progress), now)?;
    Ok(Ok(package))
}
