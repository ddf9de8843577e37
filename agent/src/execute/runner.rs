//! The commands of one server: takes orders, has programs run, and keeps what is to be told until the server has it.
//!
//! Programs run on threads of their own, which tell this one what happens; everything else happens on the worker's thread.

use super::journal::{Journal, Known};
use super::judge::{Authority, Verdict, judge, refusal, words};
use super::process::{self, Ending, Wish};
use crate::actions::{Offer, Program, bounded};
use crate::identity::{Error, ServerTag};
use crate::upgrade::{Busy, Upgrades};
use ends::{denial, end};
use scm_protocol::commands::order::{AuthenticOrder, SignedOrder};
use scm_protocol::commands::report::{
    CommandName, CommandReport, End, EndOutcome, Event, MAX_CHUNK_BYTES, MAX_REPORTS, Tasks,
};
use scm_protocol::commands::{MAX_OUTPUT_BYTES, MAX_UNDER_WAY};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::order::UPGRADE;
use scm_protocol::upgrades::progress::UpgradeProgress;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Most output of one message, in bytes: in base64 it fits beside everything else.
const MESSAGE_OUTPUT_BYTES: usize = 32 * 1024;

/// What a program's thread tells.
enum Happened {
    Wrote(Vec<u8>),
    Ended(Ending),
}

/// A program that runs.
#[derive(Debug)]
struct Running {
    stop: Arc<Wish>,
    redacted: bool,
    /// All that it wrote so far.
    written: i64,
    /// An upgrade waits for its end.
    _busy: Busy,
}

/// Something to be told.
#[derive(Debug)]
enum Told {
    Started,
    Output { start: i64, bytes: Vec<u8> },
    Progress(UpgradeProgress),
    Ended(End),
}

/// The commands of one server.
#[derive(Debug)]
pub struct Runner {
    offer: Arc<Offer>,
    journal: Journal,
    server: ServerTag,
    upgrades: Arc<Upgrades>,
    running: HashMap<CommandName, Running>,
    to_tell: VecDeque<(CommandName, Told)>,
    sender: Sender<(CommandName, Happened)>,
    events: Receiver<(CommandName, Happened)>,
}

impl Runner {
    /// A runner that goes on where a former run of the agent ended.
    pub fn new(offer: Arc<Offer>, journal: Journal, server: ServerTag, upgrades: Arc<Upgrades>) -> Self {
        let (sender, events) = mpsc::channel();
        let untold = journal.untold().into_iter();
        Runner {
            offer,
            to_tell: untold.map(|(name, end)| (name, Told::Ended(end))).collect(),
            journal,
            server,
            upgrades,
            running: HashMap::new(),
            sender,
            events,
        }
    }

    /// What this machine offers.
    pub fn offer(&self) -> &Offer {
        &self.offer
    }

