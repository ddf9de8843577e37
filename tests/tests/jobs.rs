//! Bulk jobs: frozen targets, an outcome for each, once each whatever breaks.

use anyhow::{Context, Result, ensure};
use scm_protocol::audit::AuditEntry;
use scm_protocol::auth::Role;
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{Job, JobPage, JobState, JobTarget, JobTargetPage, TargetOutcome};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Database, Process, Server, binary, eventually};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

const JOBS: &str = "/api/v1/jobs";

/// Registers so many simulated systems; they wait for approval.
async fn populate(server: &Server, agents: usize) -> Result<Vec<SystemId>> {
    let folder = tempfile::Builder::new().prefix("scm-fleet-").tempdir()?;
    let mut command = Command::new(binary("fleet")?);
    command.args(["--server", &server.url(), "--agents", &agents.to_string()]);
    command.arg("--ca-file").arg(server.ca_file());
    command.args(["--duration", "0"]);
    let mut fleet = Process::start("the fleet", command, &folder.path().join("log"))?;
    let status = eventually("the fleet to register", 120, async || fleet.finished()).await?;
    ensure!(status.success(), "the fleet ended with {status}");
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), agents);
    Ok(systems.into_iter().map(|system| system.id).collect())
}

fn chosen(kind: &str, status: SystemStatus, ids: &[SystemId]) -> Value {
    json!({ "kind": kind, "systems": [{ "expected_status": status, "ids": ids }] })
}

async fn create(admin: &Admin, body: &Value) -> Result<Job> {
    admin.call("POST", JOBS, body).await
}

/// As a client of several servers over one PostgreSQL does: two of them may want the same rows in another order, of which
/// the database gives one up. That is a 503 which changed nothing and says to try again.
async fn create_patiently(admin: &Admin, body: &Value) -> Result<Job> {
    eventually("the job to be taken", 20, async || {
        let answer = admin.send("POST", JOBS, Some(body)).await?;
        match answer.status().as_u16() {
            503 => Ok(None),
            _ => Ok(Some(answer.error_for_status()?.json().await?)),
        }
    })
    .await
}

async fn show(admin: &Admin, id: JobId) -> Result<Job> {
    admin.get(&format!("{JOBS}/{id}")).await
}

async fn over(admin: &Admin, id: JobId) -> Result<Job> {
    eventually("the job's end", 60, async || {
        let job = show(admin, id).await?;
        Ok(job.state.is_over().then_some(job))
    })
    .await
}

/// All systems of a job, over all pages.
async fn targets(admin: &Admin, id: JobId, filter: &str) -> Result<Vec<JobTarget>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: JobTargetPage = admin
            .get(&format!("{JOBS}/{id}/targets?limit=400{filter}{cursor}"))
            .await?;
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// The whole audit, newest first.
async fn audit(admin: &Admin) -> Result<Vec<AuditEntry>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: scm_protocol::audit::AuditPage =
            admin.get(&format!("/api/v1/audit?limit=1000{cursor}")).await?;
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// How often each target is in the audit under this action.
fn audited(entries: &[AuditEntry], action: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.action == action) {
        *counts.entry(entry.target.clone()).or_default() += 1;
    }
    counts
}

