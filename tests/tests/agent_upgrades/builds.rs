//! A real agent becomes a really different build, and goes back from whatever does not prove itself.

use crate::OWN;
use anyhow::{Context, Result};
use scm_protocol::systems::SystemStatus;
use scm_protocol::upgrades::upgrade::UpgradeState;
use scm_tests::programs::{NEXT, Server, Upgraded, binary, eventually};
use std::fs;

/// No new program may take longer here to prove itself.
const SHORT: &str = "trial_secs = 20";

/// Waits until the new program was become so many times.
async fn launched(world: &Upgraded, times: usize) -> Result<()> {
    let start = format!("agent.version=\"{NEXT}\" agent.role=Launched");
    eventually("the newer program in place of the other", 60, async || {
        Ok((world.agent.log().matches(&start).count() >= times).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_becomes_another_build_and_stays_it() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    let (identity, process) = (world.agent.identity()?, world.agent.process()?.id());
    world.add_next()?;
    assert_eq!(world.order(NEXT).await?.from_version, OWN);
    let upgrade = world.until(UpgradeState::Done).await?;
    assert_eq!(upgrade.done_bytes, upgrade.total_bytes);
    world.runs(NEXT).await?;
    assert_eq!(
        world.agent.identity()?,
        identity,
        "nothing of the identity is touched"
    );
    world.agent.process()?.must_run()?;
    assert_eq!(
        world.agent.process()?.id(),
        process,
        "a service manager sees one process"
    );
    // The server may know by the trial's own check-in, before the program that watches it does.
    launched(&world, 1).await?;
    let status = world.agent.status()?;
    assert!(status.contains(&format!("to {NEXT}: done")), "{status}");

    // The installed program is the former one still, and becomes the new one at each start.
    world.agent.stop()?;
    world.agent.start()?;
    launched(&world, 2).await?;
    world.runs(NEXT).await?;

    // What lies there is nobody's word but the release key's: changed, it is not run.
    world.agent.stop()?;
    let folder = fs::read_dir(world.agent.state().join("upgrade"))?;
    let stored = folder.flatten().next().context("no stored program")?.path();
    let mut bytes = fs::read(&stored)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&stored, bytes)?;
    world.agent.start()?;
    world.runs(OWN).await?;
    assert!(world.agent.log().contains("stored_program_refused"));
    assert!(!stored.exists());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_crashes_or_hangs_is_taken_back() -> Result<()> {
    let mut world = Upgraded::start(SHORT).await?;
    let (identity, process) = (world.agent.identity()?, world.agent.process()?.id());
    world.add_script("1.0.0", "exit 3")?;
    let reason = world.taken_back("1.0.0").await?;
    assert!(
        reason.contains("exited with 3 before it completed a signed check-in"),
        "{reason}"
    );
    world.add_script("1.0.1", "kill -SEGV $$")?;
    let reason = world.taken_back("1.0.1").await?;
    assert!(reason.contains("signal 11 ended the new program"), "{reason}");
    world.add_script("1.0.2", "sleep 600")?;
    let reason = world.taken_back("1.0.2").await?;
    assert!(reason.contains("no signed check-in within 20 s"), "{reason}");
    assert_eq!(world.agent.identity()?, identity);
    world.agent.process()?.must_run()?;
    assert_eq!(world.agent.process()?.id(), process);
    let status = world.agent.status()?;
    assert!(status.contains("to 1.0.2: tried and taken back"), "{status}");

    // None of that is in the way of one that works.
    world.add_next()?;
    world.order(NEXT).await?;
    world.until(UpgradeState::Done).await?;
    world.runs(NEXT).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_cannot_connect_is_taken_back() -> Result<()> {
    let world = Upgraded::start(SHORT).await?;
    let next = binary("scmclient-next")?;
    let lines = format!("HTTPS_PROXY=http://127.0.0.1:9 exec {} \"$@\"", next.display());
    world.add_script(NEXT, &lines)?;
    let reason = world.taken_back(NEXT).await?;
    assert!(reason.contains("no signed check-in within 20 s"), "{reason}");
    let log = world.agent.log();
    assert!(
        log.contains(&format!("agent.version=\"{NEXT}\"")),
        "it was never started\n{log}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_servers_order_is_enough_and_the_other_servers_are_kept() -> Result<()> {
    let other = Server::start_default().await?;
    let builder = other.agent();
    let mut world = Upgraded::start_with("", |own| own.also(&builder)).await?;
    let admin = other.admin()?;
    let there = admin.await_status(SystemStatus::Pending).await?.id;
    admin.decide(there, "approve").await?;
    world.add_next()?;
    world.order(NEXT).await?;
    world.until(UpgradeState::Done).await?;
    eventually("the other server to see the new version", 60, async || {
        let system = admin.system(there).await?.summary;
        Ok((system.agent_version == NEXT).then_some(()))
    })
    .await?;
    world.agent.process()?.must_run()
}
