//! Rollouts: in stages, halted by failures, across a restart, by two servers.

use crate::{PLATFORM, Release, Simulated, audited, path, server, upgrades};
use anyhow::{Context, Result, ensure};
use scm_protocol::auth::Role;
use scm_protocol::commands::report::EndOutcome;
use scm_protocol::ids::SystemId;
use scm_protocol::upgrades::rollout::{Rollout, RolloutState, cohort, is_within};
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeState};
use scm_tests::programs::{Admin, Database, Server, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ROLLOUTS: &str = "/api/v1/rollouts";

async fn show(admin: &Admin, rollout: &Rollout) -> Result<Rollout> {
    admin.get(&format!("{ROLLOUTS}/{}", rollout.id)).await
}

async fn steer(admin: &Admin, rollout: &Rollout, what: &str) -> Result<Rollout> {
    admin
        .call("POST", &format!("{ROLLOUTS}/{}/{what}", rollout.id), &Value::Null)
        .await
}

/// Lets the agents check in, and do what they are told, until the rollout is where it should be. `fails` says which do not
/// prove themselves.
async fn until(
    admin: &Admin,
    rollout: &Rollout,
    agents: &mut [Simulated],
    fails: impl Fn(SystemId) -> bool,
    wanted: impl Fn(&Rollout) -> bool,
) -> Result<Rollout> {
    for _ in 0..600 {
        for agent in agents.iter_mut() {
            if let Some((name, order)) = agent.order().await? {
                let outcome = if fails(agent.id()) {
                    EndOutcome::RolledBack
                } else {
                    EndOutcome::Completed
                };
                agent.become_it(&name, &order, outcome).await?;
            }
        }
        let now = show(admin, rollout).await?;
        ensure!(now.counts.under_way <= i64::from(now.at_once), "{now:?}");
        if wanted(&now) {
            return Ok(now);
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("it does not come there: {:?}", show(admin, rollout).await?)
}

async fn fleet(server: &Server, count: usize) -> Result<Vec<Simulated>> {
    let mut agents = Vec::new();
    for _ in 0..count {
        agents.push(Simulated::active(server, "1.0.0").await?);
    }
    Ok(agents)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_goes_stage_by_stage_halts_when_too_many_fail_and_goes_on_after_a_restart() -> Result<()> {
    let release = Release::new()?;
    let mut server = server(&release).await?;
    let admin = server.admin()?;
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    let mut agents = fleet(&server, 14).await?;
    let within = |percent| -> BTreeSet<SystemId> {
        let all = agents.iter().map(Simulated::id);
        all.filter(|id| is_within(cohort(*id, "1.2.0"), percent))
            .collect()
    };
    let (half, everybody) = (within(50), within(100));
    ensure!(
        !half.is_empty() && half.len() < everybody.len(),
        "50 % of 14 are {half:?}"
    );
    let body = json!({
        "filter": "status = active", "expected_count": 14, "stages": [50, 100], "failure_budget": 1, "at_once": 3,
    });
    let rollout: Rollout = admin.call("POST", ROLLOUTS, &body).await?;
    assert_eq!((rollout.version.as_str(), rollout.counts.total), ("1.2.0", 14));

    // Only the cohorts of the stage, and then somebody is asked.
    let waiting = until(
        &admin,
        &rollout,
        &mut agents,
        |_| false,
        |now| now.state != RolloutState::Running,
    )
    .await?;
    assert_eq!(waiting.state, RolloutState::Waiting);
    let done: BTreeSet<SystemId> = upgrades(&admin, &format!("&rollout={}", rollout.id))
        .await?
        .into_iter()
        .inspect(|upgrade| assert_eq!(upgrade.state, UpgradeState::Done))
        .map(|upgrade| upgrade.system)
        .collect();
    assert_eq!(done, half);

    // In the second stage everything fails: the second failure is one too many, and what is not fetched is taken back.
    steer(&admin, &rollout, "advance").await?;
    let halted = until(
        &admin,
        &rollout,
        &mut agents,
        |_| true,
        |now| now.state != RolloutState::Running,
    )
    .await?;
    assert_eq!(halted.state, RolloutState::Halted);
    ensure!(
        halted
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("at most 1 may")),
        "{halted:?}"
    );
    ensure!((2..=4).contains(&halted.counts.failed), "{:?}", halted.counts);
    let frozen = halted.counts.waiting;
    ensure!(frozen > 0, "{:?}", halted.counts);

    // Nothing goes on by itself, a restart included.
    server.kill()?;
    server.start().await?;
    let admin = server.admin()?;
    let mut still = until(
        &admin,
        &rollout,
        &mut agents,
        |_| true,
        |now| now.counts.under_way == 0,
    )
    .await?;
    assert_eq!(still.state, RolloutState::Halted);
    let failed = still.counts.failed;
    assert_eq!(
        admin
            .refused(
                "POST",
                &format!("{ROLLOUTS}/{}/advance", rollout.id),
                &Value::Null
            )
            .await?,
        (409, "wrong_state".to_owned())
    );
    // Resumed, the failures until now count no more, and the server may die in the middle of it.
    steer(&admin, &rollout, "resume").await?;
    still = until(
        &admin,
        &rollout,
        &mut agents,
        |_| false,
        |now| now.counts.waiting < frozen,
    )
    .await?;
    ensure!(still.state != RolloutState::Halted, "{still:?}");
    server.kill()?;
    server.start().await?;
    let admin = server.admin()?;
    let over = until(
        &admin,
        &rollout,
        &mut agents,
        |_| false,
        |now| now.state.is_over(),
    )
    .await?;
    assert_eq!((over.state, over.counts.failed), (RolloutState::Done, failed));
    assert_eq!(over.counts.done + failed, 14);
    // Nobody was upgraded twice.
    let done: Vec<SystemId> = upgrades(&admin, &format!("&state=done&rollout={}", rollout.id))
        .await?
        .into_iter()
        .map(|upgrade| upgrade.system)
        .collect();
    let once: BTreeSet<SystemId> = done.iter().copied().collect();
    assert_eq!(done.len(), once.len());
    for (action, times) in [
        ("rollouts.create", 1),
        ("rollouts.stage_done", 1),
        ("rollouts.advance", 1),
        ("rollouts.halt", 1),
        ("rollouts.resume", 1),
        ("rollouts.finish", 1),
    ] {
        assert_eq!(audited(&admin, action).await?, times, "{action}");
    }
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_automatic_rollout_needs_nobody_and_an_aborted_one_takes_back_what_waits() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    let mut agents = fleet(&server, 4).await?;
    let ids: Vec<SystemId> = agents.iter().map(Simulated::id).collect();
    let body = json!({ "systems": ids, "version": "1.2.0", "stages": [50, 100], "automatic": true });
    let rollout: Rollout = admin.call("POST", ROLLOUTS, &body).await?;
    let over = until(
        &admin,
        &rollout,
        &mut agents,
        |_| false,
        |now| now.state.is_over(),
    )
    .await?;
    assert_eq!((over.state, over.counts.done), (RolloutState::Done, 4));

    // As new already: skipped. The others wait for agents that do not ask, and are taken back.
    release.add(&server, "1.3.0", PLATFORM, 10)?;
    let late = Simulated::active(&server, "1.3.0").await?;
    let all: Vec<SystemId> = ids.iter().copied().chain([late.id()]).collect();
    let body = json!({ "systems": all, "stages": [100] });
    let rollout: Rollout = admin.call("POST", ROLLOUTS, &body).await?;
    eventually("everything to be queued", 60, async || {
        let now = show(&admin, &rollout).await?;
        Ok((now.counts.under_way == 4 && now.counts.skipped == 1).then_some(()))
    })
    .await?;
    let aborted = steer(&admin, &rollout, "abort").await?;
    assert_eq!(
        (aborted.state, aborted.counts.under_way),
        (RolloutState::Aborted, 0)
    );
    for agent in &mut agents {
        ensure!(
            agent.order().await?.is_none(),
            "what was taken back was handed out"
        );
    }
    let cancelled = upgrades(&admin, &format!("&state=cancelled&rollout={}", rollout.id)).await?;
    assert_eq!(cancelled.len(), 4);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollout_that_cannot_be_is_refused() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    let one = json!({ "systems": [1] });
    assert_eq!(
        admin.refused("POST", ROLLOUTS, &one).await?,
        (409, "no_package".to_owned())
    );
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    for (body, field) in [
        (json!({ "systems": [] }), "systems"),
        (json!({ "systems": [1, 1] }), "systems"),
        (json!({ "systems": [1], "filter": "" }), "systems"),
        (json!({ "filter": "status = active" }), "expected_count"),
        (
            json!({ "filter": "statu = active", "expected_count": 1 }),
            "filter",
        ),
        (json!({ "systems": [1], "stages": [10] }), "stages"),
        (json!({ "systems": [1], "at_once": 0 }), "at_once"),
        (json!({ "systems": [1], "version": "new" }), "version"),
    ] {
        let answer = admin.send("POST", ROLLOUTS, Some(&body)).await?;
        let status = answer.status();
        let problem: Value = answer.json().await?;
        ensure!(status == 422 && problem["field"] == field, "{body}: {problem}");
    }
    let counted = json!({ "filter": "status = active", "expected_count": 7 });
    assert_eq!(
        admin.refused("POST", ROLLOUTS, &counted).await?,
        (409, "count_changed".to_owned())
    );
    let unknown = json!({ "systems": [1], "version": "9.9.9" });
    assert_eq!(
        admin.refused("POST", ROLLOUTS, &unknown).await?,
        (409, "no_package".to_owned())
    );
    let editor = server.person("jdoe", Role::Editor).await?.api;
    assert_eq!(editor.refused("POST", ROLLOUTS, &one).await?.0, 403);
    assert_eq!(server.client(None)?.refused("POST", ROLLOUTS, &one).await?.0, 401);
    assert_eq!(
        admin
            .refused("POST", &format!("{ROLLOUTS}/9/halt"), &Value::Null)
            .await?
            .0,
        404
    );
    Ok(())
}

/// U2, D1: whatever two servers are asked at once, a system has one upgrade.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_queue_one_upgrade_of_a_system() -> Result<()> {
    let release = Release::new()?;
    let first = Server::builder()
        .database(Database::Postgres)
        .sections(&release.sections())
        .start()
        .await?;
    let second = first.replica().await?;
    release.add(&first, "1.2.0", PLATFORM, 10)?;
    let (one, other) = (first.admin()?, second.admin()?);
    let mut agents = fleet(&first, 8).await?;
    let ids: Vec<SystemId> = agents.iter().map(Simulated::id).collect();
    let body = json!({ "systems": ids, "stages": [100], "at_once": 5 });
    let rollout: Rollout = one.call("POST", ROLLOUTS, &body).await?;
    for id in &ids {
        let (path, body) = (path(*id), json!({}));
        let patiently = async |admin: &Admin| -> Result<Upgrade> {
            // Two servers may wait for each other's rows, of which the database gives one up: that changed nothing.
            eventually("an answer", 30, async || {
                let answer = admin.send("POST", &path, Some(&body)).await?;
                match answer.status().as_u16() {
                    503 => Ok(None),
                    _ => Ok(Some(answer.error_for_status()?.json().await?)),
                }
            })
            .await
        };
        let (here, there) = tokio::join!(patiently(&one), patiently(&other));
        assert_eq!(here?.id, there?.id, "system {id} has two upgrades");
    }
    let over = until(
        &other,
        &rollout,
        &mut agents,
        |_| false,
        |now| now.state.is_over(),
    )
    .await?;
    assert_eq!(over.state, RolloutState::Done);
    // Those that were queued one by one are none of the rollout's.
    for agent in &mut agents {
        if let Some((name, order)) = agent.order().await? {
            agent.become_it(&name, &order, EndOutcome::Completed).await?;
        }
    }
    let all = upgrades(&one, "").await?;
    assert_eq!(all.len(), ids.len(), "{all:?}");
    ensure!(all.iter().all(|upgrade| upgrade.state == UpgradeState::Done));
    let systems = one.systems().await?;
    let first = systems.first().context("no systems")?;
    assert_eq!(first.agent_version, "1.2.0");
    Ok(())
}
