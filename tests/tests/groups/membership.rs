//! Members of an automatic group follow its rule.

use crate::{GROUPS, audit, call, create, members, one, report, save, system};
use anyhow::{Context, Result};
use scm_protocol::annotations::SystemTags;
use scm_protocol::groups::{GroupList, SystemGroups};
use scm_protocol::rules::RuleSaved;
use scm_protocol::telemetry::{Container, Telemetry};
use scm_tests::programs::{Database, Server};
use serde_json::json;

/// G3, G7, G9, S7: members follow the rule at saving, at check-ins, at decisions and at tags, and it is told why.
async fn membership_follows_the_rule(database: Database) -> Result<()> {
    let server = Server::builder()
        .database(database)
        .interval_secs(60)
        .start()
        .await?;
    let admin = server.admin()?;
    let mut web = system(&server, &admin, "web-1").await?;
    let mut db = system(&server, &admin, "db-1").await?;
    report(&mut web, "web-1", Telemetry::default()).await?;
    let group = create(&admin, "webs", "auto").await?.id;

    let saved = save(&admin, group, one("hostname", "starts_with", "WEB")).await?;
    assert_eq!((saved.members, saved.joined, saved.left), (1, 1, 0));
    assert_eq!(members(&admin, group).await?, ["web-1"]);

    // At a check-in, by what it says; each move has its entry.
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    let moves = audit(&admin, "rules.reconcile").await?;
    assert_eq!(moves.len(), 1);
    assert_eq!(
        (moves[0].actor.as_str(), &moves[0].detail["joined"]),
        ("server", &json!(["webs"]))
    );
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert_eq!(
        audit(&admin, "rules.reconcile").await?.len(),
        1,
        "an unchanged system wrote an entry"
    );

    // At a decision: who is cut off leaves, who is restored comes back; a Pending one is not let in.
    admin.decide(web.system, "revoke").await?;
    assert_eq!(members(&admin, group).await?, ["web-2"]);
    admin.decide(web.system, "restore").await?;
    let mut waiting = server.rogue()?;
    waiting.register("web-3").await?;
    assert_eq!(members(&admin, group).await?, ["web-1", "web-2"]);
    admin.decide(waiting.system, "approve").await?;
    assert_eq!(members(&admin, group).await?.len(), 3);

    // Telemetry and tags; uptime is looked at at every check-in.
    let uptime = |secs| Telemetry {
        uptime_secs: Some(secs),
        containers: Some(vec![Container {
            runtime: "docker".to_owned(),
            name: "a".to_owned(),
            image: "nginx:1.27".to_owned(),
        }]),
        ..Telemetry::default()
    };
    let conditions = json!([
        { "field": "uptime_secs", "operator": "gt", "value": "1d" },
        { "field": "any_container_image", "operator": "contains", "value": "NGINX" },
        { "field": "tag", "operator": "not_equals", "value": "spare" },
    ]);
    let old = create(&admin, "long up", "auto").await?.id;
    save(&admin, old, conditions).await?;
    report(&mut web, "web-1", uptime(86_400)).await?;
    assert!(members(&admin, old).await?.is_empty());
    report(&mut web, "web-1", uptime(86_401)).await?;
    assert_eq!(members(&admin, old).await?, ["web-1"]);
    let tags = format!("/api/v1/systems/{}/tags", web.system);
    let tagged: SystemTags = call(&admin, "POST", &tags, json!({ "add": ["spare", "eu"] })).await?;
    assert_eq!(tagged.tags, ["eu", "spare"]);
    assert!(members(&admin, old).await?.is_empty());

    // Why not.
    let why: SystemGroups = admin
        .get(&format!("/api/v1/systems/{}/groups", web.system))
        .await?;
    let group_of = |name: &str| why.items.iter().find(|group| group.name == name).context("group");
    let reasons = &group_of("long up")?.conditions;
    let told: Vec<_> = reasons
        .iter()
        .map(|one| (one.observed.as_deref(), one.holds))
        .collect();
    assert_eq!(
        told,
        [
            (Some("86401"), true),
            (Some("nginx:1.27"), true),
            (Some("eu, spare"), false)
        ]
    );
    assert!(group_of("webs")?.member && !group_of("long up")?.member);

    // Disabled: empty, and the rule is kept; enabled: filled again.
    let switch = |what: &str| format!("{GROUPS}/{group}/rule/{what}");
    let off: RuleSaved = call(&admin, "POST", &switch("disable"), json!({})).await?;
    assert_eq!((off.members, off.left), (0, 3));
    report(&mut db, "web-2", Telemetry::default()).await?;
    assert!(members(&admin, group).await?.is_empty());
    let on: RuleSaved = call(&admin, "POST", &switch("enable"), json!({})).await?;
    assert_eq!((on.members, on.joined), (3, 3));
    let listed: GroupList = admin.get(GROUPS).await?;
    let rule = listed
        .items
        .iter()
        .find(|other| other.id == group)
        .and_then(|group| group.rule.as_ref());
    assert_eq!(rule.context("rule")?.filter, "hostname starts_with WEB");
    let disabled = audit(&admin, "rules.disable").await?;
    assert_eq!(
        (&disabled[0].detail["left"], &disabled[0].detail["joined"]),
        (&json!(3), &json!(0))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_follows_the_rule_on_sqlite() -> Result<()> {
    membership_follows_the_rule(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn membership_follows_the_rule_on_postgres() -> Result<()> {
    membership_follows_the_rule(Database::Postgres).await
}
