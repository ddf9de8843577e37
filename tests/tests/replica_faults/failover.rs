//! PostgreSQL with a standby: the one that is written is lost for good, and the standby takes its place.

use super::{all_checked_in, all_go_on, all_served_since, now, only, the_database_is_away, unbroken};
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
    all_checked_in(&mut load, &admin, AGENTS).await?;

    primary.crash()?;
    the_database_is_away(&mut rogue, [&first, &second]).await?;
    standby.promote()?;
    all_go_on(&mut rogue, [&mut first, &mut second]).await?;
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
