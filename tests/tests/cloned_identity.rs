//! Two machines with one identity (H15): the first goes on, the other is kept out until an administrator decides.

use anyhow::{Context, Result};
use scm_protocol::agent::{CheckIn, CheckInReply};
use scm_protocol::events::{FleetCounts, Overview};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::{ConflictDecision, ConflictState, IdentityConflict, SystemDetail, SystemStatus};
use scm_tests::programs::{Admin, Agent, Database, Rogue, Server, eventually};
use scm_tests::signed::Signed;

async fn conflict(admin: &Admin, system: &SystemDetail) -> Result<IdentityConflict> {
    let id = system.summary.id;
    eventually("the conflict to be seen", 30, async || {
        let detail = admin.system(id).await?;
        let open = detail
            .conflicts
            .into_iter()
            .find(|conflict| conflict.state == ConflictState::Open);
        Ok(open.filter(|_| detail.summary.cloned))
    })
    .await
}

async fn decide(admin: &Admin, system: &SystemDetail, conflict: i64, decision: &str) -> Result<u16> {
    let body = ConflictDecision {
        fingerprint: system.fingerprint,
        conflict,
    };
    let path = format!("/api/v1/systems/{}/{decision}", system.summary.id);
    Ok(admin.send("POST", &path, Some(&body)).await?.status().as_u16())
}

async fn active_agent(server: &Server) -> Result<(Agent, SystemDetail)> {
    let admin = server.admin()?;
    let agent = server.agent().start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to pin the server's key", 30, async || {
        Ok((agent.state_files(".pub")?.len() == 2).then_some(()))
    })
    .await?;
    Ok((agent, admin.system(pending.id).await?))
}

/// What the dashboard says.
async fn dashboard(admin: &Admin) -> Result<FleetCounts> {
    let overview: Overview = admin.get("/api/v1/overview").await?;
    Ok(overview.counts)
}

/// What its identity consists of.
fn contents(agent: &Agent) -> Result<Vec<Vec<u8>>> {
    Ok(agent
        .identity()?
        .into_iter()
        .map(|(_, content)| content)
        .collect())
}

