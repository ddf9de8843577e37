//! `kill -9` of the server in the middle of a fleet's load: what it acknowledged is there afterwards.

use anyhow::{Context, Result, ensure};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::SystemStatus;
use scm_tests::fleet::acknowledged::{self, Acknowledged};
use scm_tests::fleet::identities;
use scm_tests::programs::{Database, Process, Server, binary, eventually};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

const AGENTS: usize = 40;

/// A simulated fleet with its files.
struct Fleet {
    folder: TempDir,
}

impl Fleet {
    fn new() -> Result<Self> {
        Ok(Fleet {
            folder: tempfile::Builder::new().prefix("scm-fleet-").tempdir()?,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, server: &Server, agents: usize, more: &[&str]) -> Result<Process> {
        let mut command = Command::new(binary("fleet")?);
        command
            .args(["--server", &server.url()])
            .arg("--ca-file")
            .arg(server.ca_file());
        command.arg("--admin-token").arg(server.token_file());
        command.args(["--agents", &agents.to_string()]);
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
    async fn run(&self, server: &Server, agents: usize, more: &[&str]) -> Result<serde_json::Value> {
        let mut fleet = self.start(server, agents, more)?;
        let status = eventually("the fleet to end", 60, async || fleet.finished()).await?;
        ensure!(status.success(), "the fleet ended with {status}");
        Ok(serde_json::from_slice(&std::fs::read(self.file("report"))?)?)
    }
}

/// The sequence numbers that were acknowledged, and the server's time of the last, for each system.
fn acknowledged_checkins(acks: &[Acknowledged]) -> BTreeMap<SystemId, (Vec<u64>, UnixMillis)> {
    let mut checkins: BTreeMap<SystemId, (Vec<u64>, UnixMillis)> = BTreeMap::new();
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

async fn nothing_acknowledged_is_lost(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let fleet = Fleet::new()?;
    let agent = server.agent().start()?;
    let admin = server.admin()?;
    let real = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(real.id, "approve").await?;
    let mut load = fleet.start(&server, AGENTS, &["--approve", "--stay"])?;
    eventually("all to check in", 60, async || {
        load.must_run()?;
        let systems = admin.systems().await?;
        let live = systems
            .iter()
            .filter(|system| system.last_seen_ms.is_some())
            .count();
        Ok((live == AGENTS + 1).then_some(()))
    })
    .await?;
    sleep(Duration::from_secs(1)).await;

    server.kill()?;
    load.stop()?;
    let identity = agent.identity()?;
    server.start().await?;

    let acks = acknowledged::read(&fleet.file("acks"))?;
    let checkins = acknowledged_checkins(&acks);
    assert_eq!(checkins.len(), AGENTS, "the load never got going");
    assert_states(&server, &acks, &checkins).await?;
    assert_sequences(&server, &fleet.file("identities"), &checkins).await?;

    let report = fleet.run(&server, AGENTS, &["--duration", "1"]).await?;
    let errors = &report["phases"]["check_in"]["errors"];
    assert_eq!(errors, &serde_json::json!({}), "the fleet does not simply go on");
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), AGENTS + 1, "someone registered anew");
    let admin = server.admin()?;
    let back = admin.system(real.id).await?.summary.last_seen_ms;
    admin
        .await_system("the real agent to go on", |system| {
            system.id == real.id && system.last_seen_ms > back
        })
        .await?;
    assert_eq!(
        agent.identity()?,
        identity,
        "the crash cost the real agent its identity"
    );
    Ok(())
}

/// Registrations, approvals and the time of the last check-in, as the API shows them.
async fn assert_states(
    server: &Server,
    acks: &[Acknowledged],
    checkins: &BTreeMap<SystemId, (Vec<u64>, UnixMillis)>,
) -> Result<()> {
    let systems = server.admin()?.systems().await?;
    let find = |id: &SystemId| systems.iter().find(|system| system.id == *id);
    for one in acks {
        match one {
            Acknowledged::Registered { system, hostname } => {
                let found = find(system).with_context(|| format!("{system} registered and is gone"))?;
                assert_eq!(&found.hostname, hostname);
            }
            Acknowledged::Decided { system, status } => {
                let found = find(system).with_context(|| format!("{system} was approved and is gone"))?;
                assert_eq!(found.status, *status, "{system} was approved and is not");
            }
            Acknowledged::CheckedIn { .. } => {}
        }
    }
    for (system, (_, last)) in checkins {
        let seen = find(system).and_then(|system| system.last_seen_ms);
        assert!(
            seen >= Some(*last),
            "{system} was seen at {last:?}, the server says {seen:?}"
        );
    }
    Ok(())
}

/// Every acknowledged check-in was written: sent again, it is refused as a replay. One that was lost would be taken.
async fn assert_sequences(
    server: &Server,
    identities: &Path,
    checkins: &BTreeMap<SystemId, (Vec<u64>, UnixMillis)>,
) -> Result<()> {
    let mut held = 0;
    for (key, system, _) in identities::read(identities)? {
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
            assert_eq!(refusal.code, RefusalCode::Replayed);
            held += 1;
        }
    }
    assert!(held >= AGENTS, "only {held} check-ins were looked at");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() -> Result<()> {
    nothing_acknowledged_is_lost(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() -> Result<()> {
    nothing_acknowledged_is_lost(Database::Postgres).await
}

/// Killed while a fleet registers: whoever was given an id keeps it, and nobody gets that of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_between_registrations_gives_no_id_twice() -> Result<()> {
    const MANY: usize = 400;
    let mut server = Server::start_default().await?;
    let fleet = Fleet::new()?;
    let admin = server.admin()?;
    let mut load = fleet.start(&server, MANY, &["--duration", "0"])?;
    eventually("some to register", 30, async || {
        Ok((admin.systems().await?.len() >= 20).then_some(()))
    })
    .await?;
    server.kill()?;
    load.stop()?;
    let acks = acknowledged::read(&fleet.file("acks"))?;
    server.start().await?;
    assert_states(&server, &acks, &BTreeMap::new()).await?;

    fleet.run(&server, MANY, &["--duration", "0"]).await?;
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), MANY);
    let names: BTreeMap<SystemId, &str> = systems
        .iter()
        .map(|system| (system.id, system.hostname.as_str()))
        .collect();
    for one in acknowledged::read(&fleet.file("acks"))? {
        if let Acknowledged::Registered { system, hostname } = one {
            assert_eq!(
                names.get(&system),
                Some(&hostname.as_str()),
                "{system} changed hands"
            );
        }
    }
    Ok(())
}

/// SIGTERM drains: what was begun is answered, and the server ends with success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_is_graceful() -> Result<()> {
    let mut server = Server::start_default().await?;
    let fleet = Fleet::new()?;
    let mut load = fleet.start(&server, AGENTS, &["--approve", "--stay"])?;
    let admin = server.admin()?;
    eventually("check-ins", 30, async || {
        let systems = admin.systems().await?;
        Ok(systems
            .iter()
            .any(|system| system.last_seen_ms.is_some())
            .then_some(()))
    })
    .await?;
    server.stop()?;
    load.stop()?;
    server.start().await?;
    let acks = acknowledged::read(&fleet.file("acks"))?;
    assert_states(&server, &acks, &acknowledged_checkins(&acks)).await?;
    assert!(!server.log().contains("panicked"));
    Ok(())
}

