//! Jobs that run an action (C7): a few systems at a time, once each whatever breaks, until too many failed.

use crate::{JOBS, audit, create, over, show, targets};
use anyhow::{Context, Result};
use scm_protocol::auth::Role;
use scm_protocol::commands::{Command, CommandPage, CommandState, Offered, SystemActions};
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{Job, JobState, JobTarget, TargetOutcome};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Agent, Database, Programs, Server, eventually};
use serde_json::{Value, json};
use std::fs;

/// A server with agents that have reported what they offer, in the order of their ids.
struct Fleet {
    server: Server,
    admin: Admin,
    programs: Programs,
    _agents: Vec<Agent>,
    ids: Vec<SystemId>,
}

impl Fleet {
    /// So many agents that offer all of these programs, and one that offers nothing.
    async fn start(database: Database, programs: Programs, offering: usize) -> Result<Fleet> {
        let server = Server::builder().database(database).start().await?;
        let admin = server.admin()?;
        let (mut agents, mut ids) = (Vec::new(), Vec::new());
        for number in 0..=offering {
            let builder = server.agent();
            let offers = number < offering;
            let builder = if offers {
                builder.actions(&programs.sections)
            } else {
                builder
            };
            agents.push(builder.start()?);
            let id = admin.await_status(SystemStatus::Pending).await?.id;
            admin.decide(id, "approve").await?;
            eventually("what it offers", 60, async || {
                let actions: SystemActions = admin.get(&format!("/api/v1/systems/{id}/actions")).await?;
                Ok((actions.reported_ms.is_some() || !offers).then_some(()))
            })
            .await?;
            ids.push(id);
        }
        Ok(Fleet {
            server,
            admin,
            programs,
            _agents: agents,
            ids,
        })
    }

    fn job(&self, run: &Value) -> Value {
        json!({
            "kind": "run_action",
            "systems": [{ "expected_status": "active", "ids": self.ids }],
            "run": run,
        })
    }

    async fn commands(&self) -> Result<Vec<Command>> {
        let page: CommandPage = self.admin.get("/api/v1/commands").await?;
        Ok(page.items)
    }

    /// Waits until a command of a job runs; all there are by then.
    async fn running(&self) -> Result<Vec<Command>> {
        eventually("a command to run", 60, async || {
            let commands = self.commands().await?;
            let runs = |command: &Command| command.state == CommandState::Running;
            Ok(commands.iter().any(runs).then_some(commands))
        })
        .await
    }
}

fn outcomes(targets: &[JobTarget]) -> Vec<TargetOutcome> {
    targets.iter().map(|target| target.outcome).collect()
}

fn reason(target: &JobTarget) -> &str {
    target.reason.as_deref().unwrap_or_default()
}

