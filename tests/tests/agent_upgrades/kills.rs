//! Kill -9 at each step of an upgrade leads to a defined end, and never to a machine without an agent.

use crate::OWN;
use anyhow::{Context, Result};
use scm_protocol::upgrades::upgrade::UpgradeState;
use scm_tests::programs::{NEXT, Upgraded, binary, eventually};
use std::fs;

/// The other agent, behind a script as large as it takes to be met on its way.
fn large(world: &Upgraded) -> Result<()> {
    let next = binary("scmclient-next")?;
    let padding = "#".repeat(1023) + "\n";
    let lines = format!("exec {} \"$@\"\n{}", next.display(), padding.repeat(24 * 1024));
    world.add_script(NEXT, &lines)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_the_download_costs_no_byte_that_was_there() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    large(&world)?;
    world.order(NEXT).await?;
    for _ in 0..2 {
        eventually("a part of the package", 60, async || {
            let last = world.offer().await?.last.context("no upgrade")?;
            Ok((last.done_bytes > 0).then_some(()))
        })
        .await?;
        world.agent.process()?.kill()?;
        world.agent.start()?;
    }
    world.until(UpgradeState::Done).await?;
    world.runs(NEXT).await?;
    // What was there at the second and third start, in bytes: never less than before.
    let log = world.agent.log();
    let there = log.split("package.there=").skip(1);
    let there: Vec<u64> = there
        .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(
        there.len() >= 2 && there.is_sorted() && there[0] == 0,
        "{there:?}\n{log}"
    );
    assert!(there[1] > 0, "{there:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_during_the_trial_brings_the_former_program_back() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    let next = binary("scmclient-next")?;
    // It starts, and can connect nowhere: the trial lasts until it is killed.
    let lines = format!("HTTPS_PROXY=http://127.0.0.1:9 exec {} \"$@\"", next.display());
    world.add_script(NEXT, &lines)?;
    world.order(NEXT).await?;
    eventually("the program on trial", 60, async || {
        let role = "agent.role=OnTrial";
        Ok(world.agent.log().contains(role).then_some(()))
    })
    .await?;
    world.agent.process()?.kill()?;
    // The program on trial, which nobody watches any more, ends by itself and lets go of the state folder.
    world.agent.start()?;
    let upgrade = world.until(UpgradeState::RolledBack).await?;
    let reason = upgrade.reason.context("no reason")?;
    assert!(
        reason.contains("the agent ended while the new program was on trial"),
        "{reason}"
    );
    world.runs(OWN).await?;
    let left = fs::read_dir(world.agent.state().join("upgrade"))?.count();
    assert_eq!(left, 0, "what failed is removed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_after_the_confirmation_changes_nothing() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    world.add_next()?;
    world.order(NEXT).await?;
    eventually("the confirmation", 120, async || {
        Ok(world.agent.log().contains("the trial is passed").then_some(()))
    })
    .await?;
    world.agent.process()?.kill()?;
    world.agent.start()?;
    world.until(UpgradeState::Done).await?;
    world.runs(NEXT).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_meanwhile_is_waited_for() -> Result<()> {
    let mut world = Upgraded::start("").await?;
    large(&world)?;
    world.order(NEXT).await?;
    eventually("a part of the package", 60, async || {
        let last = world.offer().await?.last.context("no upgrade")?;
        Ok((last.done_bytes > 0).then_some(()))
    })
    .await?;
    world.server.kill()?;
    world.server.start().await?;
    world.admin = world.server.admin()?;
    world.until(UpgradeState::Done).await?;
    world.runs(NEXT).await
}
