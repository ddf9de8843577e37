//! The fleet simulator as a program, and what it was told held against a server afterwards.

use super::{Process, Server, binary, eventually};
use crate::fleet::acknowledged::{self, Acknowledged};
use crate::fleet::identities;
use anyhow::{Context, Result, ensure};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::RefusalCode;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A simulated fleet with its files.
pub struct Simulated {
    folder: TempDir,
    agents: usize,
}

/// The sequence numbers that were acknowledged, and the server's time of the last, for each system.
pub type CheckIns = BTreeMap<SystemId, (Vec<u64>, UnixMillis)>;

impl Simulated {
    /// One of so many agents, not started yet.
    ///
    /// # Errors
    /// When there is no folder to be had.
    pub fn new(agents: usize) -> Result<Self> {
        Ok(Simulated {
            folder: tempfile::Builder::new().prefix("scm-fleet-").tempdir()?,
            agents,
        })
    }

    /// A file of its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it in front of a server.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&self, server: &Server, more: &[&str]) -> Result<Process> {
        let token = server.token_file();
        let token = token.to_str().context("a path that is not UTF-8")?;
        let more: Vec<&str> = ["--admin-token", token]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        self.start_at(&server.url(), &server.ca_file(), &more)
    }

    /// Starts it in front of whatever listens there.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_at(&self, url: &str, ca_file: &Path, more: &[&str]) -> Result<Process> {
        let mut command = Command::new(binary("fleet")?);
        command.args(["--server", url]).arg("--ca-file").arg(ca_file);
        command.args(["--agents", &self.agents.to_string()]);
        command.arg("--identities").arg(self.file("identities"));
        command
            .arg("--ack-log")
            .arg(self.file("acks"))
            .arg("--json")
            .arg(self.file("report"))
            .args(more);
        Process::start("the fleet", command, &self.file("log"))
    }

    /// Starts it and waits for its end; its report.
    ///
    /// # Errors
    /// When it fails, or takes more than two minutes.
    pub async fn run(&self, server: &Server, more: &[&str]) -> Result<Value> {
        let mut fleet = self.start(server, more)?;
        let status = eventually("the fleet to end", 120, async || fleet.finished()).await?;
        ensure!(status.success(), "the fleet ended with {status}");
        self.report()
    }

    /// Its report, after it ended.
    ///
    /// # Errors
    /// When there is none.
    pub fn report(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&std::fs::read(self.file("report"))?)?)
    }

    /// Kinds of errors that a phase met.
    ///
    /// # Errors
    /// When there is no such phase.
    pub fn errors(&self, phase: &str) -> Result<BTreeMap<String, u64>> {
        let errors = self.report()?["phases"][phase]["errors"].clone();
        serde_json::from_value(errors).with_context(|| format!("no phase {phase}"))
    }

    /// Everything that was acknowledged.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn acknowledged(&self) -> Result<Vec<Acknowledged>> {
        acknowledged::read(&self.file("acks"))
    }

    /// Nothing that was acknowledged is lost: registrations, decisions and the time of the last check-in, as the API shows
    /// them, and each check-in's number.
    ///
    /// # Errors
    /// What is lost.
    pub async fn must_have_lost_nothing(&self, server: &Server) -> Result<()> {
        let acks = self.acknowledged()?;
        let checkins = checkins(&acks);
        must_be_listed(server, &acks).await?;
        self.must_be_taken(server, &checkins).await
    }

    /// Every acknowledged check-in was written: sent again, it is refused as a replay. One that was lost would be taken.
    ///
    /// # Errors
    /// What is lost.
    pub async fn must_be_taken(&self, server: &Server, checkins: &CheckIns) -> Result<()> {
        let mut held = 0;
        for (key, system, _) in identities::read(&self.file("identities"))? {
            let system = system.context("an agent without id")?;
            let (sequences, _) = checkins
                .get(&system)
                .with_context(|| format!("{system} never checked in"))?;
            let mut rogue = server.rogue()?;
            (rogue.key, rogue.system) = (key, system);
            for sequence in sequences.iter().rev().take(5) {
                rogue.sequence = sequence - 1;
                let again = rogue.checkin()?;
                let (_, refusal) = rogue
                    .refused(&again)
                    .await
                    .with_context(|| format!("check-in {sequence} of {system} was acknowledged and lost"))?;
                ensure!(refusal.code == RefusalCode::Replayed, "{refusal:?}");
                held += 1;
            }
        }
        ensure!(held >= self.agents, "only {held} check-ins were looked at");
        Ok(())
    }
}

/// The check-ins among what was acknowledged.
pub fn checkins(acks: &[Acknowledged]) -> CheckIns {
    let mut checkins = CheckIns::new();
    for one in acks {
        if let Acknowledged::CheckedIn {
            system,
            sequence,
            server_time_ms,
        } = one
        {
            let entry = checkins.entry(*system).or_default();
            entry.0.push(*sequence);
            entry.1 = entry.1.max(*server_time_ms);
        }
    }
    checkins
}

/// Registrations, decisions and the time of the last check-in are as the API shows them.
///
/// # Errors
/// What is lost.
pub async fn must_be_listed(server: &Server, acks: &[Acknowledged]) -> Result<()> {
    let systems = server.admin()?.systems().await?;
    let find = |id: &SystemId| systems.iter().find(|system| system.id == *id);
    for one in acks {
        match one {
            Acknowledged::Registered { system, hostname } => {
                let found = find(system).with_context(|| format!("{system} registered and is gone"))?;
                ensure!(found.hostname == *hostname, "{system} changed hands");
            }
            Acknowledged::Decided { system, status } => {
                let found = find(system).with_context(|| format!("{system} was approved and is gone"))?;
                ensure!(found.status == *status, "{system} was approved and is not");
            }
            Acknowledged::CheckedIn { .. } => {}
        }
    }
    for (system, (_, last)) in checkins(acks) {
        let seen = find(&system).and_then(|system| system.last_seen_ms);
        ensure!(
            seen >= Some(last),
            "{system} was seen at {last:?}, the server says {seen:?}"
        );
    }
    Ok(())
}
