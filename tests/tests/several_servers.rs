//! One agent and two servers that know nothing of each other.

use anyhow::Result;
use scm_protocol::systems::{Presence, SystemStatus};
use scm_tests::programs::{Server, eventually};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_servers_outage_touches_nothing_of_the_other() -> Result<()> {
    let mut first = Server::start_default().await?;
    let second = Server::start_default().await?;
    let agent = first.agent().also(&second.agent()).start()?;

    let here = first.admin()?.await_status(SystemStatus::Pending).await?;
    let there = second.admin()?.await_status(SystemStatus::Pending).await?;
    let keys = [
        first.admin()?.system(here.id).await?.fingerprint.to_string(),
        second.admin()?.system(there.id).await?.fingerprint.to_string(),
    ];
    assert_ne!(keys[0], keys[1], "each server is met with a key of its own");
    assert_eq!(agent.state_files(".key")?.len(), 2);

    second.admin()?.decide(there.id, "approve").await?;
    eventually("the second server to have it active", 30, async || {
        Ok(agent.status()?.contains("Active").then_some(()))
    })
    .await?;
    assert!(
        agent.status()?.contains("Pending"),
        "an approval there is none here"
    );

    let before = agent.identity()?;
    first.stop()?;
    let seen = second.admin()?.system(there.id).await?.summary.last_seen_ms;
    eventually("further check-ins with the server that is left", 30, async || {
        let summary = second.admin()?.system(there.id).await?.summary;
        Ok((summary.last_seen_ms > seen && summary.presence == Presence::Online).then_some(()))
    })
    .await?;
    assert_eq!(agent.identity()?, before, "an outage changes no identity");
    // A server that is back before the next check-in was never away for its agent.
    let url = first.url();
    eventually("the agent to miss the first server", 60, async || {
        let log = agent.log();
        let missed = |line: &str| line.contains("attempt.failures") && line.contains(&url);
        Ok(log.lines().any(missed).then_some(()))
    })
    .await?;

    first.start().await?;
    eventually("the first server to see it again", 60, async || {
        let seen_again = first.admin()?.system(here.id).await?.summary.presence == Presence::Online;
        Ok((agent.log().contains("the server is back") && seen_again).then_some(()))
    })
    .await?;
    let names: BTreeSet<_> = before
        .iter()
        .map(|(path, _)| path.file_name().map(ToOwned::to_owned))
        .collect();
    assert_eq!(names.len(), before.len());
    Ok(())
}
