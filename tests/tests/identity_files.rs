//! What becomes of an agent whose identity files are corrupt or gone, or cannot be written (H1, H11).

use anyhow::{Context, Result, ensure};
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Agent, Server, eventually};
use std::fs;
use std::path::Path;
use std::process::Command;

fn is_server_key(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("server_"))
}

fn has_pinned(agent: &Agent) -> Result<bool> {
    Ok(agent
        .state_files(".pub")?
        .iter()
        .any(|(path, _)| is_server_key(path)))
}

async fn approved(admin: &Admin, agent: &Agent) -> Result<SystemId> {
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    eventually("a pinned key", 60, async || Ok(has_pinned(agent)?.then_some(()))).await?;
    Ok(pending.id)
}

async fn goes_on(admin: &Admin, id: SystemId) -> Result<()> {
    let since = admin.system(id).await?.summary.last_seen_ms;
    eventually("further check-ins", 90, async || {
        let now = admin.system(id).await?.summary;
        Ok((now.last_seen_ms > since && now.status == SystemStatus::Active).then_some(()))
    })
    .await
}

/// Waits for somebody new who shares host name or machine with `former`, which stays as it was.
async fn comes_as_somebody_new(admin: &Admin, former: SystemId) -> Result<SystemId> {
    let new = admin.await_status(SystemStatus::Pending).await?;
    assert_ne!(new.id, former);
    assert_eq!(admin.system(former).await?.summary.status, SystemStatus::Active);
    let duplicates = admin.system(new.id).await?.duplicates;
    let warned = duplicates
        .iter()
        .find(|duplicate| duplicate.id == former)
        .context("the approval screen does not warn of the former system")?;
    for shared in ["hostname", "machine_id"] {
        assert!(warned.shares.iter().any(|name| name == shared), "{shared}");
    }
    Ok(new.id)
}

/// A key that is no key, and no files at all: the machine comes as somebody new, and the old system stays. What was there
/// is set aside, not deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_its_key_registers_anew_and_the_old_system_stays() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut agent = server.agent().start()?;
    let first = approved(&admin, &agent).await?;

    agent.stop()?;
    let (key, _) = agent.state_file(".key")?;
    fs::write(&key, "not a key\n")?;
    agent.start()?;
    let second = comes_as_somebody_new(&admin, first).await?;
    assert!(
        agent
            .log()
            .contains("the private key is corrupt, it is set aside")
    );
    let aside = fs::read_dir(agent.state())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.to_string_lossy().contains(".key.corrupt-"))
        .context("the corrupt key was not set aside")?;
    assert_eq!(fs::read_to_string(aside)?, "not a key\n");
    admin.decide(second, "approve").await?;
    goes_on(&admin, second).await?;

    agent.stop()?;
    for entry in fs::read_dir(agent.state())? {
        fs::remove_file(entry?.path())?;
    }
    agent.start()?;
    let third = comes_as_somebody_new(&admin, second).await?;
    assert!(
        third.0 > second.0 && second.0 > first.0,
        "an id is never used again"
    );
    assert_eq!(admin.systems().await?.len(), 3);
    Ok(())
}

/// With its key, a machine is the same system, whatever else is corrupt or gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_its_key_stays_the_same_system() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut agent = server.agent().start()?;
    let id = approved(&admin, &agent).await?;
    eventually("a certificate", 60, async || {
        Ok((agent.state_files(".crt")?.len() == 1).then_some(()))
    })
    .await?;
    let identity = agent.identity()?;
    let file = |ending: &str| -> Result<_> {
        let found = fs::read_dir(agent.state())?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut named = found.filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.ends_with(ending) && (ending != ".pub" || is_server_key(path)))
        });
        named.next().with_context(|| format!("no file ends in {ending}"))
    };
    let files = [".id", ".seq", ".pub", ".crt"]
        .map(file)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    for gone in [false, true] {
        for path in &files {
            agent.stop()?;
            if gone {
                fs::remove_file(path)?;
            } else {
                fs::write(path, "\0garbage\n")?;
            }
            agent.start()?;
            goes_on(&admin, id)
                .await
                .with_context(|| format!("{} gone: {gone}", path.display()))?;
            // What was set aside was written anew.
            eventually("the files as before", 60, async || {
                Ok((agent.identity()? == identity && path.exists()).then_some(()))
            })
            .await
            .with_context(|| format!("{} gone: {gone}", path.display()))?;
        }
    }
    assert_eq!(admin.systems().await?.len(), 1);
    for what in ["id file is corrupt", "pinned server key is corrupt"] {
        assert!(agent.log().contains(what), "{what}");
    }
    Ok(())
}

/// Lets a running program make files larger than nothing, or not: what a full disk does to it, without one.
fn disk_full(agent: &mut Agent, full: bool) -> Result<()> {
    let limit = if full { "--fsize=0:" } else { "--fsize=unlimited:" };
    let id = agent.process()?.id().to_string();
    let output = Command::new("prlimit").args(["--pid", &id, limit]).output();
    let output = output.context("prlimit is missing (package util-linux)")?;
    ensure!(
        output.status.success(),
        "prlimit {limit}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// No room for a new identity, for the server's key, for the next key: nothing is half written, nothing is believed that
/// is not on the disk, and the agent goes on by itself when there is room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_costs_no_identity() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    // Its log goes through another program, which is not limited.
    let limited = "exec > >(exec cat) 2>&1; trap '' XFSZ; ulimit -S -f 0; exec \"$@\"";
    let mut agent = server.agent().prefix(&["bash", "-c", limited, "bash"]).start()?;
    eventually("the agent to find no room", 60, async || {
        Ok(agent
            .log()
            .contains("the identity cannot be opened")
            .then_some(()))
    })
    .await?;
    assert_eq!(
        admin.systems().await?,
        [],
        "who cannot keep a key does not register"
    );
    for ending in [".key", ".id", ".pub", ".tmp"] {
        assert!(agent.state_files(ending)?.is_empty(), "{ending}");
    }

    disk_full(&mut agent, false)?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    eventually("its id on the disk", 60, async || {
        Ok((agent.state_files(".id")?.len() == 1).then_some(()))
    })
    .await?;
    // Its next requests need no room: their numbers are taken.
    eventually("its first check-in", 60, async || {
        Ok(admin.system(pending.id).await?.summary.last_seen_ms.map(|_| ()))
    })
    .await?;
    let identity = agent.identity()?;

    disk_full(&mut agent, true)?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to find no room for the server's key", 60, async || {
        let log = agent.log();
        let refused = log
            .lines()
            .any(|line| line.contains("cannot write") && line.contains("server_"));
        Ok(refused.then_some(()))
    })
    .await?;
    assert_eq!(agent.identity()?, identity, "nothing was half written");
    assert!(!has_pinned(&agent)? && agent.state_files(".tmp")?.is_empty());

    disk_full(&mut agent, false)?;
    eventually(
        "a pinned key",
        120,
        async || Ok(has_pinned(&agent)?.then_some(())),
    )
    .await?;
    goes_on(&admin, pending.id).await?;
    let systems = admin.systems().await?;
    assert_eq!(systems.len(), 1, "it registered anew");
    Ok(())
}
