//! Settings that administrators change while the server runs: bounds, defaults, audit, and several servers over one database.

use anyhow::{Context, Result};
use scm_protocol::problem::Problem;
use scm_protocol::settings::{Setting, SettingList, SettingValue};
use scm_tests::programs::{Admin, Database, Server, eventually};
use serde_json::{Value, json};

const SETTINGS: &str = "/api/v1/settings";

async fn setting(admin: &Admin, name: &str) -> Result<Setting> {
    let list: SettingList = admin.get(SETTINGS).await?;
    let found = list.items.into_iter().find(|setting| setting.name == name);
    found.context("no such setting")
}

async fn put(admin: &Admin, name: &str, value: Value) -> Result<reqwest::Response> {
    let body = json!({ "value": value });
    admin
        .send("PUT", &format!("{SETTINGS}/{name}"), Some(&body))
        .await
}

/// What the audit says of settings, newest first.
async fn audited(admin: &Admin) -> Result<Vec<(String, String, Value)>> {
    let entries = admin.audit().await?.items;
    let ours = entries
        .into_iter()
        .filter(|entry| entry.action.starts_with("settings."));
    Ok(ours
        .map(|entry| (entry.action, entry.target, entry.detail))
        .collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_is_changed_within_its_bounds_and_put_back() -> Result<()> {
    let mut server = Server::start_default().await?;
    let admin = server.admin()?;
    let untouched = setting(&admin, "pending.max").await?;
    assert_eq!(
        (untouched.value, untouched.changed_by),
        (SettingValue::Integer(10_000), None)
    );

    for bad in [json!(0), json!(1_000_001), json!("7"), json!(null), json!(1.5)] {
        let refused = put(&admin, "pending.max", bad).await?;
        assert_eq!(refused.status(), 422);
        let problem: Problem = refused.json().await?;
        assert_eq!(problem.field.as_deref(), Some("value"));
        assert!(problem.detail.contains("from 1 to 1000000"), "{}", problem.detail);
    }
    let unnamed = admin
        .send("PUT", &format!("{SETTINGS}/pending.max"), Some(&json!({})))
        .await?;
    assert_eq!(unnamed.status(), 422);
    assert_eq!(put(&admin, "pending.most", json!(7)).await?.status(), 404);
    assert!(audited(&admin).await?.is_empty(), "a refusal changed something");

    assert_eq!(put(&admin, "pending.max", json!(7)).await?.status(), 204);
    assert_eq!(put(&admin, "pending.max", json!(7)).await?.status(), 204);
    let changed = setting(&admin, "pending.max").await?;
    assert_eq!(
        (changed.value, changed.changed_by.as_deref()),
        (SettingValue::Integer(7), Some("local-admin"))
    );
    server.kill()?;
    server.start().await?;
    let admin = server.admin()?;
    assert_eq!(
        setting(&admin, "pending.max").await?.value,
        SettingValue::Integer(7)
    );

    let path = format!("{SETTINGS}/pending.max");
    assert_eq!(admin.status("DELETE", &path).await?, 204);
    assert_eq!(admin.status("DELETE", &path).await?, 204);
    let reset = setting(&admin, "pending.max").await?;
    assert_eq!(
        (reset.value, reset.changed_ms),
        (SettingValue::Integer(10_000), None)
    );
    let entry = |action: &str, before: i64, after: i64| {
        let detail = json!({ "before": before, "after": after });
        (action.to_owned(), "setting:pending.max".to_owned(), detail)
    };
    let expected = [
        entry("settings.reset", 7, 10_000),
        entry("settings.change", 10_000, 7),
    ];
    assert_eq!(
        audited(&admin).await?,
        expected,
        "once each, with before and after"
    );

    let anyone = server.client(None)?;
    assert_eq!(anyone.status("GET", SETTINGS).await?, 401);
    assert_eq!(put(&anyone, "pending.max", json!(7)).await?.status(), 401);
    Ok(())
}

/// What one server was told, the other does too, without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_reaches_the_other_server() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let replica = server.replica().await?;
    assert_eq!(
        put(&server.admin()?, "pending.max", json!(1)).await?.status(),
        204
    );
    server.rogue()?.register("first").await?;
    eventually("the other server to know the limit", 30, async || {
        let refused = replica.rogue()?.register("next").await.is_err();
        Ok(refused.then_some(()))
    })
    .await?;
    // Put back, it lets in again.
    assert_eq!(
        replica
            .admin()?
            .status("DELETE", &format!("{SETTINGS}/pending.max"))
            .await?,
        204
    );
    replica.rogue()?.register("welcome here").await?;
    eventually("the first server to know it, too", 30, async || {
        let accepted = server.rogue()?.register("welcome there").await.is_ok();
        Ok(accepted.then_some(()))
    })
    .await
}
