//! Upgrades by the server's side (U1, U2, U5, U6), with agents that are simulated: what they fetch, report and become.

mod carried;
mod fleet;
mod one;
mod packages;
mod rollouts;

use anyhow::{Context, Result, bail, ensure};
use minisign::KeyPair;
use scm_protocol::agent::{CheckIn, CheckInReply, HostFacts};
use scm_protocol::audit::AuditPage;
use scm_protocol::commands::report::{
    CommandName, CommandReport, End, EndOutcome, Event, ResultsReply, ResultsRequest,
};
use scm_protocol::ids::SystemId;
use scm_protocol::upgrades::order::UpgradeOrder;
use scm_protocol::upgrades::progress::{PackagePartRequest, UpgradeProgress, UpgradeStage};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradePage};
use scm_tests::http::Reply;
use scm_tests::programs::{Admin, Rogue, Server};
use scm_tests::signed::{Answer, answer};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const BOOT: &str = "00000000000000000000000000000000";
pub(crate) const PLATFORM: &str = "x86_64-linux";

/// Whoever signs releases.
pub(crate) struct Release {
    pub(crate) pair: KeyPair,
    folder: TempDir,
}

impl Release {
    pub(crate) fn new() -> Result<Self> {
        Ok(Release {
            pair: KeyPair::generate_unencrypted_keypair()?,
            folder: tempfile::Builder::new().prefix("scm-release-").tempdir()?,
        })
    }

    /// What a server needs in its configuration to know the key.
    pub(crate) fn sections(&self) -> String {
        format!("[packages]\nrelease_keys = [\"{}\"]\n", self.pair.pk.to_base64())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The trusted comment that fits.
    pub(crate) fn comment(version: &str, platform: &str, program: &[u8]) -> String {
        let hash: String = Sha256::digest(program)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        format!("openscm scmclient {version} {platform} sha256:{hash}")
    }

    /// A program with a signature of that comment beside it.
    pub(crate) fn signed(&self, name: &str, program: &[u8], comment: &str) -> Result<PathBuf> {
        let file = self.path(name);
        fs::write(&file, program)?;
        let signature = minisign::sign(Some(&self.pair.pk), &self.pair.sk, program, Some(comment), None)?;
        fs::write(self.path(&format!("{name}.minisig")), signature.into_string())?;
        Ok(file)
    }

    /// Adds a good package of so many bytes; these.
    pub(crate) fn add(&self, server: &Server, version: &str, platform: &str, size: usize) -> Result<Vec<u8>> {
        let program: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
        let comment = Self::comment(version, platform, &program);
        let file = self.signed(&format!("{version}-{platform}"), &program, &comment)?;
        let output = server.command(&["packages", "add", &file.to_string_lossy()])?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(program)
    }
}

/// A server that knows the release key.
pub(crate) async fn server(release: &Release) -> Result<Server> {
    Server::builder().sections(&release.sections()).start().await
}

/// A simulated agent of a version.
pub(crate) struct Simulated {
    pub(crate) rogue: Rogue,
    pub(crate) version: String,
}

impl Simulated {
    /// An approved one that has said what it runs on.
    pub(crate) async fn active(server: &Server, version: &str) -> Result<Self> {
        let mut agent = Simulated {
            rogue: server.active_rogue().await?,
            version: version.to_owned(),
        };
        agent.check_in().await?;
        Ok(agent)
    }

    pub(crate) fn id(&self) -> SystemId {
        self.rogue.system
    }

    pub(crate) async fn check_in(&mut self) -> Result<CheckInReply> {
        let body = CheckIn {
            agent_version: self.version.clone(),
            boot_id: BOOT.to_owned(),
            has_server_key: true,
            facts: Some(HostFacts {
                hostname: format!("sim-{}", self.id()),
                os_family: "linux".to_owned(),
                arch: "x86_64".to_owned(),
                ..HostFacts::default()
            }),
            ..CheckIn::default()
        };
        let signed = self.rogue.checkin_with(serde_json::to_vec(&body)?, 0);
        self.rogue.accepted(&signed).await
    }

