//! Background work is done once: when the server that is at it falls silent another one takes over, and the first one does not
//! go on when it wakes.

use super::unbroken;
use anyhow::{Result, ensure};
use scm_protocol::jobs::{Job, JobState};
use scm_tests::programs::{Database, Process, Server, Simulated, eventually};
use serde_json::json;

const SYSTEMS: usize = 40;

/// Sessions of servers that wait for a lock, in this database.
const WAITING: &str = "SELECT CAST(count(*) AS TEXT) FROM pg_stat_activity WHERE datname = current_database() \
    AND application_name = 'scmserver' AND wait_event_type = 'Lock'";
const HOLDERS: &str = "SELECT CAST(count(pg_terminate_backend(pid)) AS TEXT) FROM pg_stat_activity \
    WHERE datname = current_database() AND query LIKE '%pg_sleep(300)%' AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_of_a_paused_server_is_done_by_another_one_and_not_twice() -> Result<()> {
    let mut first = Server::builder().database(Database::Postgres).start().await?;
    let fleet = Simulated::new(SYSTEMS)?;
    fleet.run(&first, &["--duration", "0"]).await?;
    let mut second = first.replica().await?;

    // The job comes as far as a system that somebody else holds.
    let folder = tempfile::tempdir()?;
    let mut holder = first.database_client()?;
    holder.args([
        "--command",
        "BEGIN",
        "--command",
        "SELECT 1 FROM systems WHERE id = 20 FOR UPDATE",
    ]);
    holder.args(["--command", "SELECT pg_sleep(300)"]);
    let mut holder = Process::start("psql", holder, &folder.path().join("log"))?;
    eventually("the system to be held", 30, async || {
        holder.must_run()?;
        let query = "SELECT CAST(count(*) AS TEXT) FROM pg_stat_activity WHERE datname = current_database() \
                     AND query LIKE 'SELECT pg_sleep(300)'";
        Ok((first.database_texts(query)? == ["1"]).then_some(()))
    })
    .await?;
    second.process()?.pause()?;
    let body = json!({ "kind": "tag", "tag": "blue", "filter": "", "expected_count": SYSTEMS });
    let job: Job = first.admin()?.call("POST", "/api/v1/jobs", &body).await?;
    eventually(
        "the first server to be in the middle of the job",
        60,
        async || Ok((first.database_texts(WAITING)? == ["1"]).then_some(())),
    )
    .await?;
    first.process()?.pause()?;
    assert_eq!(first.database_texts(HOLDERS)?, ["1"]);
    second.process()?.resume()?;

    let path = format!("/api/v1/jobs/{}", job.id);
    let admin = second.admin()?;
    let done = eventually("the second server to do the job", 120, async || {
        let job: Job = match admin.get(&path).await {
            Ok(job) => job,
            // What waited while it was paused is given up once.
            Err(_) => return Ok(None),
        };
        Ok((job.state == JobState::Done).then_some(job))
    })
    .await?;
    first.process()?.resume()?;
    super::ready_again(&mut first).await?;
    let admin = first.admin()?;
    // Whatever it was in the middle of it has tried by then: its worker looks again before this one is over.
    let again: Job = admin
        .call(
            "POST",
            "/api/v1/jobs",
            &json!({ "kind": "tag", "tag": "green", "filter": "", "expected_count": SYSTEMS }),
        )
        .await?;
    eventually("another job", 60, async || {
        let job: Job = admin.get(&format!("/api/v1/jobs/{}", again.id)).await?;
        Ok((job.state == JobState::Done).then_some(()))
    })
    .await?;
    let after: Job = admin.get(&path).await?;
    ensure!(
        (done.counts.done, done.counts.failed, done.counts.skipped) == (SYSTEMS as i64, 0, 0),
        "{done:?}"
    );
    ensure!(
        (after.counts.done, after.counts.failed, after.finished_ms)
            == (done.counts.done, 0, done.finished_ms),
        "it went on: {after:?}, {done:?}"
    );
    let count = |query: &str| first.database_texts(&format!("SELECT CAST(count(*) AS TEXT) FROM {query}"));
    let target = format!("job:{}", job.id);
    assert_eq!(count("system_tags WHERE tag = 'blue'")?, [SYSTEMS.to_string()]);
    assert_eq!(
        count(&format!(
            "audit_entries WHERE action = 'jobs.finish' AND target = '{target}'"
        ))?,
        ["1"]
    );
    let verified = first.command(&["audit", "verify"])?;
    ensure!(verified.status.success(), "the audit does not verify");
    unbroken(&[&first, &second])
}
