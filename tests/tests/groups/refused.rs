//! What cannot be.

use crate::{GROUPS, audit, create, one, refused, system};
use anyhow::Result;
use scm_protocol::problem::Problem;
use scm_tests::programs::Server;
use serde_json::json;

/// G1 to G3, G9: what cannot be is refused with its place and its reason, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_is_refused() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let web = system(&server, &admin, "web-1").await?;
    let (manual, auto) = (
        create(&admin, "by hand", "manual").await?.id,
        create(&admin, "auto", "auto").await?.id,
    );
    let rule = format!("{GROUPS}/{auto}/rule");
    for (conditions, field, reason) in [
        (json!([]), "conditions", "at least one"),
        (
            json!(vec![one("tag", "equals", "a")[0].clone(); 9]),
            "conditions",
            "at most 8 conditions, not 9",
        ),
        (
            one("hostnme", "equals", "a"),
            "conditions[0].field",
            "did you mean `hostname`?",
        ),
        (
            one("hostname", "matches", "a"),
            "conditions[0].operator",
            "unknown operator",
        ),
        (
            one("os_family", "regex", "a"),
            "conditions[0].operator",
            "not allowed for os_family",
        ),
        (
            one("mem_total_mb", "gt", "lots"),
            "conditions[0].value",
            "is not a number",
        ),
        (
            one("hostname", "regex", "a{1000}{1000}"),
            "conditions[0].value",
            "too large",
        ),
        (
            one("presence", "equals", "late"),
            "conditions[0].field",
            "filters only",
        ),
    ] {
        for (method, path) in [("PUT", rule.as_str()), ("POST", "/api/v1/rules/preview")] {
            let problem = refused(&admin, method, path, json!({ "conditions": conditions })).await?;
            assert_eq!(
                (problem.status, problem.field.as_deref()),
                (422, Some(field)),
                "{problem:?}"
            );
            assert!(problem.detail.contains(reason), "{problem:?}");
        }
    }
    let change = |group| format!("{GROUPS}/{group}");
    let taken = refused(
        &admin,
        "POST",
        GROUPS,
        json!({ "name": "auto", "kind": "manual" }),
    )
    .await?;
    assert_eq!(taken.code, "name_taken");
    let renamed = json!({ "name": "auto", "description": "" });
    assert_eq!(
        refused(&admin, "PUT", &change(manual), renamed).await?.code,
        "name_taken"
    );
    let kind = json!({ "name": "by hand", "description": "", "kind": "auto" });
    assert_eq!(
        refused(&admin, "PUT", &change(manual), kind)
            .await?
            .field
            .as_deref(),
        Some("kind")
    );
    let join = json!({ "add": [web.system] });
    let path = format!("{GROUPS}/{auto}/members");
    assert_eq!(
        refused(&admin, "POST", &path, join).await?.code,
        "automatic_group"
    );
    let ghost = json!({ "add": [4711] });
    let path = format!("{GROUPS}/{manual}/members");
    assert!(
        refused(&admin, "POST", &path, ghost)
            .await?
            .detail
            .contains("no system 4711")
    );
    let manual_rule = format!("{GROUPS}/{manual}/rule");
    let ruled = json!({ "conditions": one("tag", "equals", "a") });
    assert_eq!(
        refused(&admin, "PUT", &manual_rule, ruled).await?.code,
        "manual_group"
    );
    let filter: Problem = admin
        .send(
            "GET",
            "/api/v1/systems?filter=not%20hostnme%20%3D%20a",
            None::<&()>,
        )
        .await?
        .json()
        .await?;
    assert_eq!(filter.field.as_deref(), Some("filter"));
    assert!(
        filter
            .detail
            .contains("unknown field `hostnme` at column 5, did you mean `hostname`?")
    );
    assert!(audit(&admin, "rules.save").await?.is_empty());
    Ok(())
}
