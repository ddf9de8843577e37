//! Bulk jobs: frozen targets, an outcome for each, once each whatever breaks.

mod by_filter;
mod labels;
mod refused;
mod run;
mod status;

use anyhow::{Result, ensure};
use scm_protocol::audit::AuditEntry;
use scm_protocol::ids::{JobId, SystemId};
use scm_protocol::jobs::{Job, JobTarget, JobTargetPage};
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Process, Server, binary, eventually};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

pub(crate) const JOBS: &str = "/api/v1/jobs";

/// Registers so many simulated systems; they wait for approval.
pub(crate) async fn populate(server: &Server, agents: usize) -> Result<Vec<SystemId>> {
    let folder = tempfile::Builder::new().prefix("scm-fleet-").tempdir()?;
    let mut command = Command::new(binary("fleet")?);
    command.args(["--server", &server.url(), "--agents", &agents.to_string()]);
    command.arg("--ca-file").arg(server.ca_file());
    command.args(["--duration", "0"]);
    let mut fleet = Process::start("the fleet", command, &folder.path().join("log"))?;
    let status = eventually("the fleet to register", 120, async || fleet.finished()).await?;
    ensure!(status.success(), "the fleet ended with {status}");
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), agents);
    Ok(systems.into_iter().map(|system| system.id).collect())
}

pub(crate) fn chosen(kind: &str, status: SystemStatus, ids: &[SystemId]) -> Value {
    json!({ "kind": kind, "systems": [{ "expected_status": status, "ids": ids }] })
}

pub(crate) async fn create(admin: &Admin, body: &Value) -> Result<Job> {
    admin.call("POST", JOBS, body).await
}

/// As a client of several servers over one PostgreSQL does: two of them may want the same rows in another order, of which
/// the database gives one up. That is a 503 which changed nothing and says to try again.
pub(crate) async fn create_patiently(admin: &Admin, body: &Value) -> Result<Job> {
    eventually("the job to be taken", 20, async || {
        let answer = admin.send("POST", JOBS, Some(body)).await?;
        match answer.status().as_u16() {
            503 => Ok(None),
            _ => Ok(Some(answer.error_for_status()?.json().await?)),
        }
    })
    .await
}

pub(crate) async fn show(admin: &Admin, id: JobId) -> Result<Job> {
    admin.get(&format!("{JOBS}/{id}")).await
}

pub(crate) async fn over(admin: &Admin, id: JobId) -> Result<Job> {
    eventually("the job's end", 60, async || {
        let job = show(admin, id).await?;
        Ok(job.state.is_over().then_some(job))
    })
    .await
}

/// All systems of a job, over all pages.
pub(crate) async fn targets(admin: &Admin, id: JobId, filter: &str) -> Result<Vec<JobTarget>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: JobTargetPage = admin
            .get(&format!("{JOBS}/{id}/targets?limit=400{filter}{cursor}"))
            .await?;
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// The whole audit, newest first.
pub(crate) async fn audit(admin: &Admin) -> Result<Vec<AuditEntry>> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: scm_protocol::audit::AuditPage =
            admin.get(&format!("/api/v1/audit?limit=1000{cursor}")).await?;
        all.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}

/// How often each target is in the audit under this action.
pub(crate) fn audited(entries: &[AuditEntry], action: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.action == action) {
        *counts.entry(entry.target.clone()).or_default() += 1;
    }
    counts
}

/// One entry for each of these systems under this action, none twice, none for others.
pub(crate) fn once_each(entries: &[AuditEntry], action: &str, ids: &[SystemId]) {
    let expected: BTreeMap<String, usize> = ids.iter().map(|id| (format!("system:{id}"), 1)).collect();
    assert_eq!(audited(entries, action), expected);
}
