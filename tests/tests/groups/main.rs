//! Groups, rules, tags, notes and saved filters (G1 to G9, S5 to S7, E1) through the real server.

mod by_hand;
mod list;
mod membership;
mod refused;
mod rules;

use anyhow::{Context, Result, ensure};
use scm_protocol::agent::{CheckIn, HostFacts};
use scm_protocol::audit::AuditEntry;
use scm_protocol::groups::{Group, MemberPage};
use scm_protocol::ids::GroupId;
use scm_protocol::problem::Problem;
use scm_protocol::rules::RuleSaved;
use scm_protocol::telemetry::Telemetry;
use scm_tests::programs::{Admin, Rogue, Server};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) const GROUPS: &str = "/api/v1/groups";

pub(crate) async fn call<T: DeserializeOwned>(
    admin: &Admin,
    method: &str,
    path: &str,
    body: Value,
) -> Result<T> {
    let response = admin.send(method, path, Some(&body)).await?;
    let (status, text) = (response.status(), response.text().await?);
    ensure!(status.is_success(), "{method} {path}: {status}: {text}");
    serde_json::from_str(&text).with_context(|| text)
}

pub(crate) async fn refused(admin: &Admin, method: &str, path: &str, body: Value) -> Result<Problem> {
    let response = admin.send(method, path, Some(&body)).await?;
    ensure!(!response.status().is_success(), "{method} {path} was not refused");
    Ok(response.json().await?)
}

pub(crate) async fn create(admin: &Admin, name: &str, kind: &str) -> Result<Group> {
    call(admin, "POST", GROUPS, json!({ "name": name, "kind": kind })).await
}

pub(crate) async fn save(admin: &Admin, group: GroupId, conditions: Value) -> Result<RuleSaved> {
    let path = format!("{GROUPS}/{group}/rule");
    call(admin, "PUT", &path, json!({ "conditions": conditions })).await
}

pub(crate) fn one(field: &str, operator: &str, value: &str) -> Value {
    json!([{ "field": field, "operator": operator, "value": value }])
}

pub(crate) async fn members(admin: &Admin, group: GroupId) -> Result<Vec<String>> {
    let page: MemberPage = admin.get(&format!("{GROUPS}/{group}/members?limit=1000")).await?;
    assert_eq!(page.total as usize, page.items.len());
    Ok(page.items.into_iter().map(|system| system.hostname).collect())
}

pub(crate) async fn audit(admin: &Admin, action: &str) -> Result<Vec<AuditEntry>> {
    let mut entries = admin.audit().await?.items;
    entries.retain(|entry| entry.action == action);
    Ok(entries)
}

/// An approved system of that name.
pub(crate) async fn system(server: &Server, admin: &Admin, hostname: &str) -> Result<Rogue> {
    let mut rogue = server.rogue()?;
    rogue.register(hostname).await?;
    admin.decide(rogue.system, "approve").await?;
    Ok(rogue)
}

pub(crate) async fn report(rogue: &mut Rogue, hostname: &str, telemetry: Telemetry) -> Result<()> {
    let checkin = CheckIn {
        agent_version: "1.2.0".to_owned(),
        boot_id: "0".repeat(32),
        facts: Some(HostFacts {
            hostname: hostname.to_owned(),
            os_family: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            ..HostFacts::default()
        }),
        telemetry: Some(telemetry),
        ..CheckIn::default()
    };
    let signed = rogue.checkin_with(serde_json::to_vec(&checkin)?, 0);
    let reply = rogue.send(&signed).await?;
    ensure!(reply.status == 200, "the check-in was refused: {}", reply.status);
    Ok(())
}
