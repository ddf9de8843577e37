//! Networks that administrators and agents must come from (X5).

use anyhow::Result;
use scm_protocol::agent::AgentStatus;
use scm_protocol::auth::Role;
use scm_protocol::refusal::RefusalCode;
use scm_tests::programs::{Admin, PASSWORD, Server};
use serde_json::{Value, json};

const ADMINS: &str = "/api/v1/settings/access.admin_networks";
const AGENTS: &str = "/api/v1/settings/access.agent_networks";

async fn set(api: &Admin, path: &str, networks: &[&str]) -> Result<()> {
    api.call("PUT", path, &json!({ "value": networks })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn administrators_come_from_the_networks_that_are_listed() -> Result<()> {
    let server = Server::start_default().await?;
    let local = server.admin()?;
    let owner = server.person("boss", Role::Owner).await?;
    let token = owner.api.api_token("script", Role::Owner).await?;
    let script = server.client(Some(&token.secret))?;

    let elsewhere = json!({ "value": ["192.0.2.0/24"] });
    let refused = owner.api.send("PUT", ADMINS, Some(&elsewhere)).await?;
    let refused: Value = refused.json().await?;
    assert_eq!(refused["field"], "value");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("lock you out"),
        "{refused}"
    );
    set(&owner.api, ADMINS, &["127.0.0.0/8", "192.0.2.0/24"]).await?;
    assert_eq!(owner.api.status("GET", "/api/v1/systems").await?, 200);

    // The local administrator on the server itself cannot lock themselves out.
    set(&local, ADMINS, &["192.0.2.0/24"]).await?;
    for caller in [&owner.api, &script] {
        let refused = caller.refused("GET", "/api/v1/systems", &Value::Null).await?;
        assert_eq!(refused, (403, "address_not_allowed".to_owned()));
    }
    let login = |password: &str| json!({ "username": "boss", "password": password });
    let anyone = server.client(None)?;
    let refused = anyone
        .refused("POST", "/api/v1/sessions", &login(PASSWORD))
        .await?;
    assert_eq!(refused.1, "address_not_allowed");
    let wrong = anyone
        .refused("POST", "/api/v1/sessions", &login("a wrong password"))
        .await?;
    assert_eq!(wrong.1, "unauthenticated", "a stranger learns what is allowed");
    // Another organization's list is its own.
    let (_, foreign) = server.organization("other").await?;
    assert_eq!(foreign.api.status("GET", "/api/v1/systems").await?, 200);
    local.call::<()>("DELETE", ADMINS, &Value::Null).await?;
    assert_eq!(owner.api.status("GET", "/api/v1/systems").await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_come_from_the_networks_that_are_listed_and_lose_nothing_elsewhere() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    let agent = server.agent().start()?;
    let listed = admin
        .await_system("the real agent", |system| system.id != rogue.system)
        .await?;
    set(&admin, AGENTS, &["192.0.2.0/24"]).await?;
    let checkin = rogue.checkin()?;
    let reply = rogue.send(&checkin).await?;
    assert_eq!(reply.status, 403);
    assert!(
        reply.header("signature").is_none(),
        "an agent from outside costs a signature"
    );
    let refusal: scm_protocol::refusal::Refusal = reply.json()?;
    assert_eq!(refusal.code, RefusalCode::AddressNotAllowed);
    assert!(refusal.retry_after_secs.is_some());
    set(&admin, AGENTS, &["192.0.2.0/24", "127.0.0.1"]).await?;
    let checkin = rogue.checkin()?;
    assert_eq!(rogue.accepted(&checkin).await?.status, AgentStatus::Active);
    let systems = admin.systems().await?;
    assert!(systems.iter().any(|system| system.id == listed.id));
    assert_eq!(systems.len(), 2, "an agent gave its id up");
    drop(agent);
    Ok(())
}
