//! Packages, upgrades and rollouts.

use super::{Shape, add, get, idempotency_key, made};
use crate::{rollouts, upgrades};
use scm_protocol::upgrades::package::PackageList;
use scm_protocol::upgrades::progress::PackagePartRequest;
use scm_protocol::upgrades::rollout::{CreateRollout, Rollout, RolloutPage};
use scm_protocol::upgrades::upgrade::{CreateUpgrade, Upgrade, UpgradeOffer, UpgradePage};
use utoipa::openapi::{RefOr, Schema};

pub(super) fn shape(route: &str) -> Option<Shape> {
    let steer = |summary| get(summary, "Rollout");
    Some(match route {
        "packages.list" => get("Programs that agents can be upgraded to", "PackageList"),
        "upgrades.create" => made(
            "Queue an upgrade of one system; one that is queued already is answered with 200, and nothing is changed",
            "CreateUpgrade",
            "Upgrade",
        ),
        "upgrades.offered" => get(
            "Which upgrade is offered to a system, and if none, why",
            "UpgradeOffer",
        ),
        "upgrades.list" => Shape {
            parameters: upgrades::routes::list_parameters(),
            ..get("Upgrades, newest first", "UpgradePage")
        },
        "upgrades.part" => Shape {
            request: Some("PackagePartRequest"),
            reply: Some(("application/octet-stream", None)),
            ..get(
                "An agent fetches a part of the package of its upgrade, signed (docs/protocol.md)",
                "",
            )
        },
        "rollouts.list" => Shape {
            parameters: rollouts::routes::list_parameters(),
            ..get("Rollouts, newest first", "RolloutPage")
        },
        "rollouts.create" => Shape {
            parameters: vec![idempotency_key()],
            ..made(
                "Upgrade many systems in stages, halting when too many fail",
                "CreateRollout",
                "Rollout",
            )
        },
        "rollouts.show" => get("A rollout and how far it is", "Rollout"),
        "rollouts.halt" => steer("Queue nothing more, and take back what no system has fetched"),
        "rollouts.resume" => steer("Go on after a halt; the failures until now count no more"),
        "rollouts.advance" => steer("Begin the next stage"),
        "rollouts.abort" => steer("Give a rollout up, and take back what no system has fetched"),
        _ => return None,
    })
}

pub(super) fn schemas(all: &mut Vec<(String, RefOr<Schema>)>) {
    add::<PackageList>(all);
    add::<CreateUpgrade>(all);
    add::<Upgrade>(all);
    add::<UpgradePage>(all);
    add::<UpgradeOffer>(all);
    add::<PackagePartRequest>(all);
    add::<CreateRollout>(all);
    add::<Rollout>(all);
    add::<RolloutPage>(all);
}
