//! What an attempt leaves behind: the worker's state, the log, and what `scmclient status` shows.

use super::{Worker, log};
use crate::config;
use crate::decide::{Action, Change, Note, Situation, Standing};
use crate::identity::Identity;
use crate::report::Report;
use crate::version::VERSION;

impl Worker {
    pub(super) fn believe(&mut self, identity: &Identity, situation: &Situation, action: &Action) {
        self.interval_secs = action.interval_secs;
        self.clock_offset_ms = action.clock_offset_ms;
        self.failures = action.failures;
        if matches!(action.change, Change::GiveUpId | Change::StartAnew) {
            self.known_facts = None;
        }
        log::action(&self.server.url, identity.id(), situation, action);
        self.standing = action.standing;
        let now = self.around.clock.now();
        self.report = Report {
            url: self.server.url.clone(),
            organization: self.server.organization.to_string(),
            system_id: identity.id(),
            standing: action.standing,
            agent_version: VERSION.to_owned(),
            last_contact_ms: action.contact.then_some(now).or(self.report.last_contact_ms),
            next_attempt_ms: Some(now.plus(i64::try_from(action.wait.as_millis()).unwrap_or(i64::MAX))),
            clock_offset_ms: action.clock_offset_ms,
            last_error: None,
            last_error_ms: None,
        };
        self.forget_token(identity);
        match &action.note {
            Note::Fine => self.write_report(),
            Note::Trouble(reason) | Note::Security { reason, .. } => self.fail(reason),
        }
    }

    /// Once the machine is enrolled beyond doubt, the token is taken out of where everyone could read it.
    fn forget_token(&mut self, identity: &Identity) {
        let enrolled = self.standing == Standing::Active && identity.server_key().is_some();
        if self.token_forgotten || !enrolled || self.server.enrollment_token.is_none() {
            return;
        }
        match config::forget_token(&self.around.config, &self.server.tag) {
            Ok(()) => self.token_forgotten = true,
            Err(error) => {
                tracing::warn!(server.url = %self.server.url, %error, "the enrollment token cannot be removed, trying again");
            }
        }
    }

    /// Leaves an error for `scmclient status`.
    pub(super) fn fail(&mut self, reason: &str) {
        self.report.url.clone_from(&self.server.url);
        self.report.last_error = Some(reason.to_owned());
        self.report.last_error_ms = Some(self.now());
        self.write_report();
    }

    fn write_report(&self) {
        if let Err(error) = self.report.write(&self.around.folder, &self.server.tag) {
            tracing::warn!(server.url = %self.server.url, %error, "the state for `scmclient status` cannot be written");
        }
    }
}
