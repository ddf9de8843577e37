//! Systems that wait for approval: no more than a setting allows, and none for ever.

use anyhow::{Context, Result};
use scm_protocol::agent::AgentStatus;
use scm_protocol::enrollment::{CreateToken, CreatedToken};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Database, Server, eventually};
use serde_json::json;

async fn set(admin: &Admin, name: &str, value: i64) -> Result<()> {
    let body = json!({ "value": value });
    let path = format!("/api/v1/settings/{name}");
    assert_eq!(admin.send("PUT", &path, Some(&body)).await?.status(), 204);
    Ok(())
}

/// A flood of registrations ends at `pending.max`; whoever waits already, or has a token, does not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn registrations_beyond_the_limit_are_put_off() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    set(&admin, "pending.max", 2).await?;
    let mut waiting = server.rogue()?;
    waiting.register("first").await?;
    server.rogue()?.register("second").await?;

    let flood = server.rogue()?;
    let (reply, refusal) = flood.refused(&flood.registration("third")?).await?;
    assert_eq!((reply.status, refusal.code), (503, RefusalCode::PendingFull));
    let retry_secs = refusal.retry_after_secs.context("no Retry-After")?;
    assert_eq!(reply.header("retry-after"), Some(retry_secs.to_string().as_str()));
    let bad_token = flood.registration_with("third", Some("oscm_wrong"))?;
    assert_eq!(flood.refused(&bad_token).await?.1.code, RefusalCode::PendingFull);
    assert_eq!(admin.systems().await?.len(), 2);

    // The real agent keeps its key, says what is wrong, and is let in when there is room.
    let mut agent = server.agent().start()?;
    eventually("the agent to say why", 20, async || {
        Ok(agent.log().contains("pending_full").then_some(()))
    })
    .await?;
    let key = agent.state_files(".key")?;
    assert_eq!(key.len(), 1);
    agent.stop()?;

    waiting.register("first again").await?;
    let checkin = waiting.checkin()?;
    waiting.accepted(&checkin).await?;
    let create = CreateToken {
        name: "site 7".to_owned(),
        ..CreateToken::default()
    };
    let created: CreatedToken = admin
        .send("POST", "/api/v1/enrollment/tokens", Some(&create))
        .await?
        .json()
        .await?;
    let mut invited = server.rogue()?;
    let reply = invited.register_with("invited", Some(&created.secret)).await?;
    assert_eq!(reply.status, AgentStatus::Active);

    set(&admin, "pending.max", 3).await?;
    agent.start()?;
    admin
        .await_system("the agent that was put off", |system| {
            system.status == SystemStatus::Pending && !["first", "second"].contains(&system.hostname.as_str())
        })
        .await?;
    assert_eq!(agent.state_files(".key")?, key, "the key was kept");
    Ok(())
}

/// Two servers start over a database with a Pending system that nobody heard of for long: it goes once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_pending_system_goes_once() -> Result<()> {
    let mut server = Server::builder().database(Database::Postgres).start().await?;
    let mut replica = server.replica().await?;
    let (mut silent, mut other) = (server.rogue()?, server.rogue()?);
    silent.register("silent").await?;
    other.register("other").await?;
    let mut active = server.active_rogue().await?;
    server.stop()?;
    replica.stop()?;
    let month = 31 * 86_400_000_i64;
    server.database_execute(&format!(
        "UPDATE systems SET first_seen_ms = first_seen_ms - {month} WHERE id IN ({}, {}); \
         UPDATE system_states SET last_seen_ms = last_seen_ms - {month} WHERE system_id IN ({}, {})",
        silent.system, active.system, silent.system, active.system
    ))?;
    let (first, second) = tokio::join!(server.start(), replica.start());
    first?;
    second?;
    let admin = server.admin()?;
    eventually("the silent one to go", 30, async || {
        let left = admin.systems().await?;
        Ok((!left.iter().any(|system| system.id == silent.system)).then_some(()))
    })
    .await?;
    let left = admin.systems().await?.len();
    assert_eq!(left, 2, "the one that is new and the one that is active stay");
    let entries = admin.audit().await?.items;
    let expired: Vec<_> = entries
        .iter()
        .filter(|entry| entry.action == "systems.expire")
        .collect();
    assert_eq!(expired.len(), 1);
    assert_eq!(
        (expired[0].actor.as_str(), expired[0].target.clone()),
        ("server", format!("system:{}", silent.system))
    );

    // Whoever lives still is told, and comes back as new.
    let former = silent.system;
    let checkin = silent.checkin()?;
    assert_eq!(silent.refused(&checkin).await?.1.code, RefusalCode::UnknownSystem);
    silent.register("alive").await?;
    assert!(silent.system > former);
    let checkin = active.checkin()?;
    active.accepted(&checkin).await?;
    Ok(())
}