/// One entry for each of these systems under this action, none twice, none for others.
fn once_each(entries: &[AuditEntry], action: &str, ids: &[SystemId]) {
    let expected: BTreeMap<String, usize> = ids.iter().map(|id| (format!("system:{id}"), 1)).collect();
    assert_eq!(audited(entries, action), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_approved_in_one_job_and_each_has_its_outcome() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 600).await?;
    // One is no longer what was seen, one is gone, one never was.
    admin.decide(ids[3], "approve").await?;
    admin.decide(ids[4], "reject").await?;
    let mut wanted = ids.clone();
    wanted.push(SystemId(9_999_999));
    let job = create(&admin, &chosen("approve", SystemStatus::Pending, &wanted)).await?;
    assert_eq!(job.counts.total, 601);
    let job = over(&admin, job.id).await?;
    assert_eq!(job.state, JobState::Done);
    assert_eq!(
        (job.counts.done, job.counts.skipped, job.counts.failed),
        (598, 3, 0)
    );
    assert_eq!(job.counts.waiting, 0);

    let skipped: BTreeSet<SystemId> = targets(&admin, job.id, "&outcome=skipped")
        .await?
        .into_iter()
        .inspect(|target| assert!(target.reason.is_some()))
        .map(|target| target.system)
        .collect();
    assert_eq!(skipped, BTreeSet::from([ids[3], ids[4], SystemId(9_999_999)]));
    let all = targets(&admin, job.id, "").await?;
    assert_eq!(all.len(), 601);
    assert!(all.iter().all(|target| target.at_ms.is_some()));
    let systems = admin.systems().await?;
    assert!(systems.iter().all(|system| system.status == SystemStatus::Active));

    let entries = audit(&admin).await?;
    let done: Vec<SystemId> = ids.iter().copied().filter(|id| *id != ids[4]).collect();
    // The one that was approved before has its entry from then.
    once_each(&entries, "systems.approve", &done);
    let target = format!("job:{}", job.id);
    assert_eq!(
        audited(&entries, "jobs.create"),
        BTreeMap::from([(target.clone(), 1)])
    );
    assert_eq!(
        audited(&entries, "jobs.finish"),
        BTreeMap::from([(target.clone(), 1)])
    );
    let created = entries
        .iter()
        .find(|entry| entry.action == "jobs.create")
        .context("entry")?;
    assert_eq!(
        (&created.detail["kind"], &created.detail["count"]),
        (&json!("approve"), &json!(601))
    );
    let finished = entries
        .iter()
        .find(|entry| entry.action == "jobs.finish")
        .context("entry")?;
    assert_eq!(
        (&finished.detail["done"], &finished.detail["skipped"]),
        (&json!(598), &json!(3))
    );
    let one = entries
        .iter()
        .find(|entry| entry.target == format!("system:{}", ids[7]) && entry.action == "systems.approve");
    let one = one.context("entry")?;
    assert_eq!(
        (one.actor.as_str(), &one.detail["job"]),
        ("local-admin", &json!(job.id))
    );
    Ok(())
}

