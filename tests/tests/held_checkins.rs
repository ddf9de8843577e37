//! Check-ins that are held until there is something to tell.

use anyhow::{Context, Result};
use scm_protocol::agent::{AgentStatus, CheckIn};
use scm_protocol::commands::CommandState;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::rotation::{SigningKeyRotated, SigningKeyShown};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Commanded, Programs, Rogue, Server, eventually};
use scm_tests::signed::Signed;
use serde_json::json;
use std::time::{Duration, Instant};

/// An interval that no test waits for: whatever reaches an agent sooner came with a held check-in.
const NEVER_SECS: u32 = 600;

async fn slow_server() -> Result<Server> {
    let limits = format!("idle_timeout_secs = {}", NEVER_SECS + 60);
    Server::builder()
        .interval_secs(NEVER_SECS)
        .limits(&limits)
        .start()
        .await
}

fn held(rogue: &mut Rogue, hold_secs: u32) -> Result<Signed> {
    let body = CheckIn {
        agent_version: "0.1.0".to_owned(),
        boot_id: "0".repeat(32),
        hold_secs,
        ..CheckIn::default()
    };
    Ok(rogue.checkin_with(serde_json::to_vec(&body)?, 0))
}

#[tokio::test]
async fn an_approval_reaches_the_real_agent_at_once() -> Result<()> {
    let server = slow_server().await?;
    let agent = server.agent().start()?;
    let admin = server.admin()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    // The first check-in follows the registration within seconds and is held from then on.
    eventually("the first check-in", 30, async || {
        Ok(admin.system(pending.id).await?.summary.last_seen_ms.map(|_| ()))
    })
    .await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to be active", 20, async || {
        Ok(agent.status()?.contains("Active").then_some(()))
    })
    .await
}

/// After what it offers and after each command the agent is back at once, and held again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_after_the_other_reaches_the_real_agent() -> Result<()> {
    let mut programs = Programs::new()?;
    programs.add_trace("append", "")?;
    let world = Commanded::start(slow_server().await?, programs).await?;
    for word in ["a", "b", "c"] {
        let id = world.run("append", Some(word)).await?;
        world.until(id, CommandState::Completed).await?;
    }
    assert_eq!(world.programs.traces(), ["a", "b", "c"]);
    Ok(())
}

#[tokio::test]
async fn a_decision_is_the_reply() -> Result<()> {
    let server = slow_server().await?;
    let admin = server.admin()?;
    let mut rogue = server.rogue()?;
    rogue.register("held").await?;
    let request = held(&mut rogue, 50)?;
    let before = Instant::now();
    let decide = async {
        eventually("the check-in to be stored", 20, async || {
            Ok(admin.system(rogue.system).await?.summary.last_seen_ms.map(|_| ()))
        })
        .await?;
        admin.decide(rogue.system, "approve").await
    };
    let (reply, decided) = tokio::join!(rogue.accepted(&request), decide);
    decided?;
    let reply = reply?;
    assert_eq!(reply.status, AgentStatus::Active);
    reply.server_public_key.context("no key came with the approval")?;
    assert!(
        before.elapsed() < Duration::from_secs(40),
        "it was held until the end"
    );

    let request = held(&mut rogue, 1)?;
    let reply = rogue.accepted(&request).await?;
    assert!(
        reply.server_public_key.is_some(),
        "what there is to tell is told at once"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_wakes_and_a_stop_lets_go() -> Result<()> {
    let mut server = slow_server().await?;
    let admin = server.admin()?;
    let mut denied = server.rogue()?;
    denied.register("denied").await?;
    let mut waiting = server.rogue()?;
    waiting.register("waiting").await?;
    let (request, other) = (held(&mut denied, 50)?, held(&mut waiting, 50)?);
    let decide = async {
        for system in [denied.system, waiting.system] {
            eventually("the check-in to be stored", 20, async || {
                Ok(admin.system(system).await?.summary.last_seen_ms.map(|_| ()))
            })
            .await?;
        }
        admin.decide(denied.system, "deny").await?;
        tokio::task::block_in_place(|| server.stop())
    };
    let (refused, kept, decided) = tokio::join!(denied.refused(&request), waiting.accepted(&other), decide);
    decided?;
    assert_eq!(refused?.1.code, RefusalCode::Denied);
    assert_eq!(kept?.status, AgentStatus::Pending);
    Ok(())
}

/// H14: whoever waits is answered when the key that signs for the organization is another one, and by that one.
#[tokio::test]
async fn a_new_signing_key_ends_the_wait() -> Result<()> {
    let server = slow_server().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    let body = CheckIn {
        agent_version: "0.1.0".to_owned(),
        boot_id: "0".repeat(32),
        hold_secs: 50,
        has_server_key: true,
        ..CheckIn::default()
    };
    let request = rogue.checkin_with(serde_json::to_vec(&body)?, 0);
    let replace = async {
        eventually("the check-in to be stored", 20, async || {
            Ok(admin.system(rogue.system).await?.summary.last_seen_ms.map(|_| ()))
        })
        .await?;
        let shown: SigningKeyShown = admin.get("/api/v1/organization/signing-key").await?;
        let body = json!({ "fingerprint": shown.fingerprint });
        let response = admin
            .send("POST", "/api/v1/organization/rotate-signing-key", Some(&body))
            .await?;
        let rotated: SigningKeyRotated = response.error_for_status()?.json().await?;
        anyhow::Ok(rotated.public_key)
    };
    let (reply, key) = tokio::join!(rogue.send(&request), replace);
    // A reply that waited to its end would be signed by the key that was known when it began to wait.
    request.verify(&reply?, &key?)
}
