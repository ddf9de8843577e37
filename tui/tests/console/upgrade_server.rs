//! The part of the server in memory that keeps packages, upgrades and rollouts.

use scm_protocol::ids::{CommandId, PackageId, RolloutId, SystemId, UnixMillis, UpgradeId};
use scm_protocol::systems::SystemCount;
use scm_protocol::upgrades::offer::arrange;
use scm_protocol::upgrades::package::{Package, PackageList};
use scm_protocol::upgrades::rollout::{CreateRollout, Rollout, RolloutCounts, RolloutPage, RolloutState};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradePage, UpgradeState};
use scmtui::message::{Steer, UpgradeCall, UpgradeReply};

/// Packages, upgrades and rollouts.
#[derive(Default)]
pub(crate) struct UpgradeServer {
    pub(crate) packages: Vec<Package>,
    pub(crate) upgrades: Vec<Upgrade>,
    pub(crate) rollouts: Vec<Rollout>,
    /// What was asked for, in order.
    pub(crate) created: Vec<CreateRollout>,
    pub(crate) steered: Vec<(RolloutId, Steer)>,
    pub(crate) cancelled: Vec<CommandId>,
}

impl UpgradeServer {
    /// A package is added.
    pub(crate) fn add(&mut self, platform: &str, version: &str, now: UnixMillis) {
        self.packages.push(Package {
            id: PackageId(i64::try_from(self.packages.len() + 1).unwrap()),
            platform: platform.parse().unwrap(),
            version: version.to_owned(),
            size_bytes: 5_400_000,
            sha256: "0a".repeat(32),
            added_ms: now,
            added_by: "command-line".to_owned(),
            offered: false,
        });
        arrange(&mut self.packages);
    }

    /// An upgrade of a system stands there.
    pub(crate) fn put(&mut self, id: i64, state: UpgradeState, done_bytes: i64, now: UnixMillis) {
        self.upgrades.insert(
            0,
            Upgrade {
                id: UpgradeId(id),
                system: SystemId(id),
                hostname: format!("host-{id:03}"),
                platform: "x86_64-linux".parse().unwrap(),
                version: "0.2.0".to_owned(),
                from_version: "0.1.0".to_owned(),
                state,
                reason: (state == UpgradeState::RolledBack)
                    .then(|| "it completed no check-in in 180 s".to_owned()),
                done_bytes,
                total_bytes: 5_400_000,
                rollout: None,
                command: CommandId(id + 40),
                created_ms: now.plus(-90_000),
                created_by: "user:jdoe".to_owned(),
                changed_ms: now,
                ended_ms: state.is_over().then_some(now),
            },
        );
    }

    pub(crate) fn answer(&mut self, call: UpgradeCall, systems: usize, now: UnixMillis) -> UpgradeReply {
        match call {
            UpgradeCall::Packages => UpgradeReply::Packages(Ok(PackageList {
                items: self.packages.clone(),
                server_time_ms: now,
            })),
            UpgradeCall::Rollouts => UpgradeReply::Rollouts(Ok(RolloutPage {
                items: self.rollouts.clone(),
                next_cursor: None,
                server_time_ms: now,
            })),
            UpgradeCall::List(only) => UpgradeReply::List {
                only,
                page: Ok(UpgradePage {
                    items: self.upgrades.clone(),
                    next_cursor: None,
                    server_time_ms: now,
                }),
            },
            UpgradeCall::Steer { id, what } => {
                self.steered.push((id, what));
                let rollout = self.rollouts.iter_mut().find(|rollout| rollout.id == id).unwrap();
                rollout.state = match what {
                    Steer::Halt => RolloutState::Halted,
                    Steer::Resume | Steer::Advance => RolloutState::Running,
                    Steer::Abort => RolloutState::Aborted,
                };
                UpgradeReply::Steered {
                    id,
                    what,
                    result: Ok(Box::new(rollout.clone())),
                }
            }
            UpgradeCall::Cancel(id) => {
                self.cancelled.push(id);
                UpgradeReply::Cancelled(Ok(()))
            }
            UpgradeCall::Count { ticket, .. } => {
                let total = i64::try_from(systems).unwrap();
                UpgradeReply::Counted {
                    ticket,
                    count: Ok(SystemCount {
                        matching: total,
                        total,
                    }),
                }
            }
            UpgradeCall::Create { ticket, body, .. } => {
                let rollout = self.create(&body, now);
                self.created.push(*body);
                UpgradeReply::Created {
                    ticket,
                    created: Ok(Box::new(rollout)),
                }
            }
        }
    }

    fn create(&mut self, body: &CreateRollout, now: UnixMillis) -> Rollout {
        let rollout = Rollout {
            id: RolloutId(i64::try_from(self.rollouts.len() + 1).unwrap()),
            version: body.version.clone().unwrap(),
            state: RolloutState::Running,
            reason: None,
            filter: body.filter.clone(),
            stages: body.stages(),
            stage: 0,
            failure_budget: body.failure_budget,
            automatic: body.automatic,
            at_once: body.at_once.unwrap(),
            counts: RolloutCounts {
                total: body.expected_count.unwrap(),
                waiting: body.expected_count.unwrap(),
                ..RolloutCounts::default()
            },
            created_ms: now,
            created_by: "user:jdoe".to_owned(),
            changed_ms: now,
        };
        self.rollouts.insert(0, rollout.clone());
        rollout
    }
}
