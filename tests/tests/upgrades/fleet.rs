//! The simulator's machines become what they are told, or go back, by the share that is asked for.

use crate::{PLATFORM, Release, last, path, server};
use anyhow::{Context, Result};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeState};
use scm_tests::programs::{Simulated, eventually};
use serde_json::json;

async fn ends(fail_percent: &str, wanted: UpgradeState) -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    release.add(&server, "999.0.0", PLATFORM, 1000)?;
    let fleet = Simulated::new(3)?;
    let more = [
        "--approve",
        "--stay",
        "--interval",
        "0.5",
        "--fail-upgrades",
        fail_percent,
    ];
    let mut load = fleet.start(&server, &more)?;
    let admin = server.admin()?;
    let seen = |system: &scm_protocol::systems::SystemSummary| system.last_seen_ms.is_some();
    let system = admin.await_system("a check-in", seen).await?.id;
    let _: Upgrade = admin.call("POST", &path(system), &json!({})).await?;
    let end = eventually("the end of the upgrade", 60, async || {
        load.must_run()?;
        let upgrade = last(&admin, system).await?;
        Ok(upgrade.state.is_over().then_some(upgrade))
    })
    .await?;
    assert_eq!(end.state, wanted, "{end:?}");
    let version = admin.system(system).await?.summary.agent_version;
    assert_eq!(version == "999.0.0", wanted == UpgradeState::Done, "{version}");
    load.stop()?.success().then_some(()).context("the fleet failed")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_machines_become_what_they_are_told() -> Result<()> {
    ends("0", UpgradeState::Done).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simulated_machines_go_back_when_they_are_to_fail() -> Result<()> {
    ends("100", UpgradeState::RolledBack).await
}
