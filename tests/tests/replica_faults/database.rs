//! PostgreSQL that is stopped and started, and that crashes, under two servers.

use super::{
    all_checked_in, all_go_on, all_served_since, first_server, now, only, the_database_is_away, unbroken,
};
use anyhow::{Result, ensure};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Cluster, Server, Simulated, eventually};

const AGENTS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_stops_or_crashes_is_survived_without_a_restart() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let mut first = first_server(&cluster, "").await?;
    let mut second = first.replica().await?;
    let (fleet, mut rogue) = (Simulated::new(AGENTS)?, first.active_rogue().await?);
    let load = ["--approve", "--stay", "--interval", "0.5", "--patience", "90"];
    let mut load = fleet.start(&first, &load)?;
    let admin = second.admin()?;
    all_checked_in(&mut load, &admin, AGENTS).await?;

    for crash in [false, true] {
        if crash {
            cluster.crash()?;
        } else {
            cluster.stop()?;
        }
        the_database_is_away(&mut rogue, [&first, &second]).await?;
        cluster.start_again().await?;
        all_go_on(&mut rogue, [&mut first, &mut second]).await?;
        all_served_since(&admin, AGENTS, now(&admin).await?).await?;
        load.must_run()?;
    }
    in_touch_again(&first, &second).await?;
    ensure!(load.stop()?.success(), "the fleet did not get through");
    only(&fleet, &["refused: busy"])?;
    fleet.must_have_lost_nothing(&second).await?;
    unbroken(&[&first, &second])
}

/// An agent that waits at one server hears at once of what is decided at the other.
async fn in_touch_again(first: &Server, second: &Server) -> Result<()> {
    for server in [first, second] {
        eventually("the others to be heard again", 60, async || {
            let again = "the connection to other servers is made again";
            Ok((server.log().matches(again).count() >= 2).then_some(()))
        })
        .await?;
    }
    let agent = first.agent().start()?;
    let admin = second.admin()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to be active", 60, async || {
        Ok(agent.status()?.contains("Active").then_some(()))
    })
    .await
}
