//! Bulk jobs: the list, one job with the outcome of each system, and the question before a change of one.

use super::change::Change;
use super::dialog::Focus;
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

/// The page.
#[derive(Debug, Default)]
pub struct JobsView {
    items: Vec<Job>,
    /// The list was read at least once.
    pub complete: bool,
    /// It is being read.
    pub reading: bool,
    /// Something changed while it was read.
    pub again: bool,
    /// Why there is nothing.
    pub error: Option<String>,
    cursor: Option<JobId>,
    /// The job under the cursor of the last frame.
    pub drawn: Option<JobId>,
    top: usize,
    height: usize,
    /// The job whose page is open.
    pub detail: Option<JobDetail>,
    /// What is asked.
    pub question: Option<JobQuestion>,
    /// Jobs of this console that were not over when it last looked: their end is told.
    pub watched: BTreeSet<JobId>,
}

impl JobsView {
    /// The jobs, newest first.
    pub fn items(&self) -> &[Job] {
        &self.items
    }

    /// The jobs on the screen.
    pub fn visible(&self) -> impl Iterator<Item = &Job> {
        self.items.iter().skip(self.top).take(self.height.max(1))
    }

    /// The job of that id, where it was read.
    pub fn get(&self, id: JobId) -> Option<&Job> {
        self.items.iter().find(|job| job.id == id)
    }

    /// The id under the cursor.
    pub fn cursor(&self) -> Option<JobId> {
        self.cursor
    }

    /// The cursor's place in the list.
    pub fn position(&self) -> usize {
        let at = self.items.iter().position(|job| Some(job.id) == self.cursor);
        at.unwrap_or(0)
    }

    /// Moves the cursor to a place, or to the last one.
    pub fn go(&mut self, place: usize) {
        let place = place.min(self.items.len().saturating_sub(1));
        self.cursor = self.items.get(place).map(|job| job.id);
        self.follow();
    }

    /// Rows that fit on the screen.
    pub fn set_height(&mut self, height: usize) {
        self.height = height.max(1);
        self.follow();
    }

    /// A list that was read. The cursor stays on its job.
    pub fn put(&mut self, items: Vec<Job>) {
        let place = self.position();
        self.items = items;
        self.complete = true;
        if self.cursor.is_none_or(|id| self.get(id).is_none()) {
            self.go(place);
        }
        self.follow();
    }

    /// A job as a reply shows it.
    pub fn put_one(&mut self, job: Job) {
        match self.items.iter_mut().find(|other| other.id == job.id) {
            Some(other) => *other = job,
            None => self.items.insert(0, job),
        }
        if self.cursor.is_none() {
            self.go(0);
        }
    }

    fn follow(&mut self) {
        let at = self.position();
        let height = self.height.max(1);
        self.top = self.top.clamp((at + 1).saturating_sub(height), at);
    }

    /// Answers of a session that ended will not come any more.
    pub fn interrupted(&mut self) {
        self.reading = false;
        self.again = false;
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
