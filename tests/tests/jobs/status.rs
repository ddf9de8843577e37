//! Jobs that change the status of their systems.

use crate::{
    JOBS, audit, audited, chosen, create, create_patiently, once_each, over, populate, show, targets,
};
use anyhow::{Context, Result};
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{Job, JobPage, JobState, TargetOutcome};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Database, Server, eventually};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

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