/// T8: the server is killed and started again in front of a fleet that goes on asking, more at once than may wait. Nobody
/// is told anything else than to come again, everybody is served, nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_front_of_the_whole_fleet_is_absorbed() -> Result<()> {
    const MANY: usize = 80;
    let mut server = Server::builder().limits("max_queue = 8").start().await?;
    let fleet = Fleet::new()?;
    let connections = MANY.to_string();
    let more = ["--approve", "--stay", "--connections", connections.as_str()];
    let mut load = fleet.start(&server, MANY, &more)?;
    let all_since = async |server: &Server, since: UnixMillis| -> Result<Option<()>> {
        let systems = server.admin()?.systems().await?;
        let served = systems.iter().filter(|system| system.last_seen_ms > Some(since));
        Ok((served.count() == MANY).then_some(()))
    };
    eventually("all to check in", 60, async || {
        load.must_run()?;
        all_since(&server, UnixMillis(0)).await
    })
    .await?;

    server.kill()?;
    let before = acknowledged::read(&fleet.file("acks"))?;
    let last = acknowledged_checkins(&before)
        .into_values()
        .map(|(_, at)| at)
        .max()
        .context("no check-in was acknowledged")?;
    server.start().await?;
    eventually("all to be served again", 60, async || {
        load.must_run()?;
        all_since(&server, last).await
    })
    .await?;
    assert!(load.stop()?.success(), "the fleet did not get through");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(fleet.file("report"))?)?;
    let errors = report["phases"]["check_in"]["errors"]
        .as_object()
        .context("no check-ins were counted")?;
    assert!(errors.contains_key("connection"), "nobody noticed: {errors:?}");
    let others: Vec<&String> = errors
        .keys()
        .filter(|kind| !["connection", "refused: busy"].contains(&kind.as_str()))
        .collect();
    assert!(others.is_empty(), "somebody was told something else: {errors:?}");
    let acks = acknowledged::read(&fleet.file("acks"))?;
    assert_states(&server, &acks, &acknowledged_checkins(&acks)).await?;
    assert!(!server.log().contains("panicked"));
    Ok(())
}
