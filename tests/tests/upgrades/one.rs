//! One system's upgrade: offered, queued once, fetched in parts, followed to its end.

use crate::{BOOT, PLATFORM, Release, Simulated, audited, ended, last, path, progress, server, upgrades};
use anyhow::{Context, Result, ensure};
use scm_protocol::auth::Role;
use scm_protocol::commands::report::{EndOutcome, Event};
use scm_protocol::problem::Problem;
use scm_protocol::refusal::{Refusal, RefusalCode};
use scm_protocol::upgrades::PACKAGE_PART_BYTES;
use scm_protocol::upgrades::progress::UpgradeStage;
use scm_protocol::upgrades::upgrade::{Upgrade, UpgradeOffer, UpgradeState};
use scm_tests::programs::Server;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_is_queued_once_fetched_in_parts_and_ends_by_the_version() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    let mut agent = Simulated::active(&server, "1.0.0").await?;
    let mut other = Simulated::active(&server, "1.0.0").await?;
    let here = path(agent.id());
    let none: UpgradeOffer = admin.get(&here).await?;
    ensure!(
        none.reason
            .is_some_and(|reason| reason.contains("no package for x86_64-linux"))
    );
    assert_eq!(
        admin.refused("POST", &here, &json!({})).await?,
        (409, "not_offered".to_owned())
    );
    let size = PACKAGE_PART_BYTES * 2 + 77;
    let program = release.add(&server, "1.2.0", PLATFORM, size)?;
    let offer: UpgradeOffer = admin.get(&here).await?;
    assert_eq!((offer.offered.as_deref(), offer.reason), (Some("1.2.0"), None));

    // Queuing again changes nothing; another version is another matter.
    let upgrade: Upgrade = admin.call("POST", &here, &json!({})).await?;
    assert_eq!(
        (upgrade.state, upgrade.from_version.as_str()),
        (UpgradeState::Queued, "1.0.0")
    );
    let again = admin
        .send("POST", &here, Some(&json!({ "version": "1.2.0" })))
        .await?;
    assert_eq!(again.status(), 200);
    assert_eq!(again.json::<Upgrade>().await?.id, upgrade.id);
    assert_eq!(
        admin
            .refused("POST", &here, &json!({ "version": "1.3.0" }))
            .await?,
        (409, "upgrade_under_way".to_owned())
    );
    assert_eq!(upgrades(&admin, "").await?.len(), 1);
    let removed = server.command(&["packages", "remove", PLATFORM, "1.2.0"])?;
    ensure!(!removed.status.success(), "a package in use was removed");

    let (name, order) = agent.order().await?.context("nothing was handed out")?;
    assert_eq!(
        (order.version.as_str(), order.size),
        ("1.2.0", i64::try_from(size)?)
    );
    assert_eq!(last(&admin, agent.id()).await?.state, UpgradeState::Dispatched);
    let mut fetched = Vec::new();
    while fetched.len() < size {
        let reply = agent.part(&name, i64::try_from(fetched.len())?).await?;
        assert_eq!(reply.status, 200);
        ensure!(reply.header("signature").is_some(), "a part is signed");
        fetched.extend_from_slice(&reply.body);
        let state = last(&admin, agent.id()).await?;
        assert_eq!(state.state, UpgradeState::Downloading);
    }
    ensure!(fetched == program, "the parts are not the package");
    // From any byte on, as after an interruption.
    let middle = agent.part(&name, 1000).await?;
    ensure!(middle.body == program[1000..1000 + PACKAGE_PART_BYTES]);
    let refusal = |reply: &scm_tests::http::Reply| -> Result<Refusal> { reply.json() };
    let beyond = agent.part(&name, i64::try_from(size)?).await?;
    assert_eq!(
        (beyond.status, refusal(&beyond)?.field.as_deref()),
        (416, Some("start"))
    );
    let foreign = other.part(&name, 0).await?;
    assert_eq!(
        (foreign.status, refusal(&foreign)?.code),
        (404, RefusalCode::UnknownPackage)
    );

    let events = vec![Event::Started, progress(UpgradeStage::Restarting, order.size)];
    agent.tell(&name, events).await?;
    // What comes late goes nowhere back.
    agent
        .tell(&name, vec![progress(UpgradeStage::Downloading, 1)])
        .await?;
    let restarting = last(&admin, agent.id()).await?;
    assert_eq!(
        (restarting.state, restarting.done_bytes),
        (UpgradeState::Restarting, i64::try_from(size)?)
    );
    // The acknowledgement is lost; the version says it.
    agent.version = "1.2.0".to_owned();
    ensure!(agent.order().await?.is_none(), "it was handed out again");
    let done = last(&admin, agent.id()).await?;
    assert_eq!(done.state, UpgradeState::Done);
    ensure!(
        done.reason
            .is_some_and(|reason| reason.contains("checked in with this version"))
    );
    let gone = agent.part(&name, 0).await?;
    assert_eq!(refusal(&gone)?.code, RefusalCode::UnknownPackage);
    // The word of the system counts more than its version.
    agent
        .tell(&name, vec![ended(EndOutcome::RolledBack, "no check-in in time")])
        .await?;
    let back = last(&admin, agent.id()).await?;
    assert_eq!(
        (back.state, back.reason.as_deref()),
        (UpgradeState::RolledBack, Some("no check-in in time"))
    );
    assert_eq!(audited(&admin, "upgrades.create").await?, 1);
    assert_eq!(audited(&admin, "commands.complete").await?, 1);
    assert_eq!(audited(&admin, "commands.fail").await?, 1);
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_system_says_is_where_its_upgrade_ends() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    for (outcome, state) in [
        (EndOutcome::Refused, UpgradeState::Refused),
        (EndOutcome::RolledBack, UpgradeState::RolledBack),
        (EndOutcome::Failed, UpgradeState::Failed),
        (EndOutcome::UnknownKind, UpgradeState::Refused),
        (EndOutcome::Completed, UpgradeState::Done),
    ] {
        let mut agent = Simulated::active(&server, "1.0.0").await?;
        let queued: Upgrade = admin.call("POST", &path(agent.id()), &json!({})).await?;
        let (name, order) = agent.order().await?.context("nothing was handed out")?;
        agent.become_it(&name, &order, outcome).await?;
        let over = last(&admin, agent.id()).await?;
        assert_eq!((over.id, over.state), (queued.id, state), "{outcome:?}");
        ensure!(over.ended_ms.is_some());
    }
    // One that is cancelled before it was fetched is not handed out.
    let mut agent = Simulated::active(&server, "1.0.0").await?;
    let queued: Upgrade = admin.call("POST", &path(agent.id()), &json!({})).await?;
    let cancel = format!("/api/v1/commands/{}/cancel", queued.command);
    let _: Value = admin.call("POST", &cancel, &Value::Null).await?;
    ensure!(agent.order().await?.is_none());
    assert_eq!(last(&admin, agent.id()).await?.state, UpgradeState::Cancelled);
    // One that somebody else upgraded meanwhile is done.
    let _: Upgrade = admin.call("POST", &path(agent.id()), &json!({})).await?;
    agent.version = "1.3.0".to_owned();
    ensure!(agent.order().await?.is_none());
    assert_eq!(last(&admin, agent.id()).await?.state, UpgradeState::Done);
    let newer: UpgradeOffer = admin.get(&path(agent.id())).await?;
    ensure!(
        newer
            .reason
            .is_some_and(|reason| reason.contains("only a newer one"))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused_with_its_reason() -> Result<()> {
    let release = Release::new()?;
    let server = server(&release).await?;
    let admin = server.admin()?;
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    let mut pending = server.rogue()?;
    pending.register("pending").await?;
    let agent = Simulated::active(&server, "1.0.0").await?;
    let (here, waiting) = (path(agent.id()), path(pending.system));
    for (path, body, status, code) in [
        (&here, json!({ "version": "1.2" }), 422, "invalid"),
        (&here, json!({ "wait_secs": 0 }), 422, "invalid"),
        (&here, json!({ "platform": "x" }), 422, "invalid"),
        (&here, json!({ "version": "1.0.0" }), 409, "not_offered"),
        (&waiting, json!({}), 409, "wrong_status"),
        (
            &"/api/v1/systems/999/upgrade".to_owned(),
            json!({}),
            404,
            "not_found",
        ),
    ] {
        let answer = admin.send("POST", path, Some(&body)).await?;
        let problem: Problem = answer.json().await?;
        assert_eq!(problem.status, status, "{body}: {problem:?}");
        ensure!(status != 409 || problem.code == code, "{body}: {problem:?}");
    }
    let editor = server.person("jdoe", Role::Editor).await?.api;
    assert_eq!(editor.refused("POST", &here, &json!({})).await?.0, 403);
    assert_eq!(editor.status("GET", &here).await?, 200);
    let nobody = server.client(None)?;
    assert_eq!(nobody.refused("POST", &here, &json!({})).await?.0, 401);
    ensure!(upgrades(&admin, "").await?.is_empty());
    // A request for a part by whoever did not check in with this run, and without an order.
    let request = scm_protocol::upgrades::progress::PackagePartRequest {
        boot_id: BOOT.replace('0', "1"),
        command: scm_protocol::commands::report::CommandName {
            id: scm_protocol::ids::CommandId(1),
            nonce: String::new(),
        },
        start: 0,
    };
    let mut rogue = agent.rogue;
    let signed = rogue.package_part(&request);
    assert_eq!(rogue.refused(&signed).await?.1.code, RefusalCode::RateLimited);
    Ok(())
}

/// B1: many in one job; what is not offered is skipped with its reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_queues_what_is_offered_and_skips_the_rest() -> Result<()> {
    let release = Release::new()?;
    let server: Server = server(&release).await?;
    let admin = server.admin()?;
    release.add(&server, "1.2.0", PLATFORM, 10)?;
    let old = Simulated::active(&server, "1.0.0").await?;
    let new = Simulated::active(&server, "1.2.0").await?;
    let body = json!({ "kind": "upgrade", "filter": "status = active", "expected_count": 2 });
    let job: Value = admin.call("POST", "/api/v1/jobs", &body).await?;
    let over = scm_tests::programs::eventually("the job's end", 60, async || {
        let job: Value = admin.get(&format!("/api/v1/jobs/{}", job["id"])).await?;
        Ok((job["state"] == "done").then_some(job))
    })
    .await?;
    assert_eq!(
        (&over["counts"]["done"], &over["counts"]["skipped"]),
        (&json!(1), &json!(1))
    );
    let targets: Value = admin
        .get(&format!("/api/v1/jobs/{}/targets?outcome=skipped", job["id"]))
        .await?;
    ensure!(targets["items"][0]["system"] == json!(new.id()), "{targets}");
    ensure!(
        targets["items"][0]["reason"]
            .as_str()
            .is_some_and(|why| why.contains("only a newer one"))
    );
    assert_eq!(last(&admin, old.id()).await?.state, UpgradeState::Queued);
    assert_eq!(audited(&admin, "upgrades.create").await?, 1);
    Ok(())
}
