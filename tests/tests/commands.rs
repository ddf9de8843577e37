//! Commands with the real agent: what it offers, what it runs, and what it will not.

use anyhow::Result;
use scm_protocol::auth::Role;
use scm_protocol::commands::{Command, CommandState};
use scm_tests::programs::{Admin, Commanded, Programs, Server, eventually};
use serde_json::{Value, json};
use std::fs;

/// Status and body of a refusal.
async fn refusal(admin: &Admin, path: &str, body: &Value) -> Result<(u16, String)> {
    let response = admin.send("POST", path, Some(body)).await?;
    Ok((response.status().as_u16(), response.text().await?))
}

fn entry(action: &str, actor: &str, outcome: &str) -> (String, String, String) {
    (action.to_owned(), actor.to_owned(), outcome.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_runs_and_its_output_is_seen_while_it_runs() -> Result<()> {
    let mut programs = Programs::new()?;
    let go = programs.path("go");
    let lines = format!(
        "echo first\nwhile [ ! -e {} ]; do sleep 0.05; done\necho second >&2",
        go.display()
    );
    programs.add("slow", &lines, "description = \"Takes its time\"")?;
    programs.add("secret", "echo hidden", "redact = true")?;
    let world = Commanded::start(Server::start_default().await?, programs).await?;
    let offered = world.actions().await?.catalogue;
    let names: Vec<&str> = offered
        .actions
        .iter()
        .map(|action| action.name.as_str())
        .collect();
    assert_eq!(names, ["secret", "slow"]);
    let told = serde_json::to_string(&offered)?;
    assert!(
        !told.contains("scm-actions-") && told.contains("Takes its time"),
        "{told}"
    );

    let id = world.run("slow", None).await?;
    eventually("the first line", 60, async || {
        Ok(world.output(id).await?.contains("first").then_some(()))
    })
    .await?;
    assert_eq!(world.command(id).await?.state, CommandState::Running);
    fs::write(&go, "")?;
    let done = world.until(id, CommandState::Completed).await?;
    assert_eq!((done.exit_code, done.output_incomplete), (Some(0), false));
    assert_eq!(world.output(id).await?, "first\nsecond\n");
    let system = format!("system:{}", world.system);
    let expected = [
        entry("commands.create", "local-admin", "ok"),
        entry("commands.dispatch", "server", "ok"),
        entry("commands.start", &system, "ok"),
        entry("commands.complete", &system, "ok"),
    ];
    assert_eq!(world.history(id).await?, expected);

    let id = world.run("secret", None).await?;
    let done = world.until(id, CommandState::Completed).await?;
    assert!(done.redacted && done.output_bytes == 0);
    assert!(!world.server.database_dump()?.contains("hidden"));
    world.server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_offered_confirmed_or_fitting_is_refused() -> Result<()> {
    let mut programs = Programs::new()?;
    programs.add_trace("append", "")?;
    programs.add("reboot", "echo rebooted", "requires_confirmation = true")?;
    programs.add("bash", "echo shell", "")?;
    let world = Commanded::start(Server::start_default().await?, programs).await?;
    let catalogue = world.actions().await?.catalogue;
    assert_eq!(catalogue.refused.len(), 1);
    let reason = &catalogue.refused[0].reason;
    assert!(
        catalogue.refused[0].name == "bash" && reason.contains("shell") && !reason.contains('/'),
        "{reason}"
    );

    let path = world.path();
    let refused = async |body: Value| refusal(&world.admin, &path, &body).await;
    let (status, text) = refused(json!({ "action": "nothing" })).await?;
    assert!(
        status == 409 && text.contains("unknown_action"),
        "{status} {text}"
    );
    let (status, text) = refused(json!({ "action": "bash" })).await?;
    assert!(status == 409 && text.contains("is a shell"), "{status} {text}");
    for word in [
        "",
        "A",
        "a b",
        "a;id",
        "$(id)",
        "../x",
        "-x",
        "a\nb",
        "a\u{0}b",
        &"x".repeat(2000),
    ] {
        let (status, text) = refused(json!({ "action": "append", "parameters": { "word": word } })).await?;
        assert!(
            status == 422 && text.contains("parameters.word"),
            "{word:?}: {status} {text}"
        );
    }
    let (status, text) =
        refused(json!({ "action": "append", "parameters": { "word": "a", "more": "b" } })).await?;
    assert!(
        status == 422 && text.contains("parameters.more"),
        "{status} {text}"
    );
    let (status, text) = refused(json!({ "action": "append", "wait_secs": 0 })).await?;
    assert_eq!(status, 422, "{text}");
    let (status, text) = refused(json!({ "action": "reboot" })).await?;
    assert!(
        status == 409 && text.contains("confirmation_required"),
        "{status} {text}"
    );
    let editor = world.server.person("editor", Role::Editor).await?;
    let (status, _) = refusal(&editor.api, &path, &json!({ "action": "append" })).await?;
    assert_eq!(status, 403);
    let unknown = "/api/v1/systems/4711/commands";
    let (status, _) = refusal(&world.admin, unknown, &json!({ "action": "append" })).await?;
    assert_eq!(status, 404);
    let mut pending = world.server.rogue()?;
    pending.register("pending").await?;
    let of_pending = format!("/api/v1/systems/{}/commands", pending.system);
    let (status, text) = refusal(&world.admin, &of_pending, &json!({ "action": "append" })).await?;
    assert!(status == 409 && text.contains("wrong_status"), "{status} {text}");

    let body = json!({ "action": "reboot", "confirmed": true });
    let created: Command = world.admin.call("POST", &path, &body).await?;
    world.until(created.id, CommandState::Completed).await?;

    // The host has changed since it reported: the agent has the last word.
    fs::remove_file(world.programs.path("append"))?;
    let id = world.run("append", Some("a")).await?;
    let refused = world.until(id, CommandState::Refused).await?;
    assert!(
        refused
            .reason
            .is_some_and(|reason| reason.contains("not offered any more") && !reason.contains('/'))
    );
    let system = format!("system:{}", world.system);
    assert_eq!(
        world.history(id).await?.last(),
        Some(&entry("commands.refuse", &system, "refused"))
    );
    assert!(world.agent.log().contains("command_refused"));
    assert!(world.programs.traces().is_empty());
    world.server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_out_of_time_or_being_cancelled_ends_all_that_was_started() -> Result<()> {
    let mut programs = Programs::new()?;
    let lock = programs.path("lock");
    let lines = format!(
        "trap '' TERM\nflock {0} sleep 600 &\nflock {0} sleep 600",
        lock.display()
    );
    programs.add("short", &lines, "timeout_secs = 1")?;
    programs.add(
        "long",
        &format!("flock {} sleep 600", lock.display()),
        "timeout_secs = 600",
    )?;
    let world = Commanded::start(Server::start_default().await?, programs).await?;
    let id = world.run("short", None).await?;
    let failed = world.until(id, CommandState::Failed).await?;
    assert!(failed.reason.is_some_and(|reason| reason.contains("time limit")));
    eventually("nothing to be left", 30, async || {
        Ok(world.programs.is_free()?.then_some(()))
    })
    .await?;

    let id = world.run("long", None).await?;
    world.until(id, CommandState::Running).await?;
    eventually("it to hold the lock", 30, async || {
        Ok((!world.programs.is_free()?).then_some(()))
    })
    .await?;
    let cancel = format!("/api/v1/commands/{id}/cancel");
    world.admin.call::<Command>("POST", &cancel, &Value::Null).await?;
    let cancelled = world.until(id, CommandState::Cancelled).await?;
    assert_eq!(cancelled.cancelled_by.as_deref(), Some("local-admin"));
    eventually("nothing to be left", 30, async || {
        Ok(world.programs.is_free()?.then_some(()))
    })
    .await?;
    let (status, text) = refusal(&world.admin, &cancel, &Value::Null).await?;
    assert!(status == 409 && text.contains("command_over"), "{status} {text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_fetches_expires_and_is_never_run() -> Result<()> {
    let mut programs = Programs::new()?;
    programs.add_trace("append", "")?;
    let mut world = Commanded::start(Server::start_default().await?, programs).await?;
    world.agent.stop()?;
    let body = json!({ "action": "append", "parameters": { "word": "late" }, "wait_secs": 1 });
    let created: Command = world.admin.call("POST", &world.path(), &body).await?;
    let expired = world.until(created.id, CommandState::Expired).await?;
    assert!(expired.dispatched_ms.is_none());
    let body = json!({ "action": "append", "parameters": { "word": "never" } });
    let cancelled: Command = world.admin.call("POST", &world.path(), &body).await?;
    let cancel = format!("/api/v1/commands/{}/cancel", cancelled.id);
    world.admin.call::<Command>("POST", &cancel, &Value::Null).await?;
    world.until(cancelled.id, CommandState::Cancelled).await?;
    world.agent.start()?;
    let id = world.run("append", Some("now")).await?;
    world.until(id, CommandState::Completed).await?;
    assert_eq!(world.programs.traces(), ["now"]);
    Ok(())
}
