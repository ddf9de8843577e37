//! Carrying out the upgrade that this worker's server ordered, a turn at a time, between reports and check-ins.
//!
//! Invariants: only what the pinned key signed is written down; whatever fails before the new program is tried ends as a
//! refusal that is reported, and leaves the running program as it is; nothing waits for ever.

use super::orders::authority;
use super::{Clocks, Task, Worker, message};
use crate::identity::Identity;
use crate::upgrade::{Fetching, Installed, Job, NotFetched, Ready, Trouble, Verified};
use crate::wire::{NoPart, read_part};
use scm_protocol::commands::report::{CommandName, EndOutcome};
use scm_protocol::upgrades::progress::{UpgradeProgress, UpgradeStage};
use std::time::{Duration, Instant};

/// How often the progress of a download is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// For how long no part may come.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// How long all of it may take.
const LONGEST_FETCH: Duration = Duration::from_secs(6 * 3600);
/// How long a new program waits for what runs by commands.
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Added to what an exchange may take: a part over a slow line.
const PART_SECS: u32 = 90;

/// What this run knows of the upgrade that is under way.
#[derive(Debug, Default)]
pub(super) struct Upgrading {
    /// Which one.
    of: Option<CommandName>,
    step: Option<Step>,
    /// When it began, in this run.
    began: Option<Instant>,
    /// When a part came last, or the program was ready.
    moved: Option<Instant>,
    told: Option<(UpgradeStage, Instant)>,
    /// What a former run fetched was no use, and it was begun anew.
    anew: bool,
    /// The program waits to be tried, which is another's part: this worker is about to be stopped.
    handed_over: bool,
}

#[derive(Debug)]
enum Step {
    Fetching(Fetching),
    Ready(Installed),
}

impl Upgrading {
    /// Whether there is nothing to do for it but to wait.
    pub(super) fn waits(&self) -> bool {
        matches!(self.step, Some(Step::Ready(_)))
    }
}

impl Worker {
    /// Whether an upgrade is under way that this worker carries out.
    pub(super) fn is_upgrading(&self) -> bool {
        !self.upgrading.handed_over && self.ordered_upgrade().is_some()
    }

    fn ordered_upgrade(&self) -> Option<Job> {
        let runner = self.runner.as_ref()?;
        let job = self.around.upgrades.fetching(&self.server.tag)?;
        runner.has_begun(&job.command).then_some(job)
    }

    /// One step. What ends the upgrade is told; an error is something to try again.
    pub(super) fn upgrade_turn(&mut self, identity: &mut Identity) -> Result<(), String> {
        let Some(job) = self.ordered_upgrade() else {
            return Ok(());
        };
        if self.upgrading.of.as_ref() != Some(&job.command) {
            // What is known is of one that was cancelled.
            self.upgrading = Upgrading {
                of: Some(job.command.clone()),
                ..Upgrading::default()
            };
        }
        let now = Instant::now();
        let began = *self.upgrading.began.get_or_insert(now);
        let moved = *self.upgrading.moved.get_or_insert(now);
        match self.upgrading.step.take() {
            Some(Step::Ready(installed)) => {
                self.hand_over(job, installed, moved);
                Ok(())
            }
            Some(Step::Fetching(fetching)) => self.fetch(identity, &job, fetching, (began, moved)),
            None => {
                match Fetching::open(self.around.upgrades.programs(), &job.order) {
                    Ok(fetching) => {
                        tracing::info!(
                            command.id = %job.command.id, upgrade.version = %job.order.version,
                            package.bytes = fetching.total_bytes(), package.there = fetching.done_bytes(), "fetching"
                        );
                        self.tell(&job, UpgradeStage::Downloading, fetching.done_bytes());
                        self.upgrading.step = Some(Step::Fetching(fetching));
                    }
                    Err(trouble) => self.give_up(&job, &trouble.to_string()),
                }
                Ok(())
            }
        }
    }

