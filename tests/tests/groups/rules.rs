//! What saving a rule does, told before and whole whatever happens.

use crate::{GROUPS, audit, call, create, members, one, refused, save, system};
use anyhow::Result;
use scm_protocol::rules::{FieldCatalogue, RuleExplained, RulePreview, RuleSaved};
use scm_tests::programs::{Database, Server, eventually};
use serde_json::json;
use std::time::Duration;

/// G8: a preview says who would come and go, and many removals need their number.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_tells_what_saving_does() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let first = system(&server, &admin, "web-1").await?;
    for name in ["web-2", "db-1"] {
        system(&server, &admin, name).await?;
    }
    let fields: FieldCatalogue = admin.get("/api/v1/rules/fields").await?;
    assert!(
        fields
            .items
            .iter()
            .any(|field| field.name == "any_container_image" && field.in_rules)
    );
    let group = create(&admin, "webs", "auto").await?.id;
    let saved = save(&admin, group, one("hostname", "contains", "web")).await?;
    let draft = json!([
        { "field": "hostname", "operator": "ends_with", "value": "-1" },
        { "field": "os_family", "operator": "equals", "value": "linux" },
    ]);
    let body = json!({ "conditions": draft, "group": group });
    let preview: RulePreview = call(&admin, "POST", "/api/v1/rules/preview", body).await?;
    assert_eq!(
        (preview.matching, preview.joins, preview.leaves, preview.saved),
        (2, 1, 1, 2)
    );
    assert_eq!((preview.holds, preview.systems), (vec![2, 3], 3));
    let names = |sample: &[scm_protocol::rules::SampleSystem]| {
        sample
            .iter()
            .map(|system| system.hostname.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&preview.joining), ["db-1"]);
    assert_eq!(
        (names(&preview.leaving), names(&preview.staying)),
        (vec!["web-2".into()], vec!["web-1".into()])
    );
    let explain = json!({ "conditions": draft, "system": first.system });
    let explained: RuleExplained = call(&admin, "POST", "/api/v1/rules/explain", explain).await?;
    assert!(explained.matches && explained.conditions.iter().all(|condition| condition.holds));

    let path = format!("{GROUPS}/{group}/rule");
    let asked = refused(&admin, "PUT", &path, json!({ "conditions": draft })).await?;
    assert_eq!((asked.code.as_str(), asked.status), ("confirm_removals", 409));
    assert!(
        asked.detail.starts_with("1 of 2 systems would leave"),
        "{}",
        asked.detail
    );
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    let stale = json!({ "conditions": draft, "expected_version": saved.version - 1, "confirm_removals": 1 });
    assert_eq!(refused(&admin, "PUT", &path, stale).await?.code, "rule_changed");
    let told = json!({ "conditions": draft, "expected_version": saved.version, "confirm_removals": 1 });
    let moved: RuleSaved = call(&admin, "PUT", &path, told).await?;
    assert_eq!((moved.joined, moved.left, moved.members), (1, 1, 2));
    assert_eq!(members(&admin, group).await?, ["web-1", "db-1"]);
    let saves = audit(&admin, "rules.save").await?;
    let who = |member: &str| saves[0].detail[member].to_string();
    assert!(
        who("who_joined").contains("db-1 (") && who("who_left").contains("web-2 ("),
        "{saves:?}"
    );
    Ok(())
}

/// G7: whenever the server is killed while it saves a rule, the group has the members of one rule.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_leaves_the_members_of_one_rule() -> Result<()> {
    let mut server = Server::start_default().await?;
    let admin = server.admin()?;
    for number in 0..12 {
        system(&server, &admin, &format!("web-{number}")).await?;
    }
    let group = create(&admin, "even", "auto").await?.id;
    let all = one("hostname", "contains", "web");
    save(&admin, group, all.clone()).await?;
    for round in 0..6_u64 {
        let (admin, even) = (server.admin()?, one("hostname", "regex", "[02468]$"));
        let path = format!("{GROUPS}/{group}/rule");
        let saving = tokio::spawn(async move {
            let _ = admin
                .send(
                    "PUT",
                    &path,
                    Some(&json!({ "conditions": even, "confirm_removals": 6 })),
                )
                .await;
        });
        tokio::time::sleep(Duration::from_millis(round * 3)).await;
        server.kill()?;
        let _ = saving.await;
        server.start().await?;
        let admin = server.admin()?;
        let count = members(&admin, group).await?.len();
        assert!(count == 6 || count == 12, "{count} members are those of no rule");
        let saved = save(&admin, group, all.clone()).await?;
        assert_eq!(
            saved.members, 12,
            "what a killed server left behind is in the way"
        );
    }
    Ok(())
}

/// Whoever saves a rule does not wait for its former members to be forgotten; they are, and nobody sees them meanwhile.
async fn former_members_are_forgotten(database: Database) -> Result<()> {
    let mut server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    for name in ["web-1", "web-2", "db-1"] {
        system(&server, &admin, name).await?;
    }
    let group = create(&admin, "webs", "auto").await?.id;
    save(&admin, group, one("hostname", "contains", "web")).await?;
    let path = format!("{GROUPS}/{group}/rule");
    let db = json!({ "conditions": one("hostname", "contains", "db"), "confirm_removals": 2 });
    let saved: RuleSaved = call(&admin, "PUT", &path, db).await?;
    assert_eq!((saved.members, saved.joined, saved.left), (1, 1, 2));
    assert_eq!(members(&admin, group).await?.len(), 1);
    // As if the server had been stopped before it came to that.
    server.stop()?;
    server.start().await?;
    let admin = server.admin()?;
    let stored = "SELECT CAST(count(*) AS TEXT) FROM group_members";
    eventually("the former members to be forgotten", 10, async || {
        Ok((server.database_texts(stored)? == ["1"]).then_some(()))
    })
    .await?;
    assert_eq!(members(&admin, group).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_members_are_forgotten_on_sqlite() -> Result<()> {
    former_members_are_forgotten(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn former_members_are_forgotten_on_postgres() -> Result<()> {
    former_members_are_forgotten(Database::Postgres).await
}