    /// What it is told to become, if anything.
    pub(crate) async fn order(&mut self) -> Result<Option<(CommandName, UpgradeOrder)>> {
        let mut commands = self.check_in().await?.tasks.commands;
        ensure!(commands.len() <= 1, "two at once: {commands:?}");
        let Some(signed) = commands.pop() else {
            return Ok(None);
        };
        let order = signed.claimed();
        ensure!(order.kind == "upgrade" && order.system == self.id(), "{order:?}");
        let upgrade = UpgradeOrder::parse(&order.body).map_err(anyhow::Error::msg)?;
        Ok(Some((order.name(), upgrade)))
    }

    pub(crate) async fn tell(&mut self, name: &CommandName, events: Vec<Event>) -> Result<ResultsReply> {
        let reports = events.into_iter().map(|event| CommandReport {
            command: name.clone(),
            event,
        });
        let request = ResultsRequest {
            boot_id: BOOT.to_owned(),
            catalogue: None,
            reports: reports.collect(),
        };
        let signed = self.rogue.results(&request);
        match answer(&self.rogue.send(&signed).await?)? {
            Answer::Given(given) => Ok(given),
            Answer::Refused(refusal) => bail!("refused: {refusal:?}"),
        }
    }

    /// Asks for a part of a package.
    pub(crate) async fn part(&mut self, name: &CommandName, start: i64) -> Result<Reply> {
        let request = PackagePartRequest {
            boot_id: BOOT.to_owned(),
            command: name.clone(),
            start,
        };
        let signed = self.rogue.package_part(&request);
        self.rogue.send(&signed).await
    }

    /// Carries out an order as an agent would, up to its end.
    pub(crate) async fn become_it(
        &mut self,
        name: &CommandName,
        order: &UpgradeOrder,
        outcome: EndOutcome,
    ) -> Result<()> {
        self.tell(
            name,
            vec![Event::Started, progress(UpgradeStage::Restarting, order.size)],
        )
        .await?;
        if outcome == EndOutcome::Completed {
            self.version.clone_from(&order.version);
            self.check_in().await?;
        }
        self.tell(name, vec![ended(outcome, "it said so")]).await?;
        Ok(())
    }
}

pub(crate) fn progress(stage: UpgradeStage, done_bytes: i64) -> Event {
    Event::Progress(UpgradeProgress {
        stage,
        done_bytes,
        total_bytes: done_bytes.max(1),
    })
}

pub(crate) fn ended(outcome: EndOutcome, reason: &str) -> Event {
    Event::Ended(End {
        outcome,
        reason: (outcome != EndOutcome::Completed).then(|| reason.to_owned()),
        exit_code: None,
        output_bytes: 0,
    })
}

pub(crate) fn path(system: SystemId) -> String {
    format!("/api/v1/systems/{system}/upgrade")
}

/// Every upgrade of a system, newest first.
pub(crate) async fn upgrades(admin: &Admin, query: &str) -> Result<Vec<Upgrade>> {
    let page: UpgradePage = admin.get(&format!("/api/v1/upgrades?limit=1000{query}")).await?;
    Ok(page.items)
}

pub(crate) async fn last(admin: &Admin, system: SystemId) -> Result<Upgrade> {
    let mut all = upgrades(admin, &format!("&system={system}")).await?;
    ensure!(!all.is_empty(), "system {system} has no upgrade");
    Ok(all.swap_remove(0))
}

/// How often an action stands in the audit.
pub(crate) async fn audited(admin: &Admin, action: &str) -> Result<usize> {
    let page: AuditPage = admin
        .get(&format!("/api/v1/audit?limit=1000&action={action}"))
        .await
        .with_context(|| action.to_owned())?;
    Ok(page.items.len())
}
