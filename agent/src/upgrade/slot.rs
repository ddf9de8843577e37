//! The one upgrade that may be under way, whichever server ordered it.
//!
//! Shared by all workers. Invariants: the record is durable before anything is done by it; what a worker does for its server
//! ends up in that server's journal, or in the record until it does.

use super::order::{Policy, refusal};
use super::record::{Job, Outcome, Record, Step};
use super::{Installed, Programs};
use crate::clock::Clock;
use crate::identity::{Error, ServerTag, StateFolder};
use scm_protocol::commands::order::AuthenticOrder;
use scm_protocol::commands::report::{CommandName, End, EndOutcome};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A program that waits to be tried.
#[derive(Debug)]
pub struct Ready {
    /// The order that it came by.
    pub job: Job,
    /// The program.
    pub installed: Installed,
}

/// What the record says of a command that a journal has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing: it is no upgrade, or none that is under way.
    Nothing,
    /// It is under way.
    Open,
    /// It ended so.
    Ended(End),
}

/// Why an order is not taken up.
pub(crate) type Refused = (EndOutcome, String);

/// The upgrades of this machine.
pub struct Upgrades {
    policy: Policy,
    programs: Programs,
    folder: Arc<StateFolder>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    hand_over: Box<dyn Fn(Ready) + Send + Sync>,
}

#[derive(Debug)]
struct State {
    record: Record,
    /// Programs that run by commands of any server.
    running: usize,
    /// A new program waits for them: no further one is begun.
    closing: bool,
}

/// A program that runs by a command; an upgrade waits for its end.
#[derive(Debug)]
pub struct Busy(Arc<Upgrades>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.running = state.running.saturating_sub(1);
    }
}

impl std::fmt::Debug for Upgrades {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Upgrades({:?})", self.lock())
    }
}

impl Upgrades {
    /// Those of this folder, going on by its record. `hand_over` is called with what is to be tried.
    pub fn new(
        policy: Policy,
        record: Record,
        folder: Arc<StateFolder>,
        clock: Arc<dyn Clock>,
        hand_over: impl Fn(Ready) + Send + Sync + 'static,
    ) -> Self {
        Upgrades {
            policy,
            programs: Programs::of(folder.path()),
            folder,
            clock,
            state: Mutex::new(State {
                record,
                running: 0,
                closing: false,
            }),
            hand_over: Box::new(hand_over),
        }
    }

    /// None is ever taken up: for an agent that only enrolls.
    pub fn none(folder: Arc<StateFolder>, clock: Arc<dyn Clock>) -> Self {
        let policy = Policy::of_this_program(false, Vec::new());
        Upgrades::new(policy, Record::default(), folder, clock, drop)
    }

    /// The record as it is now.
    pub fn record(&self) -> Record {
        self.lock().record.clone()
    }

    /// What this machine allows.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where programs lie.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Takes an order up, durably, before the journal uses up its id. The same one again is taken up again.
    ///
    /// # Errors
    /// Why not, and nothing was changed.
    pub fn accept(&self, server: &ServerTag, order: &AuthenticOrder) -> Result<(), Refused> {
        let no = |reason: String| (EndOutcome::Refused, reason);
        let upgrade = order.upgrade().map_err(no)?;
        if let Some(reason) = refusal(&upgrade, &self.policy) {
            return Err(no(reason));
        }
        let job = Job {
            server: server.to_string(),
            command: order.get().name(),
            order: upgrade,
            step: Step::Fetching,
        };
        let mut state = self.lock();
        if let Some(other) = state.record.job.as_ref().filter(|other| **other != job) {
            let reason = format!(
                "another upgrade is under way on this machine, to {}, ordered by {}",
                other.order.version,
                if other.server == job.server {
                    "this server"
                } else {
                    "another server"
                }
            );
            return Err((EndOutcome::Busy, reason));
        }
        self.programs.make().map_err(|error| no(error.to_string()))?;
        self.programs
            .has_room(&job.order)
            .map_err(|error| no(error.to_string()))?;
        let record = Record {
            job: Some(job),
            ..state.record.clone()
        };
        self.write(&mut state, record)
            .map_err(|error| no(error.to_string()))?;
        self.clean(&state.record);
        Ok(())
    }

