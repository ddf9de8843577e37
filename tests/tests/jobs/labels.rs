//! Jobs that put tags on systems and systems into groups, and the other way round.

use crate::{JOBS, audit, chosen, create, once_each, over, populate, show, targets};
use anyhow::{Context, Result};
use scm_protocol::audit::AuditEntry;
use scm_protocol::auth::Role;
use scm_protocol::groups::{Group, MemberPage};
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::jobs::{Job, JobState, TargetOutcome};
use scm_protocol::problem::Problem;
use scm_protocol::rules::RuleSaved;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Database, Server};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const GROUPS: &str = "/api/v1/groups";

async fn group(admin: &Admin, name: &str, kind: &str) -> Result<GroupId> {
    let body = json!({ "name": name, "kind": kind });
    let group: Group = admin.call("POST", GROUPS, &body).await?;
    Ok(group.id)
}

async fn members(admin: &Admin, group: GroupId) -> Result<BTreeSet<SystemId>> {
    let page: MemberPage = admin.get(&format!("{GROUPS}/{group}/members?limit=1000")).await?;
    Ok(page.items.into_iter().map(|system| system.id).collect())
}

/// A job on these systems about a tag or a group.
fn about(kind: &str, (member, value): (&str, Value), ids: &[SystemId]) -> Value {
    let mut body = chosen(kind, SystemStatus::Active, ids);
    body[member] = value;
    body
}

async fn done(admin: &Admin, body: &Value) -> Result<Job> {
    let job = create(admin, body).await?;
    over(admin, job.id).await
}

fn of_action<'a>(entries: &'a [AuditEntry], action: &str) -> Vec<&'a AuditEntry> {
    entries.iter().filter(|entry| entry.action == action).collect()
}

