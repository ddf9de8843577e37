//! Bulk jobs: the list, one job with the outcome of each system, and the question before a change of one.

use super::change::Change;
use super::dialog::Focus;
use super::listed::{Identified, Listed};
use super::text_field::TextField;
use crate::clock::Moment;
use crate::keys::{Action, binding};
use scm_protocol::ids::JobId;
use scm_protocol::jobs::{Job, JobKind, JobTarget};
use std::collections::BTreeSet;

/// What can be done with a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobChange {
    /// What is not done yet is left.
    Cancel,
    /// The failed are tried again in a job of their own.
    Retry,
}

impl JobChange {
    /// Its line in the key table.
    pub fn action(self) -> Action {
        match self {
            JobChange::Cancel => Action::CancelJob,
            JobChange::Retry => Action::RetryJob,
        }
    }

    /// The change that an action asks for.
    pub fn of(action: Action) -> Option<Self> {
        [JobChange::Cancel, JobChange::Retry]
            .into_iter()
            .find(|change| change.action() == action)
    }

    /// The name of its route.
    pub fn route(self) -> &'static str {
        binding(self.action())
            .and_then(|line| line.route)
            .unwrap_or_default()
    }

    /// Why it cannot be done to a job as it is; none when it can.
    pub fn obstacle(self, job: &Job) -> Option<&'static str> {
        match self {
            JobChange::Cancel if job.state.is_over() => Some("is over already"),
            JobChange::Retry if !job.state.is_over() => Some("is still running"),
            JobChange::Retry if job.counts.failed == 0 => Some("has no failed systems"),
            _ => None,
        }
    }
}

/// The question before a job is cancelled or its failed systems are tried again.
#[derive(Debug)]
pub struct JobQuestion {
    /// The job, as it was when the key was pressed.
    pub job: Job,
    /// What.
    pub change: JobChange,
    /// The button.
    pub focus: Focus,
    /// What must be typed, and what was.
    pub typed: Option<(String, TextField)>,
    /// When it was first on the screen.
    pub shown_at: Option<Moment>,
}

/// A job's systems.
#[derive(Debug)]
pub struct JobDetail {
    /// Which job.
    pub id: JobId,
    /// The systems that were read.
    pub targets: Vec<JobTarget>,
    /// Where to read on; none at the end.
    pub cursor: Option<String>,
    /// Being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// First line shown.
    pub scroll: usize,
    /// The line under the cursor.
    pub at: usize,
}

impl JobDetail {
    /// Nothing is read yet.
    pub fn new(id: JobId) -> Self {
        JobDetail {
            id,
            targets: Vec::new(),
            cursor: None,
            reading: false,
            again: false,
            scroll: 0,
            at: 0,
        }
    }
}

impl Identified for Job {
    type Id = JobId;

    fn id(&self) -> JobId {
        self.id
    }
}

/// The page.
#[derive(Debug, Default)]
pub struct JobsView {
    /// The jobs, newest first.
    pub list: Listed<Job>,
    /// The job whose page is open.
    pub detail: Option<JobDetail>,
    /// What is asked.
    pub question: Option<JobQuestion>,
    /// Jobs of this console that were not over when it last looked: their end is told.
    pub watched: BTreeSet<JobId>,
}

impl JobsView {
    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.list.interrupted();
        self.question = None;
        if let Some(detail) = &mut self.detail {
            detail.reading = false;
            detail.again = false;
        }
    }
}

/// The kind of job that does a change to many; none where each takes a look of its own.
pub fn job_kind(change: Change) -> Option<JobKind> {
    Some(match change {
        Change::Approve => JobKind::Approve,
        Change::Reject => JobKind::Reject,
        Change::Deny => JobKind::Deny,
        Change::Revoke => JobKind::Revoke,
        Change::Restore => JobKind::Restore,
        Change::Delete => JobKind::Delete,
        Change::Tag => JobKind::Tag,
        Change::Untag => JobKind::Untag,
        Change::Join => JobKind::GroupAdd,
        Change::Leave => JobKind::GroupRemove,
        Change::Run => JobKind::RunAction,
        Change::Upgrade => JobKind::Upgrade,
        Change::Split | Change::Swap | Change::Dismiss | Change::RotateKey => return None,
    })
}

/// The change of a kind of job.
pub fn change_of(kind: JobKind) -> Option<Change> {
    Change::ALL
        .into_iter()
        .find(|change| job_kind(*change) == Some(kind))
}
