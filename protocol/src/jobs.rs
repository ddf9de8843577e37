//! Bulk jobs: one thing done to many systems, with an outcome for each.
//!
//! What a job works on is frozen when it is created: systems that match its filter later are not added. A job is carried
//! out by the server in the background, survives its restart, and does nothing twice.

use crate::ids::{JobId, SystemId, UnixMillis};
use crate::systems::SystemStatus;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use utoipa::ToSchema;

/// Most systems of one job.
pub const MAX_TARGETS: usize = 100_000;

/// What a job does to each of its systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Pending becomes Active.
    Approve,
    /// A Pending request is deleted.
    Reject,
    /// The key is blocked.
    Deny,
    /// Active is cut off.
    Revoke,
    /// Revoked becomes Active, Denied becomes Pending.
    Restore,
    /// The system is removed with its history.
    Delete,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [JobKind; 6] = [
        JobKind::Approve,
        JobKind::Reject,
        JobKind::Deny,
        JobKind::Revoke,
        JobKind::Restore,
        JobKind::Delete,
    ];

    /// The stable name in the database, the API and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            JobKind::Approve => "approve",
            JobKind::Reject => "reject",
            JobKind::Deny => "deny",
            JobKind::Revoke => "revoke",
            JobKind::Restore => "restore",
            JobKind::Delete => "delete",
        }
    }

    /// The kind of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The route that does the same to one system: whoever may call it may create such a job, and it is the action of the
    /// audit entry of each system.
    pub fn route(self) -> &'static str {
        match self {
            JobKind::Approve => "systems.approve",
            JobKind::Reject => "systems.reject",
            JobKind::Deny => "systems.deny",
            JobKind::Revoke => "systems.revoke",
            JobKind::Restore => "systems.restore",
            JobKind::Delete => "systems.delete",
        }
    }
}

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

/// Systems of one status that were chosen one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenSystems {
    /// The status that they were shown with: one that has another by its turn is left as it is.
    pub expected_status: SystemStatus,
    /// Their ids.
    pub ids: Vec<SystemId>,
}

/// `POST /api/v1/jobs`: what to do, and either `systems` or `filter` with `expected_count`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateJob {
    /// What to do to each.
    pub kind: JobKind,
    /// Chosen one by one; at most 100,000 together, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub systems: Vec<ChosenSystems>,
}

impl CreateJob {
    /// The first member that cannot be, and why.
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let count: usize = self.systems.iter().map(|chosen| chosen.ids.len()).sum();
        if count == 0 {
            return Some(("systems", "must name at least one system".to_owned()));
        }
        if count > MAX_TARGETS {
            return Some((
                "systems",
                format!("names {count} systems, at most {MAX_TARGETS} are allowed in one job"),
            ));
        }
        let mut seen = HashSet::with_capacity(count);
        let twice = self
            .systems
            .iter()
            .flat_map(|chosen| &chosen.ids)
            .find(|id| !seen.insert(**id));
        twice.map(|id| ("systems", format!("names system {id} twice")))
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access;

    fn chosen(expected_status: SystemStatus, ids: &[i64]) -> ChosenSystems {
        ChosenSystems {
            expected_status,
            ids: ids.iter().copied().map(SystemId).collect(),
        }
    }

    #[test]
    fn every_name_is_the_one_on_the_wire_and_every_kind_has_a_route_of_its_own() {
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

    #[test]
    fn a_job_names_some_systems_each_once() {
        let job = |systems| CreateJob {
            kind: JobKind::Approve,
            systems,
        };
        let field = |job: CreateJob| job.problem().map(|(field, _)| field);
        assert_eq!(field(job(vec![chosen(SystemStatus::Pending, &[1, 2])])), None);
        assert_eq!(field(job(Vec::new())), Some("systems"));
        assert_eq!(
            field(job(vec![chosen(SystemStatus::Pending, &[])])),
            Some("systems")
        );
        let twice = vec![
            chosen(SystemStatus::Pending, &[1, 2]),
            chosen(SystemStatus::Active, &[2]),
        ];
        assert_eq!(field(job(twice)), Some("systems"));
        let many: Vec<i64> = (1..=100_001).collect();
        assert_eq!(
            field(job(vec![chosen(SystemStatus::Pending, &many)])),
            Some("systems")
        );
    }
}