    /// Whether a program runs, or something is to be told.
    pub fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.to_tell.is_empty()
    }

    /// Whether something is to be told.
    pub fn has_news(&self) -> bool {
        !self.to_tell.is_empty()
    }

    /// Does what a reply says there is to do. `now` is the server's time.
    pub fn take(&mut self, tasks: &Tasks, authority: &Authority, now: UnixMillis) {
        for name in &tasks.cancel {
            self.cancel(name, now);
        }
        for order in &tasks.commands {
            if self.journal.is_full() {
                tracing::warn!("as many ends of commands wait to be told as may: no command is begun before");
                return;
            }
            self.obey(order, authority, now);
        }
    }

    fn obey(&mut self, order: &SignedOrder, authority: &Authority, now: UnixMillis) {
        let claimed = order.claimed();
        let result = match judge(order, authority, &self.journal, now) {
            Verdict::Forged(reason) => {
                tracing::error!(
                    target: "security", event = "command_forged", command.id = %claimed.id,
                    "a command was dropped without an answer: {reason}"
                );
                Ok(())
            }
            Verdict::Again(known) => {
                self.tell_again(claimed.name(), known);
                Ok(())
            }
            Verdict::Refuse(outcome) => self.refuse(order, outcome, words(outcome), now),
            Verdict::Run(authentic) => self.begin(order, &authentic, now),
        };
        if let Err(error) = result {
            tracing::error!(command.id = %claimed.id, %error, "a command cannot be recorded and so is not run");
        }
    }

    fn begin(
        &mut self,
        order: &SignedOrder,
        authentic: &AuthenticOrder,
        now: UnixMillis,
    ) -> Result<(), Error> {
        if authentic.get().kind == UPGRADE {
            return self.begin_upgrade(order, authentic, now);
        }
        if self.running.len() >= MAX_UNDER_WAY {
            return self.refuse(order, EndOutcome::Busy, words(EndOutcome::Busy), now);
        }
        let run = match authentic.run_action() {
            Ok(run) => run,
            Err(reason) => return self.refuse(order, EndOutcome::UnknownKind, &reason, now),
        };
        match self.offer.program(&run.action, &run.parameters) {
            Err(denied) => {
                let (outcome, reason) = denial(denied, &run.action);
                self.refuse(order, outcome, &reason, now)
            }
            Ok(program) => {
                let Some(busy) = self.upgrades.enter() else {
                    // Unheard of, so that it is handed out again.
                    return Ok(());
                };
                self.journal.begin(authentic.get(), now)?;
                tracing::info!(command.id = %authentic.get().id, action.name = %run.action, "running");
                self.start(authentic.get().name(), program, busy);
                Ok(())
            }
        }
    }

    /// Only after the journal has it.
    fn start(&mut self, name: CommandName, program: Program, busy: Busy) {
        let stop = Arc::new(Wish::default());
        let running = Running {
            stop: stop.clone(),
            redacted: program.redacted,
            written: 0,
            _busy: busy,
        };
        self.running.insert(name.clone(), running);
        self.to_tell.push_back((name.clone(), Told::Started));
        let (sender, of) = (self.sender.clone(), name.clone());
        let work = move || {
            let wrote = |bytes| {
                let _ = sender.send((of.clone(), Happened::Wrote(bytes)));
            };
            let ending = process::run(&program, &stop, wrote);
            // Nobody listens any more when the agent ends; the journal says then that it was interrupted.
            let _ = sender.send((of.clone(), Happened::Ended(ending)));
        };
        if let Err(error) = thread::Builder::new()
            .name(format!("command {}", name.id))
            .spawn(work)
        {
            self.happened(name, Happened::Ended(Ending::NotStarted(error.to_string())));
        }
    }

    fn refuse(
        &mut self,
        order: &SignedOrder,
        outcome: EndOutcome,
        reason: &str,
        now: UnixMillis,
    ) -> Result<(), Error> {
        let claimed = order.claimed();
        tracing::warn!(
            target: "security", event = "command_refused", command.id = %claimed.id, outcome = outcome.as_str(),
            "a command was refused: {reason}"
        );
        let end = refusal(outcome, bounded(reason));
        self.journal
            .refuse(claimed.name(), claimed.issued_ms, end.clone(), now)?;
        self.to_tell.push_back((claimed.name(), Told::Ended(end)));
        Ok(())
    }

    fn cancel(&mut self, name: &CommandName, now: UnixMillis) {
        if self.cancel_upgrade(name) {
            return;
        }
        match (self.running.get(name), self.journal.known(name)) {
            (Some(running), _) => running.stop.stop(),
            (None, Known::New) if !self.journal.is_full() => {
                let end = refusal(EndOutcome::Cancelled, words(EndOutcome::Cancelled).to_owned());
                match self.journal.refuse(name.clone(), now, end.clone(), now) {
                    Ok(()) => self.to_tell.push_back((name.clone(), Told::Ended(end))),
                    Err(error) => {
                        tracing::error!(command.id = %name.id, %error, "that it is cancelled cannot be recorded");
                    }
                }
            }
            (None, known) => self.tell_again(name.clone(), known),
        }
    }

    /// The server asks again about a command: its answer, or the report, was lost.
    fn tell_again(&mut self, name: CommandName, known: Known) {
        if self.to_tell.iter().any(|(other, _)| *other == name) {
            return;
        }
        match known {
            Known::Ended(end) => self.to_tell.push_back((name, Told::Ended(end))),
            Known::Begun => self.to_tell.push_back((name, Told::Started)),
            Known::New => {}
        }
    }

    /// Takes note of what programs did, waiting for it for so long at most.
    pub fn listen(&mut self, most: Duration) {
        let until = Instant::now() + most;
        let mut first = true;
        loop {
            let left = if first {
                until.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.events.recv_timeout(left) {
                Ok((name, happened)) => self.happened(name, happened),
                Err(_) => return,
            }
            first = false;
        }
    }

    fn happened(&mut self, name: CommandName, happened: Happened) {
        match happened {
            Happened::Wrote(bytes) => self.wrote(name, bytes),
            Happened::Ended(ending) => {
                let written = self.running.remove(&name).map_or(0, |running| running.written);
                let end = end(ending, written);
                tracing::info!(command.id = %name.id, outcome = end.outcome.as_str(), exit.code = end.exit_code, "ended");
                if let Err(error) = self.journal.end(&name, end.clone()) {
                    tracing::error!(command.id = %name.id, %error, "the end of a command cannot be recorded");
                }
                self.to_tell.push_back((name, Told::Ended(end)));
            }
        }
    }

    fn wrote(&mut self, name: CommandName, mut bytes: Vec<u8>) {
        let Some(running) = self.running.get_mut(&name) else {
            return;
        };
        let start = running.written;
        running.written += i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        let room = usize::try_from((MAX_OUTPUT_BYTES - start).max(0)).unwrap_or_default();
        bytes.truncate(room);
        if running.redacted || bytes.is_empty() {
            return;
        }
        // Joined to what the same program wrote before, so that many small writes are not many reports.
        if let Some((last, Told::Output { bytes: before, .. })) = self.to_tell.back_mut()
            && *last == name
            && before.len() + bytes.len() <= MAX_CHUNK_BYTES
        {
            before.extend(bytes);
            return;
        }
        self.to_tell.push_back((name, Told::Output { start, bytes }));
    }

    /// What is to be told next, as much as fits into a message.
    pub fn reports(&self) -> Vec<CommandReport> {
        let mut room = MESSAGE_OUTPUT_BYTES;
        let mut reports = Vec::new();
        for (name, told) in self.to_tell.iter().take(MAX_REPORTS) {
            let event = match told {
                Told::Started => Event::Started,
                Told::Progress(progress) => Event::Progress(*progress),
                Told::Ended(end) => Event::Ended(end.clone()),
                Told::Output { start, bytes } if bytes.len() <= room => {
                    room -= bytes.len();
                    Event::output(*start, bytes)
                }
                Told::Output { .. } => break,
            };
            let command = name.clone();
            reports.push(CommandReport { command, event });
        }
        reports
    }

    /// The server took the first `count` of what was to be told.
    pub fn taken(&mut self, count: usize) {
        for (name, told) in self.to_tell.drain(..count.min(self.to_tell.len())) {
            if let Told::Ended(_) = told
                && let Err(error) = self.journal.told(&name)
            {
                tracing::warn!(command.id = %name.id, %error, "that the server knows the end of a command cannot be recorded");
            }
        }
    }

    /// Ends whatever runs, because the agent ends. What is not recorded until then counts as interrupted.
    pub fn stop(&mut self) {
        for running in self.running.values() {
            running.stop.stop_at_once();
        }
        let until = Instant::now() + Duration::from_millis(500);
        while !self.running.is_empty() && Instant::now() < until {
            let Ok((name, happened)) = self
                .events
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            else {
                return;
            };
            if let Happened::Ended(_) = happened {
                let written = self.running.remove(&name).map_or(0, |running| running.written);
                let reason = "the agent was stopped while it ran, and ended it".to_owned();
                let stopped = End {
                    output_bytes: written,
                    ..refusal(EndOutcome::Interrupted, reason)
                };
                if let Err(error) = self.journal.end(&name, stopped) {
                    tracing::error!(command.id = %name.id, %error, "the end of a command cannot be recorded");
                }
            }
        }
    }
}

mod ends;
#[cfg(test)]
mod tests;
mod upgrades;
