//! PostgreSQL with a standby: the one that is written is lost for good, and the standby takes its place.

use super::{all_served_since, now, only, put_off, ready_again, says_that_the_database_is_away, unbroken};
use anyhow::{Result, ensure};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Cluster, Server, Simulated, eventually};

const AGENTS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_takes_over_and_nothing_acknowledged_is_lost() -> Result<()> {
    let mut primary = Cluster::start().await?;
    let standby = primary.standby().await?;
    let url = primary.url_with(&standby);
    let mut first = Server::builder().database_url(&url).start().await?;
    let mut second = first.replica().await?;
    let (fleet, mut rogue) = (Simulated::new(AGENTS)?, first.active_rogue().await?);
    let load = ["--approve", "--stay", "--interval", "0.5", "--patience", "90"];
    let mut load = fleet.start(&first, &load)?;
    let admin = second.admin()?;
    eventually("the load", 60, async || {
        load.must_run()?;
        let systems = admin.systems().await?;
        let seen = systems.iter().filter(|system| system.last_seen_ms.is_some());
        Ok((seen.count() >= AGENTS).then_some(()))
    })
    .await?;

    primary.crash()?;
    for server in [&first, &second] {
        rogue.endpoint = server.endpoint()?;
        put_off(&mut rogue).await?;
        let token = std::fs::read_to_string(server.token_file())?;
        says_that_the_database_is_away(&server.endpoint()?, token.trim()).await?;
    }
    standby.promote()?;
    for server in [&mut first, &mut second] {
        ready_again(server).await?;
        rogue.endpoint = server.endpoint()?;
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
    }
    all_served_since(&admin, AGENTS, now(&admin).await?).await?;
    // What one decides is known to the other: they tell each other by the database that there is now.
    first.admin()?.decide(rogue.system, "revoke").await?;
    eventually("the other server to know it", 30, async || {
        let systems = admin.systems().await?;
        let revoked = systems.iter().find(|system| system.id == rogue.system);
        Ok(revoked
            .is_some_and(|system| system.status == SystemStatus::Revoked)
            .then_some(()))
    })
    .await?;
    ensure!(load.stop()?.success(), "the fleet did not get through");
    only(&fleet, &["refused: busy"])?;
    fleet.must_have_lost_nothing(&second).await?;
    unbroken(&[&first, &second])
}
