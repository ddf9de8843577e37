//! A job as the API tells it.

use super::kind::JobKind;
use super::run::RunOnMany;
use super::state::{JobState, TargetOutcome};
use crate::ids::{CommandId, GroupId, JobId, SystemId, UnixMillis};
use crate::systems::SystemStatus;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many systems of a job have which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobCounts {
    /// All of them.
    pub total: i64,
    /// Done.
    pub done: i64,
    /// Failed.
    pub failed: i64,
    /// Skipped.
    pub skipped: i64,
    /// Without outcome.
    pub waiting: i64,
}

impl JobCounts {
    /// Systems that have their outcome.
    pub fn answered(self) -> i64 {
        self.total - self.waiting
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// The tag that it puts on or takes off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The group that it adds to or removes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// That group's name; none when it was deleted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_name: Option<String>,
    /// What its systems run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunOnMany>,
    /// The version that it upgrades to; none where each gets the one that is offered to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The filter that chose its systems; none where they were chosen one by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// How many systems have which outcome.
    pub counts: JobCounts,
    /// The job whose failed systems it tries again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<JobId>,
    /// When it was created.
    pub created_ms: UnixMillis,
    /// Who created it, as the audit names them.
    pub created_by: String,
    /// When the first systems were done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<UnixMillis>,
    /// When it was done or cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_ms: Option<UnixMillis>,
    /// Who cancelled it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
}

/// `GET /api/v1/jobs?cursor=&limit=`: newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobPage {
    /// The jobs.
    pub items: Vec<Job>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// The server's clock when it answered.
    pub server_time_ms: UnixMillis,
}

/// One system of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTarget {
    /// The system.
    pub system: SystemId,
    /// Its host name when the job was created; empty where there was no such system.
    pub hostname: String,
    /// The status that it was chosen with.
    pub expected_status: SystemStatus,
    /// What came of it.
    pub outcome: TargetOutcome,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The command that it was given: what it wrote stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<CommandId>,
    /// When it had its outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<UnixMillis>,
}

/// `GET /api/v1/jobs/{id}/targets?outcome=&cursor=&limit=`: by system id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobTargetPage {
    /// The systems.
    pub items: Vec<JobTarget>,
    /// Pass it as `cursor` to read on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}