/// B3: killed in the middle, every system is done once all the same.
async fn a_job_survives(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let ids = populate(&server, 1500).await?;
    let admin = server.admin()?;
    let job = create(&admin, &chosen("approve", SystemStatus::Pending, &ids)).await?;
    let begun = eventually("the first systems of the job", 30, async || {
        let job = show(&admin, job.id).await?;
        Ok((job.counts.done > 0).then_some(job))
    });
    let begun = begun.await?;
    server.kill()?;
    assert!(begun.counts.waiting > 0, "the job was over before the crash");

    server.start().await?;
    let admin = server.admin()?;
    let job = over(&admin, job.id).await?;
    assert_eq!((job.state, job.counts.done), (JobState::Done, 1500));
    let entries = audit(&admin).await?;
    once_each(&entries, "systems.approve", &ids);
    assert_eq!(audited(&entries, "jobs.finish").len(), 1);
    let outcomes = targets(&admin, job.id, "").await?;
    assert!(
        outcomes
            .iter()
            .all(|target| target.outcome == TargetOutcome::Done)
    );
    assert_eq!(outcomes.len(), 1500);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_does_nothing_twice_on_sqlite() -> Result<()> {
    a_job_survives(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_in_the_middle_does_nothing_twice_on_postgres() -> Result<()> {
    a_job_survives(Database::Postgres).await
}

/// Two servers over one database: jobs created at both are each done once, and one server's death leaves none behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_share_the_jobs_and_take_over_from_each_other() -> Result<()> {
    let mut first = Server::builder().database(Database::Postgres).start().await?;
    let second = first.replica().await?;
    let ids = populate(&first, 900).await?;
    let (one, other) = (first.admin()?, second.admin()?);
    let mut jobs = Vec::new();
    for (part, admin) in ids.chunks(225).zip([&one, &other, &one, &other]) {
        jobs.push(
            create_patiently(admin, &chosen("approve", SystemStatus::Pending, part))
                .await?
                .id,
        );
    }
    let all = create_patiently(&one, &chosen("deny", SystemStatus::Active, &ids))
        .await?
        .id;
    first.kill()?;
    for job in jobs {
        let job = over(&other, job).await?;
        assert_eq!((job.counts.total, job.counts.done), (225, 225), "job {}", job.id);
    }
    let all = over(&other, all).await?;
    assert_eq!(all.counts.waiting, 0);
    let entries = audit(&other).await?;
    once_each(&entries, "systems.approve", &ids);
    // What the last job met before its approval is not what it was chosen as; nothing is done twice in any case.
    let denied = audited(&entries, "systems.deny");
    assert_eq!(i64::try_from(denied.len())?, all.counts.done);
    assert!(denied.values().all(|count| *count == 1));
    assert_eq!(audited(&entries, "jobs.finish").len(), 5);
    Ok(())
}

/// What is not what was chosen fails, and can be tried again; the rest is not touched again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_failed_are_tried_again_in_a_job_of_their_own() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 3).await?;
    admin.decide(ids[0], "approve").await?;
    // Chosen as pending; the first one is active meanwhile, and deleting it would be a surprise.
    let job = create(&admin, &chosen("delete", SystemStatus::Pending, &ids)).await?;
    let job = over(&admin, job.id).await?;
    assert_eq!((job.counts.done, job.counts.failed), (2, 1));
    let failed = targets(&admin, job.id, "&outcome=failed").await?;
    let [failed] = failed.as_slice() else {
        panic!("{failed:?}")
    };
    assert_eq!(failed.system, ids[0]);
    let reason = failed.reason.as_deref().unwrap_or_default();
    assert!(
        reason.contains("is active") && reason.contains("was pending"),
        "{reason}"
    );

    let retry = format!("{JOBS}/{}/retry", job.id);
    let again: Job = admin.call("POST", &retry, &Value::Null).await?;
    assert_eq!((again.retry_of, again.counts.total), (Some(job.id), 1));
    assert_eq!(
        over(&admin, again.id).await?.counts.failed,
        1,
        "it is active still"
    );
    for decision in ["deny", "restore"] {
        admin.decide(ids[0], decision).await?;
    }
    let third: Job = admin
        .call("POST", &format!("{JOBS}/{}/retry", again.id), &Value::Null)
        .await?;
    assert_eq!(over(&admin, third.id).await?.counts.done, 1);
    assert!(admin.systems().await?.is_empty());
    let nothing = admin
        .refused("POST", &format!("{JOBS}/{}/retry", third.id), &Value::Null)
        .await?;
    assert_eq!(nothing, (409, "nothing_failed".to_owned()));
    let page: JobPage = admin.get(JOBS).await?;
    let listed: Vec<JobId> = page.items.iter().map(|job| job.id).collect();
    assert_eq!(listed, [third.id, again.id, job.id], "newest first");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_job_stops_and_says_what_was_done() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 1200).await?;
    let job = create(&admin, &chosen("approve", SystemStatus::Pending, &ids)).await?;
    admin
        .call::<()>("POST", &format!("{JOBS}/{}/cancel", job.id), &Value::Null)
        .await?;
    let job = show(&admin, job.id).await?;
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(job.cancelled_by.as_deref(), Some("local-admin"));
    assert!(job.counts.waiting > 0, "the job was over before it was cancelled");
    let again = admin
        .refused("POST", &format!("{JOBS}/{}/cancel", job.id), &Value::Null)
        .await?;
    assert_eq!(again, (409, "job_over".to_owned()));
    // What it did stays done, and no more follows: a job after it is worked on, this one not.
    let after = create(&admin, &chosen("deny", SystemStatus::Pending, &ids[1199..])).await?;
    over(&admin, after.id).await?;
    let later = show(&admin, job.id).await?;
    assert_eq!(later.counts, job.counts);
    let systems = admin.systems().await?;
    let active = systems
        .iter()
        .filter(|system| system.status == SystemStatus::Active);
    assert_eq!(i64::try_from(active.count())?, later.counts.done);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_jobs_are_refused_with_the_member_at_fault() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let many: Vec<SystemId> = (1..=100_001).map(SystemId).collect();
    let one = [SystemId(1)];
    let twice = [SystemId(1), SystemId(1)];
    let bad = [
        (json!({ "kind": "explode", "systems": [] }), "kind"),
        (json!({ "systems": [] }), "."),
        (json!({ "kind": "approve" }), "systems"),
        (chosen("approve", SystemStatus::Pending, &[]), "systems"),
        (chosen("approve", SystemStatus::Pending, &many), "systems"),
        (chosen("approve", SystemStatus::Pending, &twice), "systems"),
        (
            json!({ "kind": "approve", "systems": [{ "expected_status": "asleep", "ids": one }] }),
            "systems[0].expected_status",
        ),
        (
            json!({ "kind": "approve", "systems": [{ "ids": one }] }),
            "systems[0]",
        ),
    ];
    for (body, field) in bad {
        let response = admin.send("POST", JOBS, Some(&body)).await?;
        assert_eq!(response.status(), 422);
        let problem: scm_protocol::problem::Problem = response.json().await?;
        assert_eq!(problem.field.as_deref(), Some(field), "{}", problem.detail);
    }
    assert_eq!(admin.status("GET", &format!("{JOBS}/4711")).await?, 404);
    assert_eq!(admin.status("GET", &format!("{JOBS}/x/targets")).await?, 404);
    for query in ["?limit=0", "?cursor=x", "?limit=x"] {
        assert_eq!(
            admin.status("GET", &format!("{JOBS}{query}")).await?,
            422,
            "{query}"
        );
    }
    let page: JobPage = admin.get(JOBS).await?;
    assert!(page.items.is_empty(), "a refusal created a job");

    let ids = populate(&server, 1).await?;
    let body = chosen("approve", SystemStatus::Pending, &ids);
    let key = [("idempotency-key", "once")];
    let first = admin.send_with("POST", JOBS, &key, Some(&body)).await?;
    assert_eq!(first.status(), 201);
    let again = admin.send_with("POST", JOBS, &key, Some(&body)).await?;
    assert_eq!(again.status(), 409);
    let page: JobPage = admin.get(JOBS).await?;
    assert_eq!(page.items.len(), 1, "a repeated request created a second job");
    let outcome = format!("{JOBS}/{}/targets?outcome=maybe", page.items[0].id);
    assert_eq!(admin.status("GET", &outcome).await?, 422);
    Ok(())
}

/// Whoever may not do it to one system may not do it to many, and another organization's jobs and systems are out of reach.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_organizations_hold_for_jobs() -> Result<()> {
    let server = Server::start_default().await?;
    let ids = populate(&server, 2).await?;
    let body = chosen("approve", SystemStatus::Pending, &ids[..1]);
    for role in [Role::Viewer, Role::Runner, Role::Compliance] {
        let person = server.person(role.as_str(), role).await?;
        assert_eq!(person.api.refused("POST", JOBS, &body).await?.0, 403, "{role:?}");
        let reads = person.api.status("GET", JOBS).await?;
        assert_eq!(reads, if role == Role::Compliance { 403 } else { 200 });
    }
    let editor = server.person("editor", Role::Editor).await?;
    let job = create(&editor.api, &body).await?;
    assert_eq!(job.created_by, "user:editor");
    let admin = server.admin()?;
    over(&admin, job.id).await?;
    assert_eq!(admin.system(ids[0]).await?.summary.status, SystemStatus::Active);
    Ok(())
}
