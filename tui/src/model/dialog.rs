//! The dialog of a change, from the key to the outcome.
//!
//! Targets are frozen when the key is pressed, their fingerprints and statuses when the question is drawn. Keys that were
//! read before the question had been on the screen for [`ARM_MS`] do nothing but cancel.

use super::change::{Change, Outcome, Target, tier};
use super::subject::{Subject, Whole};
use super::text_field::TextField;
use crate::clock::Moment;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::Presence;

/// How long a question is on the screen before it takes keys, in milliseconds.
pub const ARM_MS: u64 = 500;

/// How a change is confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// T0: not at all; the reverse is offered.
    AtOnce,
    /// T1: a question whose focus is on Cancel.
    Ask,
    /// T2: the name or the number is typed.
    Typed,
}

/// Which button has the focus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Focus {
    /// Cancel.
    #[default]
    Cancel,
    /// The change.
    Confirm,
}

/// Where the dialog is.
#[derive(Debug)]
pub enum Phase {
    /// Fingerprints are being fetched.
    Gathering {
        /// Of which systems, in order.
        ids: Vec<SystemId>,
        /// How many were asked for so far.
        asked: usize,
        /// How many answers are missing.
        missing: usize,
    },
    /// The server counts what matches.
    Counting,
    /// The question.
    Asking {
        /// When it was first on the screen.
        shown_at: Option<Moment>,
        /// The button.
        focus: Focus,
        /// What must be typed, and what was.
        typed: Option<(String, TextField)>,
    },
    /// Requests are on their way.
    Running {
        /// How many were sent so far.
        sent: usize,
    },
    /// All were answered.
    Finished,
}

/// A change being asked for or carried out.
#[derive(Debug)]
pub struct Dialog {
    /// Which one.
    pub change: Change,
    /// Where it is.
    pub phase: Phase,
    /// The tag or the group.
    pub subject: Option<Subject>,
    /// Everything that matches a filter, instead of `targets`.
    pub whole: Option<WholeTarget>,
    /// Who, with the outcome of each.
    pub targets: Vec<(Target, Outcome)>,
    /// Who not, and why.
    pub skipped: Vec<(String, String)>,
    /// How it is confirmed.
    pub tier: Tier,
    /// It concerned more than one system when its key was pressed: the server does it as one job.
    pub bulk: bool,
    /// Runs on while the administrator does something else.
    pub hidden: bool,
    /// First line of the outcomes that is shown.
    pub scroll: usize,
    /// Tells answers of this dialog from those of an earlier one.
    pub ticket: u64,
}

/// Everything that matches a filter: the server finds the systems, what the list shows of them is told besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeTarget {
    /// The filter.
    pub whole: Whole,
    /// How many there are, as the server counted: what is confirmed.
    pub count: usize,
    /// How many the list showed.
    pub shown: usize,
    /// How many are not heard of, as the server counted: rows off the screen may be older.
    pub offline: usize,
    /// How many of those the change is not for, and why the first is not.
    pub left_out: (usize, String),
    /// The number that was confirmed before it changed.
    pub confirmed: Option<usize>,
}

impl Dialog {
    /// A dialog in which nothing happened yet.
    pub fn new(change: Change, bulk: bool, ticket: u64) -> Self {
        Dialog {
            change,
            phase: Phase::Finished,
            subject: None,
            whole: None,
            targets: Vec::new(),
            skipped: Vec::new(),
            tier: Tier::Typed,
            bulk,
            hidden: false,
            scroll: 0,
            ticket,
        }
    }

    /// How many systems it is about.
    pub fn count(&self) -> usize {
        self.whole
            .as_ref()
            .map_or(self.targets.len(), |whole| whole.count)
    }

    /// How it is to be confirmed: an action that asks for it always by typing.
    pub fn asked_tier(&self) -> Tier {
        match &self.subject {
            Some(Subject::Run(run, _)) if run.confirmed => Tier::Typed,
            _ => tier(self.change, self.count()),
        }
    }

    /// Text that must be typed: the one system's name, or the number.
    pub fn phrase(&self) -> String {
        match (self.targets.as_slice(), &self.whole) {
            ([(one, _)], None) => one.hostname.clone(),
            _ => self.count().to_string(),
        }
    }

    /// How many of the targets are not heard of.
    pub fn offline(&self) -> usize {
        if let Some(whole) = &self.whole {
            return whole.offline;
        }
        let silent = |target: &Target| matches!(target.presence, Presence::Offline | Presence::NeverSeen);
        self.targets.iter().filter(|(target, _)| silent(target)).count()
    }

    /// Whether a key read at `at` counts.
    pub fn armed(&self, at: Moment) -> bool {
        match &self.phase {
            Phase::Asking { shown_at, .. } => shown_at.is_some_and(|shown| at >= shown.plus(ARM_MS)),
            _ => true,
        }
    }

    /// How many are answered: done, failed.
    pub fn counts(&self) -> (usize, usize) {
        let done = self
            .targets
            .iter()
            .filter(|(_, outcome)| *outcome == Outcome::Done)
            .count();
        let failed = self
            .targets
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
            .count();
        (done, failed)
    }

    /// Systems that failed.
    pub fn failed(&self) -> impl Iterator<Item = &Target> {
        self.targets
            .iter()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Failed(_)))
            .map(|(target, _)| target)
    }
}
