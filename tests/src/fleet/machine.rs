//! One simulated agent: its identity, and what it does with an answer.

use super::acknowledged::{AckLog, Acknowledged};
use super::skew::Skew;
use super::vitals::{Vitals, facts};
use crate::http::{Connection, Endpoint, Reply};
use crate::signed::{Answer, Signed, answer, new_key};
use anyhow::Result;
use ed25519_dalek::SigningKey;
use scm_protocol::agent::{AgentStatus, CheckIn, CheckInReply, HostFacts, RegisterReply, RegisterRequest};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, SystemId};
use scm_protocol::refusal::{Refusal, RefusalCode};
use std::time::{Duration, Instant};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What all machines of a fleet have in common.
pub(super) struct Surroundings {
    /// The server.
    pub(super) endpoint: Endpoint,
    /// The organization to register with.
    pub(super) organization: Organization,
    /// Approves whoever registers with it.
    pub(super) enrollment_token: Option<String>,
    /// Whether replies' signatures are verified.
    pub(super) verify: bool,
    /// Where acknowledged things go.
    pub(super) acks: AckLog,
    /// Of a hundred machines, so many go back when they are upgraded.
    pub(super) fail_upgrades: u8,
}

/// A simulated agent.
#[derive(Clone)]
pub(super) struct Machine {
    /// Its key pair.
    pub(super) key: SigningKey,
    /// Its id, once registered.
    pub(super) system: Option<SystemId>,
    /// The last sequence number that it used.
    pub(super) sequence: u64,
    /// The server's key, once delivered.
    pub(super) server_key: Option<PublicKey>,
    /// Whether the last answer called it active.
    pub(super) active: bool,
    facts: HostFacts,
    vitals: Vitals,
    measured: Option<Instant>,
    pub(super) boot_id: String,
    facts_due: bool,
    /// Version of its agent.
    pub(super) version: String,
    /// What its clock says.
    pub(super) clock: Skew,
}

/// Why a turn failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// For the report: `refused: replayed`, `connection`, …
    pub(super) kind: String,
    /// How long the server asked to stay away.
    pub(super) wait: Option<Duration>,
    /// Whether the connection is still good.
    pub(super) connected: bool,
}

impl Failure {
    fn kind(kind: &str) -> Self {
        Failure {
            kind: kind.to_owned(),
            wait: None,
            connected: true,
        }
    }

    /// No answer came in time.
    pub(super) fn timeout() -> Self {
        Failure {
            connected: false,
            ..Self::kind("timeout")
        }
    }

    /// The connection failed.
    pub(super) fn connection() -> Self {
        Failure {
            connected: false,
            ..Self::kind("connection")
        }
    }
}

