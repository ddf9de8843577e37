//! Commands between two check-ins: what a reply says there is to do is done, and what comes of it is reported.
//!
//! Invariants: only what the pinned key signed is heeded; each report is an attempt of its own, so that a program that runs
//! for hours does not make the agent look stuck; while a program runs or something is to be told, check-ins are not
//! held back, and reports go on in between; a report that fails is made again, the next check-in is made on time all the
//! same.

use super::{Clocks, Task, Worker, message};
use crate::decide::Standing;
use crate::execute::{Authority, Journal, Known, Runner};
use crate::identity::Identity;
use crate::schedule;
use crate::wire::{Answer, Evidence, Trusted, read_results};
use scm_protocol::commands::report::{CommandName, Tasks};
use scm_protocol::ids::UnixMillis;
use std::time::{Duration, Instant};

/// The longest wait for the next check-in after everything was told: that one may be held again, so that the next command
/// finds the agent connected.
const BACK_SOON: Duration = Duration::from_secs(1);
/// How long to wait for something to tell before the server is asked whether there is more to do, or something to stop.
const PERIOD: Duration = Duration::from_secs(1);

impl Worker {
    /// The runner for this server. Without a journal there is none: nothing is ever run that cannot be recorded.
    pub(super) fn open_runner(&self) -> Option<Runner> {
        let file = self.server.tag.file("client", "commands");
        let (server, upgrades) = (self.server.tag.clone(), self.around.upgrades.clone());
        let held = |name: &CommandName| upgrades.held(&server, name);
        let opened = Journal::open(self.around.folder.clone(), file, self.now(), held).and_then(|journal| {
            upgrades.reconcile(&server, |name| journal.known(name) == Known::Begun)?;
            Ok(journal)
        });
        match opened {
            Ok(journal) => Some(Runner::new(self.around.offer.clone(), journal, server, upgrades)),
            Err(error) => {
                tracing::error!(server.url = %self.server.url, %error, "the journal of commands cannot be used: none is run");
                None
            }
        }
    }

    /// Tells the server's catalogue from this one.
    pub(super) fn actions_digest(&self) -> Option<String> {
        // Also on trial, when there is no runner: it is the same machine.
        self.runner
            .as_ref()
            .map(drop)
            .or(self.around.trial.as_ref().map(drop))?;
        Some(self.around.offer.catalogue().digest()).filter(|digest| !digest.is_empty())
    }

    /// Whether there is more to do than to check in.
    pub(super) fn must_attend(&self, identity: &Identity) -> bool {
        let busy =
            self.send_actions || self.is_upgrading() || self.runner.as_ref().is_some_and(Runner::is_busy);
        busy && self.failures == 0 && self.standing == Standing::Active && authority(identity).is_some()
    }

    /// Does what the reply to a check-in says there is to do.
    pub(super) fn heed(&mut self, identity: &Identity, answer: &Answer) {
        if let Answer::CheckedIn(Evidence::Pinned(reply)) = answer {
            let reply = reply.get();
            if let Some(trial) = &self.around.trial {
                trial.checked_in(&self.server.tag, reply.status);
            }
            self.send_actions |= reply.send_actions && self.runner.is_some();
            self.take(identity, reply.server_time_ms, &reply.tasks);
        }
    }

    fn take(&mut self, identity: &Identity, server_time: UnixMillis, tasks: &Tasks) {
        let heard = Instant::now();
        self.server_clock.hear(server_time, heard);
        let now = self.server_clock.at(heard).unwrap_or(server_time);
        if let (Some(runner), Some(authority)) = (&mut self.runner, authority(identity))
            && !tasks.is_empty()
        {
            runner.take(tasks, &authority, now);
        }
    }

    /// Reports until there is nothing more to report, for as long as `wait`. How long to wait then: what is left of it, or
    /// hardly at all where something was told.
    pub(super) fn attend(&mut self, identity: &mut Identity, wait: Duration) -> Duration {
        let until = Instant::now() + wait;
        let (mut failures, mut told) = (0, false);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || self.around.stop.is_requested() || !self.must_attend(identity) {
                return if told && self.patient {
                    left.min(schedule::within(BACK_SOON, &mut self.jitter))
                } else {
                    left
                };
            }
            let pulse = self.pulse.clone();
            let reported = {
                let _attempt = pulse.begin();
                self.turn(identity)
            };
            let pause = match reported {
                Ok(()) => {
                    (failures, told) = (0, true);
                    Duration::ZERO
                }
                Err(_) if self.around.stop.is_requested() => return left,
                Err(reason) => {
                    failures += 1;
                    tracing::warn!(server.url = %self.server.url, attempt.failures = failures, "commands cannot go on: {reason}");
                    schedule::backoff(failures, &mut self.jitter)
                }
            };
            let left = until.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                self.around.stop.wait(pause.min(left));
            } else if let Some(runner) = &mut self.runner
                && (runner.is_busy() || self.upgrading.waits())
                && !runner.has_news()
            {
                runner.listen(PERIOD.min(left));
            }
        }
    }

    /// What is to be told comes first, so that an upgrade is seen, and can be cancelled, while it goes on.
    fn turn(&mut self, identity: &mut Identity) -> Result<(), String> {
        let silent = !self.send_actions && !self.runner.as_ref().is_some_and(Runner::has_news);
        if silent && self.is_upgrading() {
            self.upgrade_turn(identity)
        } else {
            self.report(identity)
        }
    }

    /// One report, and what its reply says there is to do.
    fn report(&mut self, identity: &mut Identity) -> Result<(), String> {
        let (Some(id), Some(authority), Some(runner)) =
            (identity.id(), authority(identity), &mut self.runner)
        else {
            return Ok(());
        };
        runner.listen(Duration::ZERO);
        // Never both: together they might be larger than a server reads.
        let catalogue = self.send_actions.then(|| runner.offer().catalogue().clone());
        let reports = if catalogue.is_some() {
            Vec::new()
        } else {
            runner.reports()
        };
        let (count, with_catalogue) = (reports.len(), catalogue.is_some());
        let boot = identity
            .boot(&self.around.boot_id)
            .map_err(|error| error.to_string())?;
        let body = message::results(boot.id, catalogue, reports);
        let Clocks { server, .. } = self.clocks();
        self.client
            .show(self.keeper.shown(identity, Task::CheckIn(id), server));
        let sequence = identity.sequence.take().map_err(|error| error.to_string())?;
        let request = self.sender(identity).results(id, body, sequence);
        let reply = self.exchange(&request, 0);
        let trusted = Trusted {
            server_key: Some(authority.key),
            server_key_pin: self.server.server_key_pin,
        };
        let trusted = self
            .follow(identity, &request, &reply, trusted)
            .map_err(|error| error.to_string())?;
        let key = trusted.server_key.unwrap_or(authority.key);
        let reply = read_results(&request, reply, &key)?.into_inner();
        if with_catalogue {
            self.send_actions = false;
        }
        if let Some(runner) = &mut self.runner {
            runner.taken(count);
        }
        self.take(identity, reply.server_time_ms, &reply.tasks);
        Ok(())
    }
}

/// Whose commands this identity obeys: none before a server key is pinned.
pub(super) fn authority(identity: &Identity) -> Option<Authority> {
    Some(Authority {
        key: identity.server_key()?,
        organization: identity.organization().clone(),
        system: identity.id()?,
    })
}