/// A server that works on the job is killed in the midst of it: the same one goes on after a restart, or another does.
async fn a_few_at_a_time(database: Database) -> Result<()> {
    use TargetOutcome::{Done, Skipped};
    let mut programs = Programs::new()?;
    let go = programs.path("go");
    let trace = programs.path("trace");
    let lines = format!(
        "echo start >> {0}\nwhile [ ! -e {1} ]; do sleep 0.05; done\necho end >> {0}\necho said",
        trace.display(),
        go.display()
    );
    programs.add("work", &lines, "")?;
    let replicated = matches!(database, Database::Postgres);
    let mut fleet = Fleet::start(database, programs, 3).await?;
    let mut other = if replicated {
        Some(fleet.server.replica().await?)
    } else {
        None
    };
    let by = match &other {
        Some(other) => other.admin()?,
        None => fleet.admin.clone(),
    };
    let body = fleet.job(&json!({ "action": "work", "batch_size": 1, "max_failures": 0 }));
    let job = create(&by, &body).await?;
    assert_eq!(job.run.as_ref().map(|run| run.batch_size), Some(1));
    assert_eq!(fleet.running().await?.len(), 1, "one at a time");
    match &mut other {
        Some(other) => other.kill()?,
        None => {
            fleet.server.kill()?;
            fleet.server.start().await?;
            fleet.admin = fleet.server.admin()?;
        }
    }
    assert_eq!(fleet.commands().await?.len(), 1, "its system keeps its place");
    fs::write(&go, "")?;
    let job = over(&fleet.admin, job.id).await?;
    assert_eq!(
        (job.state, job.counts.done, job.counts.skipped),
        (JobState::Done, 3, 1)
    );
    assert_eq!(fleet.programs.traces(), ["start", "end"].repeat(3));

    let all = targets(&fleet.admin, job.id, "").await?;
    assert_eq!(outcomes(&all), [Done, Done, Done, Skipped]);
    assert!(
        reason(&all[3]).starts_with("refused: ") && all[3].command.is_none(),
        "{:?}",
        all[3]
    );
    let command = all[0].command.context("no command")?;
    let path = format!("/api/v1/commands/{command}/output");
    assert_eq!(fleet.admin.get::<Value>(&path).await?["text"], "said\n");

    let entries = audit(&fleet.admin).await?;
    let of = |action: &str| {
        entries
            .iter()
            .filter(|entry| entry.action == action)
            .collect::<Vec<_>>()
    };
    let (created, told, end) = (of("jobs.create"), of("commands.create"), of("jobs.finish"));
    assert_eq!((created.len(), told.len(), end.len()), (1, 3, 1));
    assert_eq!(created[0].detail["run"]["action"], "work");
    assert_eq!(created[0].detail["count"], 4);
    assert!(
        told.iter()
            .all(|entry| entry.detail["job"] == json!(job.id) && entry.actor == "local-admin")
    );
    assert_eq!(
        (&end[0].detail["done"], &end[0].detail["skipped"]),
        (&json!(3), &json!(1))
    );
    fleet.server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_runs_on_a_few_at_a_time_on_sqlite() -> Result<()> {
    a_few_at_a_time(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_runs_on_a_few_at_a_time_on_postgres() -> Result<()> {
    a_few_at_a_time(Database::Postgres).await
}

/// Too many failures stop the rest; the failed are tried again in a job of their own; one that runs is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_stops_after_too_many_failures_and_can_be_repeated_and_cancelled() -> Result<()> {
    use TargetOutcome::{Done, Failed, Skipped};
    let mut programs = Programs::new()?;
    let good = programs.path("good");
    programs.add("check", &format!("test -e {}", good.display()), "")?;
    programs.add("hang", "sleep 60", "")?;
    let fleet = Fleet::start(Database::Sqlite, programs, 2).await?;
    let all_systems = json!({ "action": "check", "batch_size": 1, "max_failures": 0 });
    let job = create(&fleet.admin, &fleet.job(&all_systems)).await?;
    let job = over(&fleet.admin, job.id).await?;
    let all = targets(&fleet.admin, job.id, "").await?;
    assert_eq!(outcomes(&all), [Failed, Skipped, Skipped]);
    assert!(reason(&all[0]).contains("it exited with 1"), "{:?}", all[0]);
    assert!(reason(&all[1]).starts_with("not run"), "{:?}", all[1]);
    assert_eq!(fleet.commands().await?.len(), 1);

    fs::write(&good, "")?;
    let again: Job = fleet
        .admin
        .call("POST", &format!("{JOBS}/{}/retry", job.id), &Value::Null)
        .await?;
    assert_eq!((again.retry_of, again.counts.total), (Some(job.id), 1));
    assert_eq!(over(&fleet.admin, again.id).await?.counts.done, 1);

    // By a filter, with the number that was seen; all at once.
    let mut by_filter = json!({
        "kind": "run_action", "filter": "status = active", "expected_count": 2, "run": all_systems,
    });
    by_filter["run"]["batch_size"] = json!(10);
    let (status, code) = fleet.admin.refused("POST", JOBS, &by_filter).await?;
    assert_eq!((status, code.as_str()), (409, "count_changed"));
    by_filter["expected_count"] = json!(3);
    let job = create(&fleet.admin, &by_filter).await?;
    over(&fleet.admin, job.id).await?;
    assert_eq!(
        outcomes(&targets(&fleet.admin, job.id, "").await?),
        [Done, Done, Skipped]
    );

    // Cancelled in the midst: what runs is stopped, what was not told is left.
    let hang = fleet.job(&json!({ "action": "hang", "batch_size": 1, "max_failures": 5 }));
    let job = create(&fleet.admin, &hang).await?;
    let command = fleet.running().await?.remove(0);
    cancel(&fleet.admin, job.id).await?;
    let stopped: Command = eventually("it to be stopped", 60, async || {
        let command: Command = fleet
            .admin
            .get(&format!("/api/v1/commands/{}", command.id))
            .await?;
        Ok(command.state.is_over().then_some(command))
    })
    .await?;
    assert_eq!(stopped.state, CommandState::Cancelled);
    let job = show(&fleet.admin, job.id).await?;
    assert_eq!(
        (job.state, job.counts.failed, job.counts.waiting),
        (JobState::Cancelled, 1, 2)
    );
    fleet.server.assert_healthy().await
}

async fn cancel(admin: &Admin, job: JobId) -> Result<()> {
    let answer = admin
        .send("POST", &format!("{JOBS}/{job}/cancel"), None::<&()>)
        .await?;
    answer.error_for_status()?;
    Ok(())
}

/// What cannot be is refused before there is a job, and roles that may not do it to one system may not do it to many.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_system_would_run_is_no_job() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    let offered = json!({ "actions": [
        { "name": "reboot", "timeout_secs": 5, "requires_confirmation": true },
        { "name": "say", "timeout_secs": 5, "parameters": [{ "name": "word", "pattern": "[a-z]+", "max_length": 9 }] },
    ] });
    rogue.offer(serde_json::from_value(offered)?).await?;
    let ids = [rogue.system];
    let job = |run: Value| json!({ "kind": "run_action", "systems": [{ "expected_status": "active", "ids": ids }], "run": run });
    let run = |action: &str, more: Value| {
        let mut run = json!({ "action": action, "batch_size": 1, "max_failures": 0 });
        for (name, value) in more.as_object().into_iter().flatten() {
            run[name] = value.clone();
        }
        job(run)
    };
    for (body, status, code) in [
        (run("nothing", json!({})), 409, "unknown_action"),
        (run("reboot", json!({})), 409, "confirmation_required"),
        (run("say", json!({})), 422, "invalid_value"),
        (
            run("say", json!({ "parameters": { "word": "A;id" } })),
            422,
            "invalid_value",
        ),
        (
            run("reboot", json!({ "confirmed": true, "batch_size": 0 })),
            422,
            "invalid_value",
        ),
        (
            json!({ "kind": "run_action", "systems": [{ "expected_status": "active", "ids": ids }] }),
            422,
            "invalid_value",
        ),
    ] {
        let refused = admin.refused("POST", JOBS, &body).await?;
        assert_eq!((refused.0, refused.1.as_str()), (status, code), "{body}");
    }
    let meant = run("reboot", json!({ "confirmed": true }));
    let editor = server.person("editor", Role::Editor).await?;
    assert_eq!(editor.api.refused("POST", JOBS, &meant).await?.0, 403);
    let question = json!({ "systems": ids });
    let offered: Offered = admin.call("POST", "/api/v1/commands/offered", &question).await?;
    let names: Vec<(&str, i64)> = offered
        .actions
        .iter()
        .map(|by| (by.action.name.as_str(), by.systems))
        .collect();
    assert_eq!((offered.systems, names), (1, vec![("reboot", 1), ("say", 1)]));
    let everything: Offered = admin
        .call(
            "POST",
            "/api/v1/commands/offered",
            &json!({ "filter": "status = active" }),
        )
        .await?;
    assert_eq!(everything, offered);

    // Who may not run may not stop it either.
    let created = create(&admin, &meant).await?;
    let path = format!("{JOBS}/{}/cancel", created.id);
    assert_eq!(editor.api.refused("POST", &path, &Value::Null).await?.0, 403);
    cancel(&admin, created.id).await?;
    server.assert_healthy().await
}
