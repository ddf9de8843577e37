//! Groups, rules, tags and notes at the server.

use super::answers::escape;
use super::http::Http;
use super::views;
use crate::message::{Failure, GroupCall, GroupReply};
use reqwest::Method;
use scm_protocol::groups::MemberPage;
use scm_protocol::ids::{GroupId, SystemId};
use scm_protocol::systems::SystemCount;
use serde::Serialize;
use serde::de::DeserializeOwned;

const GROUPS: &str = "/api/v1/groups";

pub(super) async fn answer(http: &Http, call: GroupCall) -> GroupReply {
    match call {
        GroupCall::List => GroupReply::List(http.get(GROUPS).await),
        GroupCall::Create { ticket, key, body } => GroupReply::Written {
            ticket,
            created: true,
            result: http.create(GROUPS, &key, &body).await.map(Box::new),
        },
        GroupCall::Change { ticket, id, body } => GroupReply::Written {
            ticket,
            created: false,
            result: put(http, &format!("{GROUPS}/{id}"), &body).await.map(Box::new),
        },
        GroupCall::Delete { id, name } => GroupReply::Deleted {
            name,
            result: http
                .change(Method::DELETE, &format!("{GROUPS}/{id}"), None::<&()>)
                .await
                .map(drop),
        },
        GroupCall::Members(id) => GroupReply::Members {
            id,
            result: members(http, id).await,
        },
        GroupCall::ChangeMembers { id, body } => GroupReply::MembersChanged {
            id,
            result: http.post(&format!("{GROUPS}/{id}/members"), &body).await,
        },
        rule => rules(http, rule).await,
    }
}

async fn rules(http: &Http, call: GroupCall) -> GroupReply {
    match call {
        GroupCall::Switch { id, name, enabled } => {
            let what = if enabled { "enable" } else { "disable" };
            GroupReply::Switched {
                name,
                enabled,
                result: http.post(&format!("{GROUPS}/{id}/rule/{what}"), &()).await,
            }
        }
        GroupCall::Preview { round, body } => GroupReply::Preview {
            round,
            result: http.post("/api/v1/rules/preview", &body).await.map(Box::new),
        },
        GroupCall::Explain(body) => {
            GroupReply::Explained(http.post("/api/v1/rules/explain", &body).await.map(Box::new))
        }
        GroupCall::Save { id, body } => GroupReply::Saved {
            id,
            result: put(http, &format!("{GROUPS}/{id}/rule"), &body).await,
        },
        GroupCall::Matching(text) => GroupReply::Matching {
            result: views::ids(http, "filter", &text).await,
            text,
        },
        GroupCall::Count { ticket, filter } => GroupReply::Counted {
            ticket,
            result: counts(http, &filter).await,
        },
        GroupCall::OfSystem(id) => GroupReply::OfSystem {
            id,
            result: http
                .get(&format!("/api/v1/systems/{id}/groups"))
                .await
                .map(Box::new),
        },
        GroupCall::Tags { id, body } => GroupReply::Tags {
            id,
            result: http.post(&format!("/api/v1/systems/{id}/tags"), &body).await,
        },
        GroupCall::Note { id, body } => GroupReply::Note {
            id,
            result: http
                .change(Method::PUT, &format!("/api/v1/systems/{id}/note"), Some(&body))
                .await
                .map(drop),
        },
        other => Box::pin(answer(http, other)).await,
    }
}

/// How many systems a filter finds, and how many of them are not heard of.
async fn counts(http: &Http, filter: &str) -> Result<(SystemCount, SystemCount), Failure> {
    let silent = "(presence = offline or presence = never_seen)";
    let narrowed = match filter {
        "" => silent.to_owned(),
        filter => format!("({filter}) and {silent}"),
    };
    let count = async |filter: &str| {
        http.get(&format!("/api/v1/systems/count?filter={}", escape(filter)))
            .await
    };
    Ok((count(filter).await?, count(&narrowed).await?))
}

async fn put<B: Serialize, T: DeserializeOwned>(http: &Http, path: &str, body: &B) -> Result<T, Failure> {
    let answer = http.change(Method::PUT, path, Some(body)).await?;
    scm_protocol::problem::from_json(&answer).map_err(|error| Failure::Broken(error.to_string()))
}

async fn members(http: &Http, id: GroupId) -> Result<Vec<SystemId>, Failure> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let page: MemberPage = http
            .get(&format!("{GROUPS}/{id}/members?limit=1000{cursor}"))
            .await?;
        all.extend(page.items.iter().map(|system| system.id));
        match page.next_cursor {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
}
