//! Several servers over one PostgreSQL database behave as one (D1, T7): what happens at one is felt at the other at once.

use anyhow::{Context, Result, ensure};
use scm_protocol::systems::SystemStatus;
use scm_tests::http::{Connection, Endpoint};
use scm_tests::programs::{Database, Server, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;

/// An interval that no test waits for: whatever reaches an agent sooner came with a held check-in.
const NEVER_SECS: u32 = 600;
/// Longer than anything takes that is told at once, and shorter than a check-in is held.
const AT_ONCE_SECS: u64 = 30;

async fn two_servers() -> Result<(Server, Server)> {
    let first = Server::builder()
        .database(Database::Postgres)
        .interval_secs(NEVER_SECS)
        .limits(&format!("idle_timeout_secs = {}", NEVER_SECS + 60))
        .start()
        .await?;
    let second = first.replica().await?;
    Ok((first, second))
}

/// An agent waits at the first server while the second one is told to approve it.
async fn decided_elsewhere(first: &Server, second: &Server) -> Result<()> {
    let agent = first.agent().start()?;
    let admin = second.admin()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    eventually("the first check-in", 30, async || {
        Ok(admin.system(pending.id).await?.summary.last_seen_ms.map(|_| ()))
    })
    .await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to be active", AT_ONCE_SECS, async || {
        Ok(agent.status()?.contains("Active").then_some(()))
    })
    .await
}

/// Waits for a change in a stream.
async fn told(connection: &mut Connection, change: &str) -> Result<()> {
    let mut heard = Vec::new();
    let read = async {
        loop {
            if String::from_utf8_lossy(&heard).contains(change) {
                return Ok(());
            }
            let mut part = [0; 4096];
            let count = connection.stream().read(&mut part).await?;
            ensure!(count > 0, "the stream ended");
            heard.extend_from_slice(&part[..count]);
        }
    };
    timeout(Duration::from_secs(AT_ONCE_SECS), read)
        .await
        .with_context(|| format!("no {change} was told"))?
}

async fn listen(endpoint: &Endpoint, token: &str) -> Result<Connection> {
    let bearer = format!("Bearer {token}");
    let mut connection = endpoint.connect().await?;
    let headers = [("authorization", bearer.as_str())];
    connection
        .send(&endpoint.request("GET", "/api/v1/events", &headers, b""))
        .await?;
    ensure!(connection.status().await? == 200, "no stream");
    Ok(connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_through_one_server_reaches_whom_the_other_holds_back() -> Result<()> {
    let (first, second) = two_servers().await?;
    decided_elsewhere(&first, &second).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_at_one_server_is_told_by_the_streams_of_the_other() -> Result<()> {
    let (first, second) = two_servers().await?;
    let token = std::fs::read_to_string(second.token_file())?;
    let mut stream = listen(&second.endpoint()?, token.trim()).await?;
    let group = json!({ "name": "web", "kind": "manual" });
    let _: Value = first.admin()?.call("POST", "/api/v1/groups", &group).await?;
    told(&mut stream, r#""groups":true"#).await?;
    let mut rogue = first.rogue()?;
    rogue.register("told").await?;
    told(&mut stream, &format!(r#""listed":[{}]"#, rogue.system)).await
}

/// The connection over which servers tell each other is made again, as are all others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_find_each_other_again_after_the_database_was_away() -> Result<()> {
    let (first, second) = two_servers().await?;
    first.database_execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )?;
    for server in [&first, &second] {
        let admin = server.admin()?;
        eventually("the database to be used again", 30, async || {
            Ok((admin.status("GET", "/readyz").await? == 200).then_some(()))
        })
        .await?;
        eventually("the others to be heard again", 30, async || {
            let log = server.log();
            Ok(log
                .contains("the connection to other servers is made again")
                .then_some(()))
        })
        .await?;
    }
    decided_elsewhere(&first, &second).await
}
