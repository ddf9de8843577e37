//! One server's worker: attempts, one after the other, each decided by [`crate::decide`] and carried out here.
//!
//! Invariants: what an action changes is durable before it is believed; one worker's trouble touches no other's; a wish to
//! stop ends an attempt without counting as its failure.

mod asking;
mod keeper;
mod log;
mod message;
mod orders;
mod reporting;
mod rotation;
mod upgrading;

use crate::actions::Offer;
use crate::clock::Clock;
use crate::collect::Collector;
use crate::config;
use crate::decide::{self, Action, Change, Corrected, Situation, Standing, Task};
use crate::execute::{Runner, ServerClock};
use crate::identity::{Error, Identity, StateFolder};
use crate::pulse::Pulse;
use crate::random::{Jitter, NoEntropy, entropy};
use crate::report::Report;
use crate::schedule::{self, DEFAULT_INTERVAL_SECS};
use crate::stop::Stop;
use crate::upgrade::{OnTrial, Upgrades};
use crate::wire::{Client, Trusted};
use keeper::{Clocks, Keeper};
use rotation::Rotation;
use scm_protocol::agent::HostFacts;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use upgrading::Upgrading;

/// The longest that a start waits before its first attempt, so that machines switched on together do not call together.
const START_SPREAD: Duration = Duration::from_secs(2);

/// What a worker needs of the world.
#[derive(Clone)]
pub struct Surroundings {
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The wish to stop.
    pub stop: Arc<Stop>,
    /// Where identities are kept.
    pub folder: Arc<StateFolder>,
    /// Random per start of the agent.
    pub boot_id: String,
    /// What a server may have run here.
    pub offer: Arc<Offer>,
    /// What a server may make of this program.
    pub upgrades: Arc<Upgrades>,
    /// This program has to prove itself: it checks in and does nothing else.
    pub trial: Option<OnTrial>,
    /// Where the configuration came from, in which an enrollment token may be of no use any more.
    pub config: PathBuf,
}

/// Serves one server.
pub struct Worker {
    around: Surroundings,
    server: config::Server,
    client: Client,
    collector: Collector,
    jitter: Jitter,
    report: Report,
    standing: Standing,
    interval_secs: u32,
    clock_offset_ms: i64,
    failures: u32,
    known_facts: Option<HostFacts>,
    /// Registers although there is an id: a token that was configured since is presented this way.
    present_token: bool,
    /// Lets the server hold check-ins back.
    patient: bool,
    /// Sees to the client certificate.
    keeper: Keeper,
    rotation: Rotation,
    pulse: Arc<Pulse>,
    /// Carries out commands; none until the identity is open.
    runner: Option<Runner>,
    /// What commands expire by.
    server_clock: ServerClock,
    /// The server asked what is offered here.
    send_actions: bool,
    /// The upgrade that its server ordered, as far as this run knows of it.
    upgrading: Upgrading,
    /// The enrollment token has done its work, and nobody needs to read it any more.
    token_forgotten: bool,
}

/// What came of registering once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Where the agent stands.
    pub standing: Standing,
    /// The id that the server gave.
    pub id: Option<SystemId>,
    /// The public key that the machine is known by.
    pub public_key: PublicKey,
    /// What went wrong; none when the server's answer was taken.
    pub trouble: Option<String>,
}