    /// What is to be fetched for this server.
    pub fn fetching(&self, server: &ServerTag) -> Option<Job> {
        let state = self.lock();
        let job = state.record.job.as_ref()?;
        (job.server == server.to_string() && job.step == Step::Fetching).then(|| job.clone())
    }

    /// What the record says of a command of this server.
    pub fn held(&self, server: &ServerTag, name: &CommandName) -> Held {
        let state = self.lock();
        match &state.record.job {
            Some(job) if job.server == server.to_string() && job.command == *name => match &job.step {
                Step::Fetching | Step::Trial { .. } => Held::Open,
                Step::Ended(end) => Held::Ended(end.clone()),
            },
            _ => Held::Nothing,
        }
    }

    /// The journal knows how this one ended: nothing is under way any more.
    ///
    /// # Errors
    /// [`Error`] when that cannot be made durable; it is found out again at the next start.
    pub fn close(&self, name: &CommandName, end: &End) -> Result<(), Error> {
        let mut state = self.lock();
        let ours = state.record.job.as_ref().filter(|job| job.command == *name);
        let Some(job) = ours else { return Ok(()) };
        let known = matches!(job.step, Step::Ended(_));
        let mut record = if known {
            state.record.clone()
        } else {
            state.record.clone().ended(end.clone(), self.clock.now())
        };
        record.job = None;
        self.write(&mut state, record)?;
        state.closing = false;
        self.clean(&state.record);
        Ok(())
    }

    /// After a start: what of a server is not in its journal was never begun.
    ///
    /// # Errors
    /// As [`Upgrades::close`].
    pub fn reconcile(&self, server: &ServerTag, begun: impl Fn(&CommandName) -> bool) -> Result<(), Error> {
        let mut state = self.lock();
        let tag = server.to_string();
        let stale = |job: &&Job| job.server == tag && !(begun(&job.command) && job.step == Step::Fetching);
        if state.record.job.as_ref().filter(stale).is_none() {
            return Ok(());
        }
        let record = Record {
            job: None,
            ..state.record.clone()
        };
        self.write(&mut state, record)?;
        self.clean(&state.record);
        Ok(())
    }

    /// Counts a program that is about to run by a command. None while a new program waits for the others to end: the server
    /// hands the command out again.
    pub fn enter(self: &Arc<Self>) -> Option<Busy> {
        let mut state = self.lock();
        if state.closing {
            return None;
        }
        state.running += 1;
        Some(Busy(self.clone()))
    }

    /// No further program is begun by a command. Whether none runs any more.
    pub fn quiesce(&self) -> bool {
        let mut state = self.lock();
        state.closing = true;
        state.running == 0
    }

    /// The program is to be tried: from now on it is not this worker's any more.
    pub fn hand_over(&self, ready: Ready) {
        (self.hand_over)(ready);
    }

    /// Memory follows the disk.
    fn write(&self, state: &mut State, record: Record) -> Result<(), Error> {
        record.write(&self.folder)?;
        state.record = record;
        Ok(())
    }

    fn clean(&self, record: &Record) {
        self.programs.keep_only(&used(record, &self.programs));
    }

    /// The record is whole whatever its holder was doing when it panicked.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files that a record speaks of.
pub(super) fn used(record: &Record, programs: &Programs) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    if let Some(current) = &record.current {
        files.push(programs.program(&current.order.version, &current.order.sha256));
    }
    if let Some(Job { order, step, .. }) = &record.job
        && !matches!(step, Step::Ended(_))
    {
        files.push(programs.program(&order.version, &order.sha256));
        files.push(programs.partial(&order.sha256));
    }
    files
}

impl Outcome {
    /// In words, for `scmclient status`.
    pub fn in_words(&self) -> String {
        let version = &self.version;
        let said = match self.outcome {
            EndOutcome::Completed => format!("to {version}: done"),
            EndOutcome::RolledBack => format!("to {version}: tried and taken back"),
            EndOutcome::Cancelled => format!("to {version}: cancelled"),
            _ => format!("to {version}: not done"),
        };
        match &self.reason {
            Some(reason) => format!("{said}: {reason}"),
            None => said,
        }
    }
}

#[cfg(test)]
mod tests;
