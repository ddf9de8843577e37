//! Commands when the agent or a server is killed: each ends in a state that says what is known, and none runs twice.

use anyhow::Result;
use scm_protocol::commands::{Command, CommandState};
use scm_tests::programs::{Commanded, Database, Programs, Server, eventually};
use serde_json::json;

/// Killed before, during and after: each command ends in a state that says what is known, and none runs twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_killed_never_repeats_what_it_began() -> Result<()> {
    let mut programs = Programs::new()?;
    programs.add_trace("append", "")?;
    programs.add_trace("hang", "sleep 60")?;
    let mut world = Commanded::start(Server::start_default().await?, programs).await?;
    let during = world.run("hang", Some("during")).await?;
    world.until(during, CommandState::Running).await?;
    eventually("it to begin", 30, async || {
        Ok((!world.programs.traces().is_empty()).then_some(()))
    })
    .await?;
    world.agent.process()?.kill()?;
    let before = world.run("append", Some("before")).await?;
    world.agent.start()?;
    let interrupted = world.until(during, CommandState::Failed).await?;
    assert!(
        interrupted
            .reason
            .is_some_and(|reason| reason.contains("not known"))
    );
    world.until(before, CommandState::Completed).await?;
    world.agent.process()?.kill()?;
    world.agent.start()?;
    let after = world.run("append", Some("after")).await?;
    world.until(after, CommandState::Completed).await?;
    assert_eq!(world.programs.traces(), ["during", "before", "after"]);
    Ok(())
}

async fn two_replicas_hand_out_once(database: Database) -> Result<()> {
    let mut programs = Programs::new()?;
    programs.add_trace("append", "")?;
    let server = Server::builder().database(database).start().await?;
    let replica = server.replica().await?;
    let mut world = Commanded::start(server, programs).await?;
    let other = replica.admin()?;
    let (mut ids, mut words) = (Vec::new(), Vec::new());
    for number in 0..6 {
        let word = format!("w{number}");
        let body = json!({ "action": "append", "parameters": { "word": word } });
        let by = if number % 2 == 0 { &world.admin } else { &other };
        let created: Command = by.call("POST", &world.path(), &body).await?;
        ids.push(created.id);
        words.push(word);
        if number == 3 {
            // Whatever was handed out by then is known to the other one.
            world.server.kill()?;
            world.server.start().await?;
            world.admin = world.server.admin()?;
        }
    }
    for id in &ids {
        world.until(*id, CommandState::Completed).await?;
    }
    let mut traces = world.programs.traces();
    traces.sort();
    assert_eq!(traces, words);
    world.server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_hand_out_once_on_postgresql() -> Result<()> {
    two_replicas_hand_out_once(Database::Postgres).await
}