/// Tags go on and off; what is as it should be is left; the rules of automatic groups are asked in the same transaction.
async fn tags_are_changed_in_one_job(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 300).await?;
    done(&admin, &chosen("approve", SystemStatus::Pending, &ids)).await?;
    let auto = group(&admin, "edge", "auto").await?;
    let rule = json!({ "conditions": [{ "field": "tag", "operator": "equals", "value": "edge" }] });
    let saved: RuleSaved = admin.call("PUT", &format!("{GROUPS}/{auto}/rule"), &rule).await?;
    assert_eq!(saved.members, 0);
    let path = format!("/api/v1/systems/{}/tags", ids[0]);
    let _: Value = admin
        .call("POST", &path, &json!({ "add": ["edge", "old"] }))
        .await?;

    let mut wanted = ids.clone();
    wanted.push(SystemId(9_999_999));
    let edge = ("tag", json!("edge"));
    let job = done(&admin, &about("tag", edge.clone(), &wanted)).await?;
    assert_eq!((job.state, job.tag.as_deref()), (JobState::Done, Some("edge")));
    assert_eq!(
        (job.counts.done, job.counts.skipped, job.counts.failed),
        (299, 2, 0)
    );
    assert_eq!(members(&admin, auto).await?, ids.iter().copied().collect());
    let skipped = targets(&admin, job.id, "&outcome=skipped").await?;
    let reasons: Vec<&str> = skipped
        .iter()
        .filter_map(|target| target.reason.as_deref())
        .collect();
    assert_eq!(reasons, ["it has the tag already", "there is no such system"]);

    let off = done(&admin, &about("untag", edge, &ids[..10])).await?;
    assert_eq!(off.counts.done, 10);
    assert_eq!(members(&admin, auto).await?, ids[10..].iter().copied().collect());
    assert_eq!(admin.system(ids[0]).await?.summary.tags, ["old"]);

    let entries = audit(&admin).await?;
    let tagged = of_action(&entries, "annotations.tags.change");
    // One by hand, one for each system of the two jobs that changed it.
    assert_eq!(tagged.len(), 1 + 299 + 10);
    let one = tagged
        .iter()
        .find(|entry| entry.target == format!("system:{}", ids[5]) && entry.detail["job"] == json!(job.id));
    let one = one.context("the entry of a system")?;
    assert_eq!(
        (&one.detail["before"], &one.detail["after"]),
        (&json!([]), &json!(["edge"]))
    );
    assert_eq!(one.actor, "local-admin");
    for (action, target) in [("jobs.create", job.id), ("jobs.finish", off.id)] {
        let entry = of_action(&entries, action)
            .into_iter()
            .find(|entry| entry.target == format!("job:{target}"));
        assert_eq!(entry.context(action)?.detail["tag"], json!("edge"));
    }
    assert_eq!(
        of_action(&entries, "rules.reconcile").len(),
        1 + 299 + 10,
        "every move is told"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_changed_in_one_job_on_sqlite() -> Result<()> {
    tags_are_changed_in_one_job(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tags_are_changed_in_one_job_on_postgres() -> Result<()> {
    tags_are_changed_in_one_job(Database::Postgres).await
}

/// Systems join and leave a manual group; a group that goes meanwhile takes its job with it, system by system.
async fn members_are_changed_in_one_job(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 30).await?;
    let hand = group(&admin, "by hand", "manual").await?;
    let join = ("group", json!(hand));
    // The status that they were chosen with does not matter: they are pending.
    let job = done(&admin, &about("group_add", join.clone(), &ids)).await?;
    assert_eq!(
        (job.counts.done, job.group, job.group_name.as_deref()),
        (30, Some(hand), Some("by hand"))
    );
    assert_eq!(members(&admin, hand).await?, ids.iter().copied().collect());
    let again = done(&admin, &about("group_add", join.clone(), &ids[..3])).await?;
    assert_eq!(again.counts.skipped, 3);
    let left = done(&admin, &about("group_remove", join, &ids[..12])).await?;
    assert_eq!(left.counts.done, 12);
    assert_eq!(members(&admin, hand).await?, ids[12..].iter().copied().collect());

    let entries = audit(&admin).await?;
    let moves: Vec<AuditEntry> = entries
        .iter()
        .filter(|entry| entry.detail["job"] == json!(job.id))
        .cloned()
        .collect();
    once_each(&moves, "groups.members.change", &ids);
    assert_eq!(moves[0].detail["joined"], json!("by hand"));

    assert_eq!(admin.status("DELETE", &format!("{GROUPS}/{hand}")).await?, 204);
    assert_eq!(show(&admin, job.id).await?.group_name, None);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_changed_in_one_job_on_sqlite() -> Result<()> {
    members_are_changed_in_one_job(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_changed_in_one_job_on_postgres() -> Result<()> {
    members_are_changed_in_one_job(Database::Postgres).await
}

/// What cannot be done to any system is refused before there is a job.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_about_what_is_not_there_are_refused() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let ids = populate(&server, 1).await?;
    let auto = group(&admin, "auto", "auto").await?;
    let cases = [
        (
            "tag",
            ("tag", Value::Null),
            422,
            "invalid_value",
            "tag",
            "must be given",
        ),
        (
            "tag",
            ("tag", json!("two words")),
            422,
            "invalid_value",
            "tag",
            "letters, digits",
        ),
        (
            "untag",
            ("tag", json!("nobody")),
            422,
            "invalid_value",
            "tag",
            "no system has it",
        ),
        (
            "approve",
            ("tag", json!("edge")),
            422,
            "invalid_value",
            "tag",
            "means nothing",
        ),
        (
            "group_add",
            ("group", Value::Null),
            422,
            "invalid_value",
            "group",
            "must be given",
        ),
        (
            "group_add",
            ("group", json!(4711)),
            422,
            "invalid_value",
            "group",
            "no group 4711",
        ),
        (
            "group_add",
            ("group", json!(auto)),
            409,
            "automatic_group",
            "",
            "its rule alone decides",
        ),
        (
            "group_remove",
            ("group", json!(auto)),
            409,
            "automatic_group",
            "",
            "its rule alone decides",
        ),
    ];
    for (kind, member, status, code, field, reason) in cases {
        let answer = admin.send("POST", JOBS, Some(&about(kind, member, &ids))).await?;
        let problem: Problem = answer.json().await?;
        assert_eq!(
            (problem.status, problem.code.as_str()),
            (status, code),
            "{problem:?}"
        );
        assert_eq!(problem.field.as_deref().unwrap_or_default(), field, "{problem:?}");
        assert!(problem.detail.contains(reason), "{problem:?}");
    }
    let hand = group(&admin, "by hand", "manual").await?;
    for role in [Role::Viewer, Role::Runner] {
        let person = server.person(role.as_str(), role).await?;
        for body in [
            about("tag", ("tag", json!("edge")), &ids),
            about("group_add", ("group", json!(hand)), &ids),
        ] {
            assert_eq!(person.api.refused("POST", JOBS, &body).await?.0, 403, "{role:?}");
        }
    }
    let editor = server.person("editor", Role::Editor).await?;
    let job = create(&editor.api, &about("group_add", ("group", json!(hand)), &ids)).await?;
    over(&admin, job.id).await?;
    assert_eq!(targets(&admin, job.id, "").await?[0].outcome, TargetOutcome::Done);
    Ok(())
}
