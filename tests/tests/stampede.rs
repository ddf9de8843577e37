//! The simulator's scenarios against a real server (D8, T8, H8): everybody at once, and everybody with a wrong clock.

use anyhow::{Context, Result, ensure};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Server, Simulated};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_comes_back_at_once_after_a_crash_is_served_whole() -> Result<()> {
    const AGENTS: u64 = 300;
    // Fewer may wait than come: the others are put off.
    let mut server = Server::builder().limits("max_queue = 32").start().await?;
    let fleet = Simulated::new(usize::try_from(AGENTS)?)?;
    fleet.run(&server, &["--approve", "--duration", "0.1"]).await?;
    server.kill()?;
    server.start().await?;
    let process = server.process()?.id().to_string();
    let listed = AGENTS.to_string();
    let more = [
        "--stampede",
        "--server-process",
        &process,
        "--await-listed",
        &listed,
    ];
    let report = fleet.run(&server, &more).await?;
    let came = &report["stampede"];
    assert_eq!(came["served"], AGENTS, "{report:#}");
    assert_eq!(came["registered_anew"], 0, "{report:#}");
    assert_eq!(came["connections_kept"], AGENTS, "{report:#}");
    ensure!(came["peak_resident_kib"].as_u64() > Some(1000), "{report:#}");
    let phase = &report["phases"]["stampede"];
    let latency = |name: &str| phase["latency_ms"][name].as_f64().context("a latency");
    ensure!(
        latency("p50")? > 0.0 && latency("p50")? <= latency("max")?,
        "{report:#}"
    );
    let errors = fleet.errors("stampede")?;
    let others = errors.keys().filter(|kind| *kind != "refused: busy");
    assert_eq!(others.count(), 0, "{errors:?}");
    fleet.must_have_lost_nothing(&server).await?;
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_with_wrong_clocks_correct_them_and_lose_nothing() -> Result<()> {
    const AGENTS: usize = 42;
    let server = Server::start_default().await?;
    let fleet = Simulated::new(AGENTS)?;
    fleet
        .run(
            &server,
            &["--approve", "--clock-skew", "86400", "--duration", "1"],
        )
        .await?;
    let errors = fleet.errors("register")?;
    let stale = errors.get("refused: stale_clock").copied().unwrap_or_default();
    ensure!(stale > 20 && stale <= AGENTS as u64, "{errors:?}");
    for phase in ["first_check_in", "check_in"] {
        let errors = fleet.errors(phase)?;
        ensure!(errors.is_empty(), "{phase}: {errors:?}");
    }
    let systems = server.admin()?.systems().await?;
    ensure!(systems.len() == AGENTS, "{} systems", systems.len());
    ensure!(systems.iter().all(|system| system.status == SystemStatus::Active));
    fleet.must_have_lost_nothing(&server).await
}
