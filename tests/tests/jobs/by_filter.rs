//! Jobs on everything that a filter matches: frozen when they are created, and refused where the number is another.

use crate::{JOBS, audit, create, over, populate, targets};
use anyhow::{Context, Result};
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::{JobPage, JobState};
use scm_protocol::problem::Problem;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Database, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn refused(admin: &Admin, body: &Value) -> Result<Problem> {
    let answer = admin.send("POST", JOBS, Some(body)).await?;
    Ok(answer.json().await?)
}

fn by_filter(kind: &str, filter: &str, expected_count: i64) -> Value {
    json!({ "kind": kind, "filter": filter, "expected_count": expected_count })
}

/// B1, B4: the server finds the systems, in the transaction that creates the job.
async fn a_filter_chooses_once(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let mut ids = populate(&server, 40).await?;
    ids.sort_unstable();
    let low: BTreeSet<SystemId> = ids[..25].iter().copied().collect();
    let filter = format!("status = pending id <= {}", ids[24]);

    // One more was confirmed than there are: nothing is done, and both numbers are named.
    let problem = refused(&admin, &by_filter("approve", &filter, 26)).await?;
    assert_eq!((problem.status, problem.code.as_str()), (409, "count_changed"));
    assert_eq!(problem.matching, Some(25));
    assert!(
        problem.detail.contains("25 systems") && problem.detail.contains("26 were confirmed"),
        "{problem:?}"
    );
    let page: JobPage = admin.get(JOBS).await?;
    assert!(page.items.is_empty(), "a refusal created a job");

    let job = create(&admin, &by_filter("approve", &filter, 25)).await?;
    assert_eq!(
        (job.filter.as_deref(), job.counts.total),
        (Some(filter.as_str()), 25)
    );
    let job = over(&admin, job.id).await?;
    assert_eq!((job.state, job.counts.done), (JobState::Done, 25));
    let done: BTreeSet<SystemId> = targets(&admin, job.id, "")
        .await?
        .into_iter()
        .map(|target| target.system)
        .collect();
    assert_eq!(done, low);
    let systems = admin.systems().await?;
    let active = systems
        .iter()
        .filter(|system| system.status == SystemStatus::Active);
    assert_eq!(active.map(|system| system.id).collect::<BTreeSet<_>>(), low);

    // What it did makes the same filter match nothing: it was frozen, and a repetition finds another number.
    let problem = refused(&admin, &by_filter("approve", &filter, 25)).await?;
    assert_eq!(problem.matching, Some(0));

    // An empty filter is everything; each is taken with the status that it has then.
    let tag = json!({ "kind": "tag", "tag": "all", "filter": "", "expected_count": 40 });
    let job = create(&admin, &tag).await?;
    assert_eq!(over(&admin, job.id).await?.counts.done, 40);

    let entries = audit(&admin).await?;
    let of = |action: &str| {
        entries
            .iter()
            .filter(|entry| entry.action == action)
            .collect::<Vec<_>>()
    };
    let first = of("jobs.create").into_iter().last().context("jobs.create")?;
    assert_eq!(
        (&first.detail["filter"], &first.detail["count"]),
        (&json!(filter), &json!(25))
    );
    let end = of("jobs.finish").into_iter().last().context("jobs.finish")?;
    assert_eq!(
        (&end.detail["filter"], &end.detail["total"], &end.detail["done"]),
        (&json!(filter), &json!(25), &json!(25))
    );
    assert_eq!(of("jobs.create").len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_chooses_once_on_sqlite() -> Result<()> {
    a_filter_chooses_once(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_chooses_once_on_postgres() -> Result<()> {
    a_filter_chooses_once(Database::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_cannot_be_is_refused_with_its_place() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let one = json!([{ "expected_status": "pending", "ids": [1] }]);
    for (body, field, reason) in [
        (
            by_filter("approve", "hostnme = a", 1),
            "filter",
            "did you mean `hostname`?",
        ),
        (by_filter("approve", "web", 0), "expected_count", "at least 1"),
        (
            json!({ "kind": "approve", "filter": "web" }),
            "expected_count",
            "must be given with `filter`",
        ),
        (
            json!({ "kind": "approve", "expected_count": 1, "systems": one }),
            "expected_count",
            "without `filter`",
        ),
        (
            json!({ "kind": "approve", "filter": "web", "expected_count": 1, "systems": one }),
            "systems",
            "beside `filter`",
        ),
    ] {
        let problem = refused(&admin, &body).await?;
        assert_eq!(
            (problem.status, problem.field.as_deref()),
            (422, Some(field)),
            "{problem:?}"
        );
        assert!(problem.detail.contains(reason), "{problem:?}");
    }
    Ok(())
}
