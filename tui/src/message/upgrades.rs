//! Questions about packages, upgrades and rollouts, and their answers.

use super::Failure;
use scm_protocol::ids::{CommandId, RolloutId};
use scm_protocol::systems::SystemCount;
use scm_protocol::upgrades::package::PackageList;
use scm_protocol::upgrades::rollout::{CreateRollout, Rollout, RolloutPage};
use scm_protocol::upgrades::upgrade::UpgradePage;

/// What is done with a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// Nothing more is queued.
    Halt,
    /// A halted one goes on.
    Resume,
    /// The next stage begins.
    Advance,
    /// It is given up.
    Abort,
}

impl Steer {
    /// As its route ends.
    pub fn verb(self) -> &'static str {
        match self {
            Steer::Halt => "halt",
            Steer::Resume => "resume",
            Steer::Advance => "advance",
            Steer::Abort => "abort",
        }
    }
}

/// A question.
#[derive(Debug)]
pub enum UpgradeCall {
    /// `GET /api/v1/packages`.
    Packages,
    /// `GET /api/v1/rollouts`.
    Rollouts,
    /// `GET /api/v1/upgrades`, perhaps of one rollout.
    List(Option<RolloutId>),
    /// `POST /api/v1/rollouts/{id}/…`.
    Steer {
        /// Which.
        id: RolloutId,
        /// What.
        what: Steer,
    },
    /// `POST /api/v1/commands/{id}/cancel`: of the command that carries an upgrade.
    Cancel(CommandId),
    /// `GET /api/v1/systems/count`: how many a rollout would be for.
    Count {
        /// Which form.
        ticket: u64,
        /// The filter.
        filter: String,
    },
    /// `POST /api/v1/rollouts`.
    Create {
        /// Which form.
        ticket: u64,
        /// The `Idempotency-Key`.
        key: String,
        /// What was typed.
        body: Box<CreateRollout>,
    },
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum UpgradeReply {
    Packages(Result<PackageList, Failure>),
    Rollouts(Result<RolloutPage, Failure>),
    List {
        only: Option<RolloutId>,
        page: Result<UpgradePage, Failure>,
    },
    Steered {
        id: RolloutId,
        what: Steer,
        result: Result<Box<Rollout>, Failure>,
    },
    Cancelled(Result<(), Failure>),
    Counted {
        ticket: u64,
        count: Result<SystemCount, Failure>,
    },
    Created {
        ticket: u64,
        created: Result<Box<Rollout>, Failure>,
    },
}
