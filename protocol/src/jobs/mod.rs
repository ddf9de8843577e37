//! Bulk jobs: one thing done to many systems, with an outcome for each.
//!
//! What a job works on is frozen when it is created: systems that match its filter later are not added. A job is carried
//! out by the server in the background, survives its restart, and does nothing twice.

mod create;
mod job;
mod kind;
mod run;
mod state;

pub use create::{ChosenSystems, CreateJob, MAX_TARGETS};
pub use job::{Job, JobCounts, JobPage, JobTarget, JobTargetPage};
pub use kind::{JobAbout, JobKind};
pub use run::{MAX_BATCH, RunOnMany};
pub use state::{JobState, TargetOutcome};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access;

    #[test]
    fn every_name_is_the_one_on_the_wire_and_every_kind_has_a_route() {
        for kind in JobKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(JobKind::parse(kind.as_str()), Some(kind));
            assert!(access::by_name(kind.route()).is_some(), "{}", kind.route());
        }
        for state in JobState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(JobState::parse(state.as_str()), Some(state));
        }
        for outcome in TargetOutcome::ALL {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
            assert_eq!(TargetOutcome::parse(outcome.as_str()), Some(outcome));
        }
    }
}
