//! Orders to upgrade: taken up here, carried out by the worker between its reports, and by [`crate::upgrade`].

use super::{Runner, Told};
use crate::actions::bounded;
use crate::execute::Known;
use crate::execute::judge::refusal;
use crate::identity::Error;
use scm_protocol::commands::order::{AuthenticOrder, SignedOrder};
use scm_protocol::commands::report::{CommandName, End, EndOutcome};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::progress::UpgradeProgress;

impl Runner {
    /// Takes an order up, or refuses it. The record has it before the journal: what is in the record alone was never begun.
    pub(super) fn begin_upgrade(
        &mut self,
        order: &SignedOrder,
        authentic: &AuthenticOrder,
        now: UnixMillis,
    ) -> Result<(), Error> {
        if let Err((outcome, reason)) = self.upgrades.accept(&self.server, authentic) {
            return self.refuse(order, outcome, &reason, now);
        }
        self.journal.begin(authentic.get(), now)?;
        tracing::info!(command.id = %authentic.get().id, "an upgrade begins");
        self.to_tell.push_back((authentic.get().name(), Told::Started));
        Ok(())
    }

    /// Whether the journal has used up this id, and has no end of it: before that, nothing is done by the record alone.
    pub fn has_begun(&self, name: &CommandName) -> bool {
        self.journal.known(name) == Known::Begun
    }

    /// How far an upgrade is. Only the last word on it is told.
    pub fn tell_progress(&mut self, name: &CommandName, progress: UpgradeProgress) {
        let before = self.to_tell.iter_mut().find_map(|(other, told)| match told {
            Told::Progress(before) if other == name => Some(before),
            _ => None,
        });
        match before {
            Some(before) => *before = progress,
            None => self.to_tell.push_back((name.clone(), Told::Progress(progress))),
        }
    }

    /// Ends an upgrade that changed nothing, durably, with the reason.
    pub fn end_upgrade(&mut self, name: &CommandName, outcome: EndOutcome, reason: &str) {
        tracing::warn!(
            target: "security", event = "upgrade_refused", command.id = %name.id, outcome = outcome.as_str(),
            "an upgrade is not done: {reason}"
        );
        let end: End = refusal(outcome, bounded(reason));
        // In this order: after a kill in between, the journal's word counts.
        let kept = self
            .journal
            .end(name, end.clone())
            .and_then(|()| self.upgrades.close(name, &end));
        if let Err(error) = kept {
            tracing::error!(command.id = %name.id, %error, "the end of an upgrade cannot be recorded");
        }
        self.to_tell.push_back((name.clone(), Told::Ended(end)));
    }

    /// Stops an upgrade, as long as nothing was changed for it. Whether there was one to stop.
    pub(super) fn cancel_upgrade(&mut self, name: &CommandName) -> bool {
        let ours = self.upgrades.fetching(&self.server);
        let ours = ours.is_some_and(|job| job.command == *name);
        if ours {
            self.end_upgrade(
                name,
                EndOutcome::Cancelled,
                "it was cancelled before anything was changed",
            );
        }
        ours
    }
}