    fn fetch(
        &mut self,
        identity: &mut Identity,
        job: &Job,
        mut fetching: Fetching,
        (began, moved): (Instant, Instant),
    ) -> Result<(), String> {
        let Some(start) = fetching.next_start() else {
            self.prepare(job, fetching);
            return Ok(());
        };
        if began.elapsed() > LONGEST_FETCH {
            self.give_up(job, "the package did not come within six hours");
            return Ok(());
        }
        match self.ask_part(identity, job, start) {
            Ok(part) => match fetching.take(&part) {
                Ok(()) => {
                    self.upgrading.moved = Some(Instant::now());
                    self.tell(job, UpgradeStage::Downloading, fetching.done_bytes());
                    self.upgrading.step = Some(Step::Fetching(fetching));
                }
                Err(trouble) => self.give_up(job, &trouble.to_string()),
            },
            Err(NoPart::Never(reason)) => self.give_up(job, &reason),
            Err(NoPart::Later(reason)) if moved.elapsed() > LONGEST_PAUSE => {
                self.give_up(
                    job,
                    &format!("no part of the package came for a quarter of an hour: {reason}"),
                );
            }
            Err(NoPart::Later(reason)) => {
                self.upgrading.step = Some(Step::Fetching(fetching));
                return Err(reason);
            }
        }
        Ok(())
    }

    /// The part that begins there.
    fn ask_part(&mut self, identity: &mut Identity, job: &Job, start: i64) -> Result<Vec<u8>, NoPart> {
        let later = |error: crate::identity::Error| NoPart::Later(error.to_string());
        let (Some(id), Some(authority)) = (identity.id(), authority(identity)) else {
            return Err(NoPart::Later("this machine is not registered".to_owned()));
        };
        let boot = identity.boot(&self.around.boot_id).map_err(later)?;
        let body = message::part(boot.id, job.command.clone(), start);
        let Clocks { server, .. } = self.clocks();
        self.client
            .show(self.keeper.shown(identity, Task::CheckIn(id), server));
        let sequence = identity.sequence.take().map_err(later)?;
        let request = self.sender(identity).part(id, body, sequence);
        let reply = self.exchange(&request, PART_SECS);
        read_part(&request, reply, &authority.key)
    }

    /// All is there: from a package to a program that can be tried.
    fn prepare(&mut self, job: &Job, fetching: Fetching) {
        self.tell(job, UpgradeStage::Verifying, fetching.total_bytes());
        let (upgrades, order) = (self.around.upgrades.clone(), &job.order);
        let fetched = match fetching.finish() {
            Ok(fetched) => fetched,
            Err(NotFetched::OtherHash { resumed: true }) if !self.upgrading.anew => {
                tracing::warn!(command.id = %job.command.id, "what a former run fetched is damaged: it is fetched anew");
                self.upgrading.anew = true;
                return;
            }
            Err(error) => return self.give_up(job, &error.to_string()),
        };
        let installed = Verified::of(fetched, order, upgrades.policy())
            .and_then(|verified| Installed::of(verified, upgrades.programs(), order));
        match installed {
            Ok(installed) => {
                tracing::info!(command.id = %job.command.id, upgrade.version = %order.version, "verified and ready to be tried");
                self.upgrading.moved = Some(Instant::now());
                self.tell(job, UpgradeStage::Restarting, order.size);
                self.upgrading.step = Some(Step::Ready(installed));
            }
            Err(Trouble(reason)) => self.give_up(job, &reason),
        }
    }

    /// Hands the program over to be tried, as soon as nothing runs by a command.
    fn hand_over(&mut self, job: Job, installed: Installed, since: Instant) {
        if self.around.upgrades.quiesce() {
            // Whatever comes of it, this worker has nothing more to do with it.
            self.upgrading = Upgrading {
                handed_over: true,
                ..Upgrading::default()
            };
            self.around.upgrades.hand_over(Ready { job, installed });
        } else if since.elapsed() > LONGEST_WAIT {
            self.give_up(
                &job,
                "programs that run by commands did not end within a quarter of an hour",
            );
        } else {
            self.upgrading.step = Some(Step::Ready(installed));
        }
    }

    fn give_up(&mut self, job: &Job, reason: &str) {
        self.upgrading = Upgrading::default();
        if let Some(runner) = &mut self.runner {
            runner.end_upgrade(&job.command, EndOutcome::Refused, reason);
        }
    }

    /// Tells how far it is: each stage once, and a download now and then.
    fn tell(&mut self, job: &Job, stage: UpgradeStage, done_bytes: i64) {
        let now = Instant::now();
        let recent =
            |(told, at): (UpgradeStage, Instant)| told == stage && now.duration_since(at) < TELL_EVERY;
        if self.upgrading.told.is_some_and(recent) {
            return;
        }
        self.upgrading.told = Some((stage, now));
        if let Some(runner) = &mut self.runner {
            let total_bytes = job.order.size;
            runner.tell_progress(
                &job.command,
                UpgradeProgress {
                    stage,
                    done_bytes,
                    total_bytes,
                },
            );
        }
    }
}
