//! How lists of systems are looked at: what the server says of fields, orders and saved filters, and the
//! files of it here.

use super::http::Http;
use super::list_export;
use super::view_memory;
use crate::message::{Failure, ViewCall, ViewReply};
use reqwest::Method;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemPage;
use std::path::Path;

const FILTERS: &str = "/api/v1/filters";

pub(super) async fn answer(http: &Http, call: ViewCall) -> ViewReply {
    match call {
        ViewCall::Fields => ViewReply::Fields(http.get("/api/v1/rules/fields").await),
        ViewCall::Ordered(sort) => ViewReply::Ordered {
            result: ids(http, "sort", &sort).await,
            sort,
        },
        ViewCall::Saved => ViewReply::Saved(http.get(FILTERS).await),
        ViewCall::Save { ticket, body } => ViewReply::SavedOne {
            ticket,
            result: http.post(FILTERS, &body).await,
        },
        ViewCall::Delete { id, name } => ViewReply::Deleted {
            name,
            result: http
                .change(Method::DELETE, &format!("{FILTERS}/{id}"), None::<&()>)
                .await
                .map(drop),
        },
        ViewCall::Export(export) => {
            let written = tokio::task::spawn_blocking(move || list_export::write(&export)).await;
            ViewReply::Exported(written.unwrap_or_else(|error| Err(error.to_string())))
        }
        ViewCall::Recall(who) => ViewReply::Recalled(with_file(|path| view_memory::recall(path, &who))),
        ViewCall::Remember { who, memory } => {
            ViewReply::Remembered(with_file(|path| view_memory::remember(path, &who, memory)))
        }
    }
}

fn with_file<T>(work: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let path = view_memory::default_path().ok_or("there is no home folder")?;
    work(&path)
}

/// The ids of every system that a list with this parameter has, over all pages.
pub(super) async fn ids(http: &Http, parameter: &str, value: &str) -> Result<Vec<SystemId>, Failure> {
    let value: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v1/systems?limit=1000&{parameter}={value}{cursor}");
        let page: SystemPage = http.get(&path).await?;
        all.extend(page.items.iter().map(|system| system.id));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}