impl Worker {
    /// A worker that has done nothing yet.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn new(
        around: Surroundings,
        server: config::Server,
        client: Client,
        telemetry: config::Telemetry,
    ) -> Result<Self, NoEntropy> {
        let report = Report::read(&around.folder, &server.tag);
        Ok(Worker {
            jitter: Jitter::seeded(u64::from_be_bytes(entropy()?)),
            around,
            server,
            client,
            collector: Collector::new(telemetry),
            report,
            standing: Standing::Unregistered,
            interval_secs: DEFAULT_INTERVAL_SECS,
            clock_offset_ms: 0,
            failures: 0,
            known_facts: None,
            present_token: false,
            patient: true,
            keeper: Keeper::default(),
            rotation: Rotation::default(),
            pulse: Arc::default(),
            runner: None,
            server_clock: ServerClock::default(),
            send_actions: false,
            upgrading: Upgrading::default(),
            token_forgotten: false,
        })
    }

    /// By which others feel whether it still moves.
    pub fn pulse(&self) -> Arc<Pulse> {
        self.pulse.clone()
    }

    /// Works until asked to stop.
    pub fn run(mut self) {
        let Some(mut identity) = self.identity() else {
            return;
        };
        if self.around.trial.is_none() {
            self.runner = self.open_runner();
        } else {
            // What is held back proves nothing yet.
            self.patient = false;
        }
        let mut wait = schedule::within(START_SPREAD, &mut self.jitter);
        while self.around.stop.wait(wait) {
            wait = {
                let pulse = self.pulse.clone();
                let _attempt = pulse.begin();
                self.attempt(&mut identity)
            };
            wait = self.attend(&mut identity, wait);
        }
        if let Some(runner) = &mut self.runner {
            runner.stop();
        }
    }

    /// Registers once; where that makes it Active, fetches the server's key as well, so that it is pinned.
    ///
    /// # Errors
    /// [`Error`] when the identity cannot be opened; then nothing was sent.
    pub fn enroll(mut self) -> Result<Enrolled, Error> {
        self.patient = false;
        self.report.last_error = None;
        let identity = self.open()?;
        let public_key = identity.public_key();
        let mut id = identity.id();
        if let Some(mut identity) = self.usable(identity) {
            self.present_token = identity.server_key().is_none();
            self.attempt(&mut identity);
            let unproven = self.standing == Standing::Active && identity.server_key().is_none();
            if unproven && self.report.last_error.is_none() {
                self.attempt(&mut identity);
            }
            id = identity.id();
        }
        Ok(Enrolled {
            standing: self.standing,
            id,
            public_key,
            trouble: self.report.last_error,
        })
    }

    /// The identity, as soon as it can be read or made. None when asked to stop, or when it may not be used.
    fn identity(&mut self) -> Option<Identity> {
        let mut failures = 0;
        loop {
            match self.open() {
                Ok(identity) => return self.usable(identity),
                Err(error) => {
                    failures += 1;
                    tracing::error!(server.url = %self.server.url, %error, "the identity cannot be opened, trying again");
                    self.fail(&error.to_string());
                    if !self
                        .around
                        .stop
                        .wait(schedule::backoff(failures, &mut self.jitter))
                    {
                        return None;
                    }
                }
            }
        }
    }

    fn open(&self) -> Result<Identity, Error> {
        Identity::open(
            self.around.folder.clone(),
            self.server.tag.clone(),
            self.server.organization.clone(),
            self.around.clock.now(),
        )
    }

    /// An identity whose pinned key is not the configured one belongs to another server.
    fn usable(&mut self, identity: Identity) -> Option<Identity> {
        let pinned = identity.server_key().map(|key| key.fingerprint());
        if let (Some(pinned), Some(configured)) = (pinned, self.server.server_key_pin)
            && pinned != configured
            && !identity.follows_from(&configured)
        {
            let reason = format!("the pinned server key {pinned} is not the configured {configured}");
            tracing::error!(
                target: "security", event = "server_key_mismatch", server.url = %self.server.url,
                "{reason}; this server is not contacted"
            );
            self.fail(&reason);
            return None;
        }
        self.standing = match (identity.id(), pinned, self.report.standing) {
            (None, _, _) => Standing::Unregistered,
            (Some(_), _, cut_off @ (Standing::Denied | Standing::Revoked | Standing::Quarantined)) => cut_off,
            (Some(_), None, _) => Standing::Pending,
            (Some(_), Some(_), Standing::Pending) => Standing::Pending,
            (Some(_), Some(_), _) => Standing::Active,
        };
        self.present_token = self.server.enrollment_token.is_some() && pinned.is_none();
        tracing::info!(
            server.url = %self.server.url,
            organization = %identity.organization(),
            system.id = identity.id().map(|id| id.0),
            identity.fingerprint = %identity.public_key().fingerprint(),
            "serving"
        );
        Some(identity)
    }

    /// One attempt, with the corrections that go on at once. How long to wait for the next.
    fn attempt(&mut self, identity: &mut Identity) -> Duration {
        let mut corrected = Corrected::default();
        loop {
            let Some(action) = self.step(identity, corrected) else {
                return Duration::ZERO;
            };
            corrected = action.corrected;
            if !action.wait.is_zero() {
                let sooner = action.failures == 0 && self.wants_certificate(identity);
                return if sooner {
                    Keeper::sooner(action.wait, &mut self.jitter)
                } else {
                    action.wait
                };
            }
        }
    }

    /// One request and what follows from its answer. None when asked to stop.
    fn step(&mut self, identity: &mut Identity, corrected: Corrected) -> Option<Action> {
        let task = match identity.id() {
            Some(id) if !self.present_token && !corrected.certificate && self.wants_certificate(identity) => {
                Task::Certificate(id)
            }
            Some(id) if !self.present_token => self.rotation.task(identity, id, self.standing),
            _ => Task::Register,
        };
        let shown = self.keeper.shown(identity, task, self.clocks().server);
        self.client.show(shown);
        let mut situation = self.situation(identity, task, corrected, shown.is_some());
        let action = match self.ask(identity, &mut situation) {
            _ if self.around.stop.is_requested() => return None,
            Ok(answer) => {
                self.keeper.answered(&answer, situation.with_certificate);
                decide::next(&situation, &answer, self.now(), &mut self.jitter)
            }
            Err(error) => decide::failed_here(&situation, error.to_string(), &mut self.jitter),
        };
        let action = match self.make_durable(identity, &action) {
            Ok(()) => action,
            Err(error) => decide::failed_here(&situation, error.to_string(), &mut self.jitter),
        };
        self.keeper
            .acted(task, &action, self.around.clock.now(), &mut self.jitter);
        self.rotation.attempted(task, &action);
        self.believe(identity, &situation, &action);
        Some(action)
    }

    fn wants_certificate(&self, identity: &Identity) -> bool {
        self.keeper.wants(identity, self.standing, self.clocks())
    }

    fn clocks(&self) -> Clocks {
        let host = self.now();
        Clocks {
            host,
            server: host.plus(self.clock_offset_ms),
        }
    }

    fn situation(
        &self,
        identity: &Identity,
        task: Task,
        corrected: Corrected,
        with_certificate: bool,
    ) -> Situation {
        Situation {
            organization: self.server.organization.clone(),
            task,
            trusted: Trusted {
                server_key: identity.server_key(),
                server_key_pin: self.server.server_key_pin,
            },
            next_key: identity.next_key().map(|key| key.verifying_key().into()),
            standing: self.standing,
            interval_secs: self.interval_secs,
            clock_offset_ms: self.clock_offset_ms,
            failures: self.failures,
            with_certificate,
            corrected,
        }
    }

    fn make_durable(&self, identity: &mut Identity, action: &Action) -> Result<(), Error> {
        match &action.change {
            Change::Nothing => Ok(()),
            Change::TakeId(id) => identity.set_id(*id),
            Change::GiveUpId => identity.forget_id(self.around.clock.now()),
            Change::Pin(key) => identity.pin(*key),
            Change::RenameBoot(name) => identity.rename_boot(format!("{:032x}", u128::from_be_bytes(*name))),
            Change::BeginRotation => identity.begin_rotation(),
            Change::PromoteKey => identity.promote_key(self.around.clock.now()),
            Change::DropNextKey => identity.drop_next_key(self.around.clock.now()),
            Change::StartAnew => identity.start_anew(self.around.clock.now()),
            Change::JumpTo(number) => {
                identity.sequence.jump(*number);
                Ok(())
            }
            Change::TakeCertificate(reply) => identity.set_certificate(reply),
            Change::DropCertificate => identity.drop_certificate(),
        }
    }

    fn now(&self) -> UnixMillis {
        self.around.clock.now()
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.server.url)
    }
}
