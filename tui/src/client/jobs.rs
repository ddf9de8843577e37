//! Calls about bulk jobs.

use super::http::Http;
use crate::message::Failure;
use crate::model::JobChange;
use reqwest::Method;
use scm_protocol::ids::JobId;
use scm_protocol::jobs::{CreateJob, Job, JobPage, JobTargetPage};

const PATH: &str = "/api/v1/jobs";
/// Jobs of the list.
const PAGE: usize = 200;
/// Systems of one page of a job.
const TARGETS: usize = 500;
/// Failed systems of one page.
const FAILED: usize = 1000;

pub(super) async fn list(http: &Http) -> Result<JobPage, Failure> {
    http.get(&format!("{PATH}?limit={PAGE}")).await
}

pub(super) async fn create(http: &Http, key: &str, body: &CreateJob) -> Result<Job, Failure> {
    let created: Result<Job, Failure> = http.create(PATH, key, body).await;
    match &created {
        Ok(job) => tracing::info!(job.id = job.id.0, "created"),
        Err(error) => tracing::warn!("could not create a job: {error}"),
    }
    created
}

pub(super) async fn targets(http: &Http, id: JobId, cursor: Option<&str>) -> Result<JobTargetPage, Failure> {
    let cursor = cursor
        .map(|cursor| format!("&cursor={}", super::answers::escape(cursor)))
        .unwrap_or_default();
    http.get(&format!("{PATH}/{id}/targets?limit={TARGETS}{cursor}"))
        .await
}

/// All of them, over all pages.
pub(super) async fn failed(http: &Http, id: JobId) -> Result<JobTargetPage, Failure> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{PATH}/{id}/targets?outcome=failed&limit={FAILED}{cursor}");
        let page: JobTargetPage = http.get(&path).await?;
        items.extend(page.items);
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={}", super::answers::escape(&next)),
            None => {
                return Ok(JobTargetPage {
                    items,
                    next_cursor: None,
                });
            }
        }
    }
}

/// A retry answers with its new job.
pub(super) async fn change(
    http: &Http,
    id: JobId,
    change: JobChange,
    key: &str,
) -> Result<Option<Job>, Failure> {
    let result = match change {
        JobChange::Retry => http
            .create(&format!("{PATH}/{id}/retry"), key, &())
            .await
            .map(Some),
        JobChange::Cancel => {
            let path = format!("{PATH}/{id}/cancel");
            let answer = http.change::<()>(Method::POST, &path, None).await;
            answer.map(|_| None)
        }
    };
    match &result {
        Ok(_) => tracing::info!(job.id = id.0, "{change:?}"),
        Err(error) => tracing::warn!(job.id = id.0, "{change:?}: {error}"),
    }
    result
}
