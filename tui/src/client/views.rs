//! How lists of systems are looked at: what the server says of fields and orders.

use super::http::Http;
use crate::message::{Failure, ViewCall, ViewReply};
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemPage;

pub(super) async fn answer(http: &Http, call: ViewCall) -> ViewReply {
    match call {
        ViewCall::Fields => ViewReply::Fields(http.get("/api/v1/rules/fields").await),
        ViewCall::Ordered(sort) => ViewReply::Ordered {
            result: ids(http, "sort", &sort).await,
            sort,
        },
    }
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
