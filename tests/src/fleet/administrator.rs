//! What the simulator does with the local administrator's rights: approve, and see who is listed.

use super::acknowledged::{AckLog, Acknowledged};
use super::machine::Machine;
use super::tally::Tally;
use crate::http::{Connection, Endpoint, Reply};
use anyhow::{Context, Result, bail};
use scm_protocol::events::Overview;
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{StatusChange, SystemStatus};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// An administrator with a connection.
pub(super) struct Administrator {
    endpoint: Endpoint,
    authorization: String,
    connection: Option<Connection>,
}

impl Administrator {
    /// One with the token in a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn new(endpoint: Endpoint, token_file: &Path) -> Result<Self> {
        let token = fs::read_to_string(token_file)
            .with_context(|| format!("cannot read the token in {}", token_file.display()))?;
        Ok(Administrator {
            endpoint,
            authorization: format!("Bearer {}", token.trim()),
            connection: None,
        })
    }

    /// Approves every machine that has an id and is not active.
    ///
    /// # Errors
    /// When the log of acknowledged things cannot be written.
    pub(super) async fn approve(&mut self, machines: &mut [&mut Machine], acks: &AckLog) -> Result<Tally> {
        let mut tally = Tally::new()?;
        let began = Instant::now();
        for machine in machines.iter_mut().filter(|machine| !machine.active) {
            let Some(system) = machine.system else { continue };
            let fingerprint = machine.public_key().fingerprint();
            if self.approve_one(system, fingerprint, &mut tally).await {
                let status = SystemStatus::Active;
                acks.record(&Acknowledged::Decided { system, status })?;
            }
        }
        tally.took(began.elapsed());
        Ok(tally)
    }

    /// Approves one system that waits; true when the server did.
    pub(super) async fn approve_one(
        &mut self,
        system: SystemId,
        fingerprint: Fingerprint,
        tally: &mut Tally,
    ) -> bool {
        let body = json!(StatusChange {
            fingerprint,
            expected_status: SystemStatus::Pending,
        });
        let asked = Instant::now();
        let path = format!("/api/v1/systems/{system}/approve");
        match self.ask("POST", &path, body.to_string().as_bytes()).await {
            Ok(reply) if reply.status < 300 => {
                tally.succeeded(asked.elapsed());
                return true;
            }
            Ok(reply) => tally.failed(&format!("status {}", reply.status)),
            Err(_) => tally.failed("connection"),
        }
        false
    }

    /// Lets that many systems more than by default wait for approval.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) async fn make_room(&mut self, agents: usize) -> Result<()> {
        let body = serde_json::json!({ "value": agents + 10_000 });
        let body = serde_json::to_vec(&body)?;
        let reply = self.ask("PUT", "/api/v1/settings/pending.max", &body).await?;
        match reply.status {
            204 => Ok(()),
            status => bail!("no room for {agents} systems: status {status}: {}", reply.text()),
        }
    }

    /// Waits until that many systems are listed.
    ///
    /// # Errors
    /// When they are not within a minute.
    pub(super) async fn await_listed(&mut self, count: i64) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let reply = self.ask("GET", "/api/v1/overview", b"").await?;
            if reply.status != 200 {
                bail!(
                    "the overview cannot be read: status {}: {}",
                    reply.status,
                    reply.text()
                );
            }
            let listed = reply.json::<Overview>()?.counts.total;
            if listed >= count {
                println!("{listed} systems are listed");
                return Ok(());
            }
            if Instant::now() >= end {
                bail!("only {listed} of {count} systems are listed");
            }
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> Result<Reply> {
        let mut connection = match self.connection.take() {
            Some(connection) if connection.reusable() => connection,
            _ => self.endpoint.connect().await?,
        };
        let headers = [("authorization", self.authorization.as_str())];
        let request = self.endpoint.request(method, path, &headers, body);
        let reply = connection.exchange(&request).await?;
        self.connection = Some(connection);
        Ok(reply)
    }
}