impl Machine {
    /// The `index`-th machine, with a new key.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(super) fn new(prefix: &str, index: usize) -> Result<Self> {
        let key = new_key()?;
        let boot_id = key.verifying_key().to_bytes()[..16]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Machine {
            key,
            system: None,
            sequence: 0,
            server_key: None,
            active: false,
            facts: facts(prefix, index),
            vitals: Vitals::new(index),
            measured: None,
            boot_id,
            facts_due: false,
            version: VERSION.to_owned(),
            clock: Skew::default(),
        })
    }

    /// Its public key.
    pub(super) fn public_key(&self) -> PublicKey {
        self.key.verifying_key().into()
    }

    /// Registers where it has no id, checks in where it has one.
    ///
    /// # Errors
    /// [`Failure`], for the report.
    pub(super) async fn turn(
        &mut self,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        match self.system {
            None => self.register(around, connection).await,
            Some(system) => self.check_in(system, 0, around, connection).await,
        }
    }

    /// Checks in and lets the server hold the reply back for so many seconds.
    ///
    /// # Errors
    /// [`Failure`], for the report.
    pub(super) async fn wait_for_news(
        &mut self,
        hold_secs: u32,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        let system = self.system.ok_or_else(|| Failure::kind("not registered"))?;
        self.check_in(system, hold_secs, around, connection).await
    }

    async fn register(&mut self, around: &Surroundings, connection: &mut Connection) -> Result<(), Failure> {
        let body = RegisterRequest {
            facts: self.facts.clone(),
            agent_version: self.version.clone(),
            boot_id: self.boot_id.clone(),
            enrollment_token: around.enrollment_token.clone(),
        };
        let body = serde_json::to_vec(&body).map_err(|_| Failure::kind("unserializable"))?;
        self.sequence += 1;
        let now = self.clock.now();
        let nonce = format!("{}-{}", now.0, self.sequence);
        let request = Signed::registration(&self.key, &around.organization, now.as_secs(), nonce, body);
        let given: RegisterReply = self.ask(around, connection, &request).await?;
        self.system = Some(given.system_id);
        self.active = given.status == AgentStatus::Active;
        let acknowledged = Acknowledged::Registered {
            system: given.system_id,
            hostname: self.facts.hostname.clone(),
        };
        around
            .acks
            .record(&acknowledged)
            .map_err(|_| Failure::kind("ack log"))
    }

    /// Checks in, and does what it is told.
    async fn check_in(
        &mut self,
        system: SystemId,
        hold_secs: u32,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        let given = self.check_in_held(system, hold_secs, around, connection).await?;
        self.upgrade(&given.tasks.commands, around, connection).await
    }

    /// Checks in, and does nothing.
    ///
    /// # Errors
    /// [`Failure`], for the report.
    pub(super) async fn check_in_once(
        &mut self,
        system: SystemId,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<(), Failure> {
        self.check_in_held(system, 0, around, connection).await.map(drop)
    }

    /// Its facts are sent again with the next check-in, as after a start.
    pub(super) fn restarted(&mut self) {
        self.facts_due = true;
    }

    async fn check_in_held(
        &mut self,
        system: SystemId,
        hold_secs: u32,
        around: &Surroundings,
        connection: &mut Connection,
    ) -> Result<CheckInReply, Failure> {
        let since = self
            .measured
            .replace(Instant::now())
            .map_or(0, |last| last.elapsed().as_secs());
        let body = CheckIn {
            agent_version: self.version.clone(),
            boot_id: self.boot_id.clone(),
            has_server_key: self.server_key.is_some(),
            hold_secs,
            facts: self.facts_due.then(|| self.facts.clone()),
            telemetry: Some(self.vitals.measure(since as i64)),
            ..CheckIn::default()
        };
        let body = serde_json::to_vec(&body).map_err(|_| Failure::kind("unserializable"))?;
        self.sequence += 1;
        let sequence = self.sequence;
        let created = self.clock.now().as_secs();
        let request = Signed::checkin(&self.key, &around.organization, system, created, sequence, body);
        let given: CheckInReply = self.ask(around, connection, &request).await?;
        self.facts_due = false;
        self.active = given.status == AgentStatus::Active;
        if self.server_key.is_none() {
            self.server_key = given.server_public_key;
        }
        let acknowledged = Acknowledged::CheckedIn {
            system,
            sequence,
            server_time_ms: given.server_time_ms,
        };
        let recorded = around.acks.record(&acknowledged);
        recorded.map_err(|_| Failure::kind("ack log"))?;
        Ok(given)
    }

    pub(super) async fn ask<T: serde::de::DeserializeOwned>(
        &mut self,
        around: &Surroundings,
        connection: &mut Connection,
        request: &Signed,
    ) -> Result<T, Failure> {
        let bytes = request.bytes(&around.endpoint);
        let reply = connection
            .exchange(&bytes)
            .await
            .map_err(|_| Failure::connection())?;
        // Being put off is not signed, and changes nothing here: an agent comes later.
        if let Some(refusal) = put_off(&reply) {
            return Err(self.refused(&refusal, connection.reusable()));
        }
        self.check(around, request, &reply)?;
        match answer(&reply) {
            Ok(Answer::Given(given)) => Ok(given),
            Ok(Answer::Refused(refusal)) => Err(self.refused(&refusal, connection.reusable())),
            Err(_) => Err(Failure {
                connected: connection.reusable(),
                ..Failure::kind(&format!("status {}", reply.status))
            }),
        }
    }

    fn check(&self, around: &Surroundings, request: &Signed, reply: &Reply) -> Result<(), Failure> {
        match self.server_key {
            Some(key) if around.verify => request
                .verify(reply, &key)
                .map_err(|_| Failure::kind(&format!("unverifiable reply, status {}", reply.status))),
            _ => Ok(()),
        }
    }

    /// What an agent does about a refusal; one that was verified, or came before there was anything to verify it by.
    fn refused(&mut self, refusal: &Refusal, connected: bool) -> Failure {
        match (refusal.code, refusal.next_sequence) {
            (RefusalCode::Replayed, Some(next)) => self.sequence = next.saturating_sub(1),
            (RefusalCode::StaleClock, _) => self.clock.correct(refusal.server_time_ms),
            (RefusalCode::UnknownSystem, _) => {
                self.system = None;
                self.active = false;
            }
            _ => {}
        }
        Failure {
            kind: format!("refused: {}", refusal.code.as_str()),
            wait: refusal
                .retry_after_secs
                .map(|secs| Duration::from_secs(secs.into())),
            connected,
        }
    }
}

/// That the server has no time now, whoever says so.
fn put_off(reply: &Reply) -> Option<Refusal> {
    let refusal = reply.json::<Refusal>().ok().filter(|_| reply.status != 200)?;
    matches!(
        refusal.code,
        RefusalCode::Busy | RefusalCode::RateLimited | RefusalCode::Internal
    )
    .then_some(refusal)
}