/// A disk image is copied and both run: one is Active, one quarantined, nothing is lost for the first; split, there are two.
async fn copied_folder(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let (first, system) = active_agent(&server).await?;
    let id = system.summary.id;
    let identity = contents(&first)?;
    let mut copy = first.copy()?;
    copy.start()?;
    let conflict = conflict(&admin, &system).await?;
    eventually("the copy to know that it is quarantined", 30, async || {
        Ok(copy.status()?.contains("Quarantined").then_some(()))
    })
    .await?;
    let seen = admin.system(id).await?;
    assert_ne!(conflict.claimant_boot_id, seen.boot_id, "the first speaks");
    eventually("the first to go on", 20, async || {
        let summary = admin.system(id).await?.summary;
        let later = summary.last_seen_ms > seen.summary.last_seen_ms && summary.cpu_percent.is_some();
        Ok((later && first.status()?.contains("Active")).then_some(()))
    })
    .await?;
    // A restart of the copy is known by its own word, and changes nothing.
    copy.stop()?;
    copy.start()?;
    eventually("the next run of the copy to be turned away", 30, async || {
        let detail = admin.system(id).await?;
        Ok((detail
            .conflicts
            .iter()
            .filter(|c| c.state == ConflictState::Open)
            .count()
            == 2)
            .then_some(()))
    })
    .await?;
    assert_eq!(contents(&first)?, identity, "nothing was given up");
    assert_eq!(contents(&copy)?, identity, "nothing was given up");
    assert_eq!(admin.systems().await?.len(), 1);
    let counts = dashboard(&admin).await?;
    assert_eq!(
        (counts.total, counts.online, counts.cloned),
        (1, 1, 1),
        "one system, whatever it runs"
    );

    for open in admin.system(id).await?.conflicts {
        assert_eq!(decide(&admin, &system, open.id, "split").await?, 204);
        assert_eq!(decide(&admin, &system, open.id, "split").await?, 409, "once");
    }
    let other = admin
        .await_system("the copy as a system of its own", |other| other.id != id)
        .await?;
    assert_eq!(other.status, SystemStatus::Pending);
    assert_ne!(admin.system(other.id).await?.fingerprint, system.fingerprint);
    assert_eq!(contents(&first)?, identity);
    assert!(
        !copy
            .state_files("")?
            .iter()
            .all(|(path, _)| !path.to_string_lossy().contains(".split-"))
    );
    let kept = admin.system(id).await?;
    assert_eq!(
        (kept.summary.status, kept.summary.cloned),
        (SystemStatus::Active, false)
    );
    let counts = dashboard(&admin).await?;
    assert_eq!((counts.total, counts.pending, counts.cloned), (2, 1, 0));
    let actions: Vec<String> = admin
        .audit()
        .await?
        .items
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    for (action, times) in [("systems.quarantine", 2), ("systems.split", 2)] {
        assert_eq!(
            actions.iter().filter(|other| *other == action).count(),
            times,
            "{action}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_folder_is_quarantined_and_split_on_sqlite() -> Result<()> {
    copied_folder(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_folder_is_quarantined_and_split_on_postgres() -> Result<()> {
    copied_folder(Database::Postgres).await
}

/// A check-in of the run `boot_id` with this number.
fn checkin(rogue: &Rogue, boot_id: &str, previous: Option<&str>, sequence: u64, secs: u32) -> Result<Signed> {
    let body = CheckIn {
        agent_version: "0.1.0".to_owned(),
        boot_id: boot_id.to_owned(),
        previous_boot_id: previous.map(str::to_owned),
        hold_secs: 0,
        clock_offset_ms: Some(i64::from(secs)),
        ..CheckIn::default()
    };
    let created = scm_tests::clock::now().as_secs();
    let body = serde_json::to_vec(&body)?;
    Ok(Signed::checkin(
        &rogue.key,
        &rogue.organization,
        rogue.system,
        created,
        sequence,
        body,
    ))
}

/// A machine that is copied while it runs: one boot id, one number, two messages.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_copy_gives_itself_away_by_its_number() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let rogue = server.active_rogue().await?;
    let system = admin.system(rogue.system).await?;
    let first = checkin(&rogue, "run", None, 5, 0)?;
    let reply: CheckInReply = rogue.accepted(&first).await?;
    let key = reply.server_public_key.context("no server key")?;
    assert_eq!(
        rogue.refused(&first).await?.1.code,
        RefusalCode::Replayed,
        "its very bytes are a replay"
    );
    let second = checkin(&rogue, "run", None, 5, 1)?;
    let (reply, refusal) = rogue.refused(&second).await?;
    second.verify(&reply, &key)?;
    assert_eq!(refusal.code, RefusalCode::Quarantined);
    assert_eq!(
        reply.header("retry-after").map(str::to_owned),
        refusal.retry_after_secs.map(|secs| secs.to_string())
    );
    let name = refusal.boot_id.context("no name for the copy")?;
    let conflict = conflict(&admin, &system).await?;
    assert_eq!(
        (conflict.claimant_boot_id.as_str(), conflict.evidence.as_str()),
        (name.as_str(), "same_number")
    );
    // Under its new name it is kept out whatever its number is; the first goes on.
    let kept_out = checkin(&rogue, &name, Some("run"), 6, 0)?;
    assert_eq!(rogue.refused(&kept_out).await?.1.code, RefusalCode::Quarantined);
    rogue.accepted(&checkin(&rogue, "run", None, 6, 0)?).await?;

    // The administrator finds that the other is the right one.
    assert_eq!(decide(&admin, &system, conflict.id, "swap").await?, 204);
    rogue
        .accepted(&checkin(&rogue, &name, Some("run"), 7, 0)?)
        .await?;
    let former = checkin(&rogue, "run", None, 8, 0)?;
    assert_eq!(rogue.refused(&former).await?.1.code, RefusalCode::Quarantined);
    let swapped = admin.system(rogue.system).await?.conflicts;
    assert_eq!(swapped[0].claimant_boot_id, "run");
    // Or that both are one machine, as after a snapshot was restored.
    assert_eq!(decide(&admin, &system, swapped[0].id, "dismiss").await?, 204);
    assert!(!admin.system(rogue.system).await?.summary.cloned);
    rogue.accepted(&checkin(&rogue, "run", None, 9, 0)?).await?;
    assert_eq!(decide(&admin, &system, swapped[0].id, "dismiss").await?, 409);
    assert_eq!(decide(&admin, &system, 4711, "dismiss").await?, 404);
    Ok(())
}

/// A folder that is restored from a backup follows a run that was followed already: an administrator decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_folder_is_flagged_and_a_restart_is_not() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let rogue = server.active_rogue().await?;
    let system = admin.system(rogue.system).await?;
    for (boot_id, previous, sequence) in [
        ("a", None, 1),
        ("b", Some("a"), 1001),
        ("d", Some("never heard"), 2001),
    ] {
        rogue
            .accepted(&checkin(&rogue, boot_id, previous, sequence, 0)?)
            .await?;
    }
    // Late packets of former runs, and of one that was overtaken by its successor.
    for (boot_id, previous, sequence) in [("b", Some("a"), 1990), ("c", Some("b"), 1995)] {
        rogue
            .accepted(&checkin(&rogue, boot_id, previous, sequence, 0)?)
            .await?;
    }
    assert!(admin.system(rogue.system).await?.conflicts.is_empty());
    let restored = checkin(&rogue, "z", Some("b"), 2002, 0)?;
    assert_eq!(rogue.refused(&restored).await?.1.code, RefusalCode::Quarantined);
    let conflict = conflict(&admin, &system).await?;
    assert_eq!(conflict.evidence, "fork");
    assert_eq!(decide(&admin, &system, conflict.id, "dismiss").await?, 204);
    rogue.accepted(&checkin(&rogue, "z", Some("b"), 2002, 0)?).await?;

    // Only who may approve may decide, about the system that was shown.
    let other = server.active_rogue().await?;
    let shown = admin.system(other.system).await?;
    let body = ConflictDecision {
        fingerprint: shown.fingerprint,
        conflict: conflict.id,
    };
    let path = format!("/api/v1/systems/{}/split", rogue.system);
    assert_eq!(admin.send("POST", &path, Some(&body)).await?.status(), 409);
    assert_eq!(
        server
            .client(None)?
            .send("POST", &path, Some(&body))
            .await?
            .status(),
        401
    );
    let path = format!("/api/v1/systems/{}/split", other.system);
    assert_eq!(
        admin.send("POST", &path, Some(&body)).await?.status(),
        404,
        "another system's conflict"
    );
    assert_eq!(
        admin
            .send("POST", &path, Some(&serde_json::json!({})))
            .await?
            .status(),
        422
    );
    Ok(())
}
