//! Which request is next while a key is being replaced.
//!
//! Invariants: the next key is on disk before it is offered, and takes the place of the present one only after the server
//! was heard to accept it. Whichever reply was lost, one of three attempts in turn gets on: the offer, a check-in with the
//! next key, a check-in with the present one. None of them costs anything: the server accepts exactly one of the two keys.

use crate::decide::{Action, Change, Standing, Task};
use crate::identity::Identity;
use scm_protocol::ids::SystemId;

/// Where the turn is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Rotation {
    /// The next key is offered.
    #[default]
    Offer,
    /// The offer may have been taken: the next key is tried.
    TryNext,
    /// Neither: the present key may still be the one.
    TryPresent,
}

impl Rotation {
    /// The next request of a registered system.
    pub(super) fn task(self, identity: &mut Identity, id: SystemId, standing: Standing) -> Task {
        if standing != Standing::Active || identity.server_key().is_none() {
            return Task::CheckIn(id);
        }
        // What cannot be told or made durable now is tried again with the next attempt.
        let begun = match identity.wants_rotation() {
            Ok(true) => identity.begin_rotation(),
            other => other.map(drop),
        };
        if let Err(error) = begun {
            tracing::warn!(%error, "another key cannot be made now");
        }
        match (identity.next_key(), self) {
            (None, _) | (_, Rotation::TryPresent) => Task::CheckIn(id),
            (Some(_), Rotation::Offer) => Task::Rotate(id),
            (Some(_), Rotation::TryNext) => Task::TryNextKey(id),
        }
    }

    /// Passes the turn on, unless the attempt goes on.
    pub(super) fn attempted(&mut self, task: Task, action: &Action) {
        let over = matches!(
            action.change,
            Change::PromoteKey | Change::BeginRotation | Change::DropNextKey
        );
        *self = match (task, *self) {
            _ if over => Rotation::Offer,
            _ if action.wait.is_zero() => return,
            (Task::Rotate(_), _) => Rotation::TryNext,
            (Task::TryNextKey(_), _) => Rotation::TryPresent,
            (_, _) => Rotation::Offer,
        };
    }
}
