//! Jobs that cannot be, and callers who may not.

use crate::{JOBS, chosen, create, over, populate};
use anyhow::Result;
use scm_protocol::auth::Role;
use scm_protocol::ids::SystemId;
use scm_protocol::jobs::JobPage;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::Server;
use serde_json::json;

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
