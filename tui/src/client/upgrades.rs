//! Calls about packages, upgrades and rollouts.

use super::answers::escape;
use super::http::Http;
use crate::message::{Failure, Steer, UpgradeCall, UpgradeReply};
use scm_protocol::commands::Command;
use scm_protocol::ids::{CommandId, RolloutId};
use scm_protocol::upgrades::rollout::{CreateRollout, Rollout};

const ROLLOUTS: &str = "/api/v1/rollouts";
/// Rows of each list.
const PAGE: usize = 200;

pub(super) async fn answer(http: &Http, call: UpgradeCall) -> UpgradeReply {
    match call {
        UpgradeCall::Packages => UpgradeReply::Packages(http.get("/api/v1/packages").await),
        UpgradeCall::Rollouts => UpgradeReply::Rollouts(http.get(&format!("{ROLLOUTS}?limit={PAGE}")).await),
        UpgradeCall::List(only) => {
            let of = only.map(|id| format!("&rollout={id}")).unwrap_or_default();
            UpgradeReply::List {
                only,
                page: http.get(&format!("/api/v1/upgrades?limit={PAGE}{of}")).await,
            }
        }
        UpgradeCall::Steer { id, what } => UpgradeReply::Steered {
            id,
            what,
            result: steer(http, id, what).await,
        },
        UpgradeCall::Cancel(id) => UpgradeReply::Cancelled(cancel(http, id).await),
        UpgradeCall::Count { ticket, filter } => UpgradeReply::Counted {
            ticket,
            count: http
                .get(&format!("/api/v1/systems/count?filter={}", escape(&filter)))
                .await,
        },
        UpgradeCall::Create { ticket, key, body } => UpgradeReply::Created {
            ticket,
            created: create(http, &key, &body).await,
        },
    }
}

async fn steer(http: &Http, id: RolloutId, what: Steer) -> Result<Box<Rollout>, Failure> {
    let verb = what.verb();
    let steered: Result<Rollout, Failure> = http.post(&format!("{ROLLOUTS}/{id}/{verb}"), &()).await;
    match &steered {
        Ok(_) => tracing::info!(rollout.id = id.0, "{verb}"),
        Err(error) => tracing::warn!(rollout.id = id.0, "{verb}: {error}"),
    }
    steered.map(Box::new)
}

async fn cancel(http: &Http, id: CommandId) -> Result<(), Failure> {
    let path = format!("/api/v1/commands/{id}/cancel");
    let cancelled: Result<Command, Failure> = http.post(&path, &()).await;
    match &cancelled {
        Ok(_) => tracing::info!(command.id = id.0, "an upgrade is cancelled"),
        Err(error) => tracing::warn!(command.id = id.0, "could not cancel an upgrade: {error}"),
    }
    cancelled.map(|_| ())
}

async fn create(http: &Http, key: &str, body: &CreateRollout) -> Result<Box<Rollout>, Failure> {
    let created: Result<Rollout, Failure> = http.create(ROLLOUTS, key, body).await;
    match &created {
        Ok(rollout) => tracing::info!(rollout.id = rollout.id.0, "created"),
        Err(error) => tracing::warn!("could not create a rollout: {error}"),
    }
    created.map(Box::new)
}
