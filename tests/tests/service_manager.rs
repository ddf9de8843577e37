//! What systemd is told: ready once it serves, signs of life while it works, stopping when asked to.

use anyhow::Result;
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeState};
use scm_tests::programs::{NEXT, Process, Server, Upgraded, binary, eventually};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The socket of a service manager that wants a sign of life each second at least.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-manager-").tempdir()?;
        let socket = UnixDatagram::bind(folder.path().join("notify"))?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        Ok(Manager { folder, socket })
    }

    /// Where it listens.
    fn path(&self) -> PathBuf {
        self.folder.path().join("notify")
    }

    /// What it was told since it was last asked.
    fn told(&self) -> Result<Vec<String>> {
        let mut messages = Vec::new();
        let mut buffer = [0; 512];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => messages.push(String::from_utf8_lossy(&buffer[..length]).trim().to_owned()),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Ok(messages);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits for the message, `times` of it.
    async fn hears(&self, message: &str, times: usize) -> Result<()> {
        let mut heard = 0;
        eventually(&format!("{message}, {times} times"), 30, async || {
            heard += self.told()?.iter().filter(|told| *told == message).count();
            Ok((heard >= times).then_some(()))
        })
        .await
    }
}

const PERIOD: &str = "1000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_ready_alive_and_stopping() -> Result<()> {
    let manager = Manager::new()?;
    let folder = manager.folder.path();
    let config = folder.join("config");
    fs::write(
        &config,
        format!(
            "[server]\nlisten = \"127.0.0.1:0\"\nstate_folder = \"{}\"\n",
            folder.join("state").display()
        ),
    )?;
    let mut command = Command::new(binary("scmserver")?);
    command.args(["run", "--config"]).arg(config);
    command
        .env("NOTIFY_SOCKET", manager.path())
        .env("WATCHDOG_USEC", PERIOD);
    let mut server = Process::start("the server", command, &folder.join("log"))?;
    manager.hears("READY=1", 1).await?;
    manager.hears("WATCHDOG=1", 3).await?;
    server.stop()?;
    manager.hears("STOPPING=1", 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_agent_is_ready_alive_and_stopping() -> Result<()> {
    let server = Server::start_default().await?;
    let manager = Manager::new()?;
    let socket = format!("NOTIFY_SOCKET={}", manager.path().display());
    let period = format!("WATCHDOG_USEC={PERIOD}");
    let mut agent = server.agent().prefix(&["env", &socket, &period]).start()?;
    manager.hears("READY=1", 1).await?;
    manager.hears("WATCHDOG=1", 3).await?;
    agent.stop()?;
    manager.hears("STOPPING=1", 1).await
}

/// Waits for a state of the last upgrade, and hears the agent meanwhile: a manager that does not would hold it up.
async fn hearing(world: &Upgraded, manager: &Manager, state: UpgradeState) -> Result<Upgrade> {
    eventually(state.as_str(), 90, async || {
        manager.told()?;
        let last = world.offer().await?.last;
        Ok(last.filter(|upgrade| upgrade.state == state))
    })
    .await
}

/// A new program on trial says nothing to the service manager, which sees one process that is alive all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_tries_a_new_program_stays_alive() -> Result<()> {
    let manager = Manager::new()?;
    let socket = format!("NOTIFY_SOCKET={}", manager.path().display());
    let period = format!("WATCHDOG_USEC={PERIOD}");
    let environment = ["env", socket.as_str(), period.as_str()];
    let mut world = Upgraded::start_with("trial_secs = 10", |agent| agent.prefix(&environment)).await?;
    let process = world.agent.process()?.id();
    manager.hears("READY=1", 1).await?;
    world.add_script(
        "1.0.0",
        "[ -z \"$NOTIFY_SOCKET$WATCHDOG_USEC\" ] && sleep 600; exit 9",
    )?;
    world.order("1.0.0").await?;
    hearing(&world, &manager, UpgradeState::Restarting).await?;
    manager.hears("WATCHDOG=1", 5).await?;
    let upgrade = hearing(&world, &manager, UpgradeState::RolledBack).await?;
    let reason = upgrade.reason.unwrap_or_default();
    assert!(reason.contains("within 10 s"), "{reason}");
    world.add_next()?;
    world.order(NEXT).await?;
    hearing(&world, &manager, UpgradeState::Done).await?;
    eventually("the newer program to be heard", 60, async || {
        let launched = world.agent.log().contains("agent.role=Launched");
        manager.told()?;
        Ok(launched.then_some(()))
    })
    .await?;
    manager.hears("WATCHDOG=1", 3).await?;
    world.agent.process()?.must_run()?;
    assert_eq!(world.agent.process()?.id(), process);
    Ok(())
}
