//! `kill -9` of the server in the middle of a fleet's load: what it acknowledged is there afterwards.

use anyhow::{Context, Result};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use scm_tests::fleet::acknowledged::Acknowledged;
use scm_tests::programs::{Database, Server, Simulated, checkins, eventually, must_be_listed};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::sleep;

const AGENTS: usize = 40;

async fn nothing_acknowledged_is_lost(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let fleet = Simulated::new(AGENTS)?;
    let agent = server.agent().start()?;
    let admin = server.admin()?;
    let real = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(real.id, "approve").await?;
    let mut load = fleet.start(&server, &["--approve", "--stay"])?;
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

    let served = checkins(&fleet.acknowledged()?);
    assert_eq!(served.len(), AGENTS, "the load never got going");
    fleet.must_have_lost_nothing(&server).await?;

    let report = fleet.run(&server, &["--duration", "1"]).await?;
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
    let fleet = Simulated::new(MANY)?;
    let admin = server.admin()?;
    let mut load = fleet.start(&server, &["--duration", "0"])?;
    eventually("some to register", 30, async || {
        Ok((admin.systems().await?.len() >= 20).then_some(()))
    })
    .await?;
    server.kill()?;
    load.stop()?;
    let acks = fleet.acknowledged()?;
    server.start().await?;
    must_be_listed(&server, &acks).await?;

    fleet.run(&server, &["--duration", "0"]).await?;
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), MANY);
    let names: BTreeMap<SystemId, &str> = systems
        .iter()
        .map(|system| (system.id, system.hostname.as_str()))
        .collect();
    for one in fleet.acknowledged()? {
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
    let fleet = Simulated::new(AGENTS)?;
    let mut load = fleet.start(&server, &["--approve", "--stay"])?;
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
    must_be_listed(&server, &fleet.acknowledged()?).await?;
    assert!(!server.log().contains("panicked"));
    Ok(())
}

/// T8: the server is killed and started again in front of a fleet that goes on asking, more at once than may wait. Nobody
/// is told anything else than to come again, everybody is served, nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_in_front_of_the_whole_fleet_is_absorbed() -> Result<()> {
    const MANY: usize = 80;
    let mut server = Server::builder().limits("max_queue = 8").start().await?;
    let fleet = Simulated::new(MANY)?;
    let connections = MANY.to_string();
    let more = ["--approve", "--stay", "--connections", connections.as_str()];
    let mut load = fleet.start(&server, &more)?;
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
    let last = checkins(&fleet.acknowledged()?)
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
    let errors = fleet.errors("check_in")?;
    assert!(errors.contains_key("connection"), "nobody noticed: {errors:?}");
    let others: Vec<&String> = errors
        .keys()
        .filter(|kind| !["connection", "refused: busy"].contains(&kind.as_str()))
        .collect();
    assert!(others.is_empty(), "somebody was told something else: {errors:?}");
    must_be_listed(&server, &fleet.acknowledged()?).await?;
    assert!(!server.log().contains("panicked"));
    Ok(())
}
