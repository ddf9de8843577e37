//! A system that can be upgraded, a release key, and packages of every kind.

use super::{Admin, Agent, AgentBuilder, Server, binary, eventually};
use anyhow::{Context, Result, ensure};
use minisign::KeyPair;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::platform::Platform;
use scm_protocol::upgrades::statement::PackageStatement;
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeOffer, UpgradeState};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

/// The version of the other agent that `cargo xtask test` builds.
pub const NEXT: &str = "99.0.0";

/// A server that holds packages, an agent that knows the release key, and an administrator.
pub struct Upgraded {
    /// The server.
    pub server: Server,
    /// The agent.
    pub agent: Agent,
    /// The local administrator.
    pub admin: Admin,
    /// The agent's id.
    pub system: SystemId,
    key: KeyPair,
    folder: TempDir,
}

/// The platform of this machine.
///
/// # Errors
/// When it has no name.
pub fn platform() -> Result<Platform> {
    Platform::of_this_program().context("this machine's platform has no name")
}

impl Upgraded {
    /// An active system whose agent has this section besides the release key.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn start(lines: &str) -> Result<Self> {
        Self::start_with(lines, |builder| builder).await
    }

    /// As [`Upgraded::start`], with an agent of this kind.
    ///
    /// # Errors
    /// When it cannot be done.
    pub async fn start_with(lines: &str, kind: impl FnOnce(AgentBuilder) -> AgentBuilder) -> Result<Self> {
        let key = KeyPair::generate_unencrypted_keypair()?;
        let public = key.pk.to_base64();
        let sections = format!("[packages]\nrelease_keys = [\"{public}\"]\n");
        let server = Server::builder().sections(&sections).start().await?;
        let section = format!("\n[upgrade]\nrelease_key = \"{public}\"\n{lines}\n");
        let agent = kind(server.agent()).actions(&section).start()?;
        let admin = server.admin()?;
        let system = admin.await_status(SystemStatus::Pending).await?.id;
        admin.decide(system, "approve").await?;
        let world = Upgraded {
            server,
            agent,
            admin,
            system,
            key,
            folder: tempfile::Builder::new().prefix("scm-packages-").tempdir()?,
        };
        world.runs(env!("CARGO_PKG_VERSION")).await?;
        eventually("the machine to be known", 60, async || {
            Ok(world.offer().await?.platform.map(|_| ()))
        })
        .await?;
        // Its identity is complete with the server's key.
        eventually("the server's key to be pinned", 60, async || {
            Ok(world.agent.status()?.contains("Active").then_some(()))
        })
        .await?;
        Ok(world)
    }

    /// The release key's signature of a program, as of this version.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn sign(&self, version: &str, program: &[u8]) -> Result<String> {
        let hash: String = Sha256::digest(program)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let statement = PackageStatement::of_agent(version, platform()?, &hash).to_string();
        let signed = minisign::sign(Some(&self.key.pk), &self.key.sk, program, Some(&statement), None)?;
        Ok(signed.into_string())
    }

    /// Has the server hold a program.
    ///
    /// # Errors
    /// When it refuses.
    pub fn add(&self, version: &str, program: &[u8]) -> Result<()> {
        let file = self.file(version);
        fs::write(&file, program)?;
        fs::write(
            self.file(&format!("{version}.minisig")),
            self.sign(version, program)?,
        )?;
        let signature = self.file(&format!("{version}.minisig"));
        let (file, signature) = (file.display().to_string(), signature.display().to_string());
        let output = self
            .server
            .command(&["packages", "add", &file, "--signature", &signature])?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the package was not added: {said}");
        Ok(())
    }

    /// Has the server hold the other agent that was built.
    ///
    /// # Errors
    /// When it was not built, or is refused.
    pub fn add_next(&self) -> Result<()> {
        self.add(NEXT, &fs::read(binary("scmclient-next")?)?)
    }

    /// Has the server hold a script that says that it is that version, and runs these lines otherwise.
    ///
    /// # Errors
    /// When it is refused.
    pub fn add_script(&self, version: &str, lines: &str) -> Result<()> {
        let head = format!("#!/bin/sh\n[ \"$1\" = --version ] && echo \"scmclient {version}\" && exit\n");
        self.add(version, format!("{head}{lines}\n").as_bytes())
    }

    /// A file beside the packages.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Queues an upgrade.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn order(&self, version: &str) -> Result<Upgrade> {
        let path = format!("/api/v1/systems/{}/upgrade", self.system);
        self.admin
            .call("POST", &path, &json!({ "version": version }))
            .await
    }

    /// What is offered, and how the last upgrade stands.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn offer(&self) -> Result<UpgradeOffer> {
        self.admin
            .get(&format!("/api/v1/systems/{}/upgrade", self.system))
            .await
    }

    /// Waits for a state of the last upgrade. Another end is an error.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn until(&self, state: UpgradeState) -> Result<Upgrade> {
        let mut last = None;
        let reached = eventually(state.as_str(), 120, async || {
            let upgrade = self.offer().await?.last.context("no upgrade")?;
            let there = upgrade.state == state;
            ensure!(there || !upgrade.state.is_over(), "it is over: {upgrade:?}");
            last = Some(upgrade.clone());
            Ok(there.then_some(upgrade))
        })
        .await;
        reached.with_context(|| format!("{last:?}\n{}", self.agent.log()))
    }

    /// Waits until the system checks in as that version.
    ///
    /// # Errors
    /// When it does not.
    pub async fn runs(&self, version: &str) -> Result<()> {
        eventually(&format!("{version} to run"), 120, async || {
            let summary = self.admin.system(self.system).await?.summary;
            Ok((summary.agent_version == version).then_some(()))
        })
        .await
    }

    /// Upgrades, and says why that was taken back.
    ///
    /// # Errors
    /// When it comes to another end.
    pub async fn taken_back(&self, version: &str) -> Result<String> {
        self.order(version).await?;
        let upgrade = self.until(UpgradeState::RolledBack).await?;
        self.runs(env!("CARGO_PKG_VERSION")).await?;
        upgrade.reason.context("no reason")
    }
}
