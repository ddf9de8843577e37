//! Where a job stands, and what came of one system of it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Created, nothing is done yet.
    Queued,
    /// Some systems are done.
    Running,
    /// Every system has its outcome.
    Done,
    /// Stopped by somebody: what has no outcome is not done any more.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [JobState; 4] = [
        JobState::Queued,
        JobState::Running,
        JobState::Done,
        JobState::Cancelled,
    ];

    /// The stable name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether nothing more comes.
    pub fn is_over(self) -> bool {
        matches!(self, JobState::Done | JobState::Cancelled)
    }
}

/// What came of one system of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetOutcome {
    /// Not yet; in a cancelled job: not any more.
    Waiting,
    /// Done.
    Done,
    /// Could not be done, or the system is not what it was when it was chosen: look at it, it can be tried again.
    Failed,
    /// There was nothing to do: the system is gone, or is what the job would make of it, or nothing that the job is for.
    Skipped,
}

impl TargetOutcome {
    /// Every outcome.
    pub const ALL: [TargetOutcome; 4] = [
        TargetOutcome::Waiting,
        TargetOutcome::Done,
        TargetOutcome::Failed,
        TargetOutcome::Skipped,
    ];

    /// The stable name in the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            TargetOutcome::Waiting => "waiting",
            TargetOutcome::Done => "done",
            TargetOutcome::Failed => "failed",
            TargetOutcome::Skipped => "skipped",
        }
    }

    /// The outcome of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}
