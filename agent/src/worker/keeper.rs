//! When a client certificate is shown, and when another one is asked for.
//!
//! Invariants: asking for a certificate never keeps a check-in from being made; one that has expired by the server's
//! clock is not shown; after something in between refused a connection with a certificate, one without is tried, because
//! what stands in front of the server (a proxy with a list of revocations) may not let the server answer at all; and a
//! new certificate is asked for.

use crate::decide::{Action, Change, Standing, Task};
use crate::identity::Identity;
use crate::random::Jitter;
use crate::schedule;
use crate::wire::{Answer, ClientIdentity};
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

/// After a request for a certificate that failed, the next one waits at least so long, unless the server asks for one.
const LEAST_PAUSE_MS: i64 = 60_000;
/// After one that was got because the former was refused on the way.
const BARE_PAUSE_MS: i64 = 3_600_000;
/// A machine that became active asks for its certificate within this time, so that many approved together spread.
const SPREAD: Duration = Duration::from_secs(3);

/// What is remembered between attempts.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// The server refused a request for want of a certificate.
    asked_for: bool,
    /// Connections are made without the certificate that there is.
    bare: bool,
    /// No request before then, by the host's clock.
    not_before: Option<UnixMillis>,
    /// Failed requests in a row.
    failures: u32,
}

impl Keeper {
    /// Whether to ask for a certificate now; `server_time` is the server's clock as far as known.
    pub(super) fn wants(&self, identity: &Identity, standing: Standing, clocks: Clocks) -> bool {
        let paused = self.not_before.is_some_and(|until| clocks.host < until);
        let due = identity
            .certificate()
            .is_none_or(|(certificate, _)| clocks.server >= certificate.renew_after());
        let proven = standing == Standing::Active && identity.server_key().is_some();
        identity.id().is_some() && (self.asked_for || (proven && (due || self.bare) && !paused))
    }

    /// What to show with a request.
    pub(super) fn shown<'a>(
        &self,
        identity: &'a Identity,
        task: Task,
        server_time: UnixMillis,
    ) -> Option<&'a Arc<ClientIdentity>> {
        let (certificate, usable) = identity.certificate()?;
        let useful = !self.bare
            && !matches!(task, Task::Register | Task::TryNextKey(_))
            && server_time < certificate.not_after();
        useful.then_some(usable)
    }

    /// Takes note of an answer to a request that was made with or without a certificate.
    pub(super) fn answered(&mut self, answer: &Answer, with_certificate: bool) {
        self.bare = match answer {
            Answer::Barred { .. } => with_certificate,
            Answer::Failed { .. } | Answer::Untrusted { .. } => false,
            _ => self.bare,
        };
    }

    /// Takes note of what was done.
    pub(super) fn acted(&mut self, task: Task, action: &Action, host_time: UnixMillis, jitter: &mut Jitter) {
        let taken = matches!(action.change, Change::TakeCertificate(_));
        if let Task::Certificate(_) = task {
            self.asked_for = false;
            self.failures = if taken { 0 } else { self.failures.saturating_add(1) };
            let backoff_ms = i64::try_from(schedule::backoff(self.failures, jitter).as_millis());
            let pause_ms = match (taken, self.bare) {
                (true, false) => 0,
                // If the new one is refused on the way as the former was, others will be too.
                (true, true) => BARE_PAUSE_MS,
                (false, _) => LEAST_PAUSE_MS + backoff_ms.unwrap_or_default(),
            };
            self.not_before = Some(host_time.plus(pause_ms));
        }
        if taken {
            self.bare = false;
        }
        self.asked_for |= action.ask_certificate;
    }

    /// The wait, made shorter where a certificate is to be asked for first.
    pub(super) fn sooner(wait: Duration, jitter: &mut Jitter) -> Duration {
        wait.min(schedule::within(SPREAD, jitter))
    }
}

/// The host's clock, and the server's as far as known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub host: UnixMillis,
    pub server: UnixMillis,
}
