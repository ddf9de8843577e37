//! One call, one answer.

use super::http::{Http, Token};
use super::{
    Answer, access, audit, backups, commands, groups, jobs, signing, stream, tokens, upgrades, views,
};
use crate::message::{Call, Failure, Reply};
use crate::model::{Change, ChangeBody, Range, Recipe};
use reqwest::Method;
use scm_protocol::auth::{LoginReply, Session};
use scm_protocol::bootstrap::{BootstrapReply, BootstrapRequest};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::settings::ChangeSetting;
use scm_protocol::systems::SystemDetail;
use std::sync::Arc;

/// Rows of one page of the list.
const PAGE: usize = 500;
/// Points of a history: enough for the widest chart that is drawn.
const POINTS: usize = 240;
const SETTINGS_PATH: &str = "/api/v1/settings";

pub(super) async fn answer(http: Arc<Http>, call: Call, answer: Answer) {
    let reply = match call {
        Call::Connect(_)
        | Call::ReadLog
        | Call::WriteSecret { .. }
        | Call::WriteConfig(_)
        | Call::StopExport(_)
        | Call::AgentKeys => return,
        Call::Stream => return stream::follow(&http, &answer).await,
        Call::SetupState => Reply::SetupState(http.get("/api/v1/setup").await),
        Call::Setup(body) => Reply::Session(enter(&http, http.post("/api/v1/setup", &body).await)),
        Call::Login(body) => begun(access::log_in(&http, "/api/v1/sessions", &body).await),
        Call::LoginSsh {
            username,
            fingerprint,
        } => begun(access::log_in_ssh(&http, username, &fingerprint).await),
        Call::SecondFactor(code) => begun(access::second_half(&http, code.to_string()).await),
        Call::Account => Reply::Account(access::second_factor(&http).await),
        Call::AccessList { tab, cursor } => Reply::AccessList {
            tab,
            page: access::list(&http, tab, cursor.as_deref()).await,
        },
        Call::AccessChange {
            ticket,
            key,
            change,
            done,
        } => Reply::AccessChanged {
            ticket,
            done,
            result: access::change(&http, &key, *change).await,
        },
        Call::Session => Reply::Session(http.get("/api/v1/sessions/current").await),
        Call::Logout => return logout(&http).await,
        Call::Overview => Reply::Overview(http.get("/api/v1/overview").await.map(Box::new)),
        Call::List { round, cursor } => Reply::List {
            round,
            page: http.get(&list_path(cursor.as_deref())).await,
        },
        Call::Rows(ids) => Reply::Rows {
            page: http.get(&rows_path(&ids)).await,
            ids,
        },
        Call::Detail(id) => Reply::Detail {
            id,
            detail: detail(&http, id).await,
        },
        Call::Gather { ticket, id } => Reply::Gathered {
            ticket,
            id,
            detail: detail(&http, id).await,
        },
        Call::History { id, range, to } => Reply::History {
            id,
            range,
            history: http.get(&history_path(id, range, to)).await,
        },
        Call::Audit {
            round,
            filter,
            cursor,
        } => Reply::Audit {
            round,
            older: cursor.is_some(),
            page: audit::list(&http, &filter, cursor.as_deref()).await,
        },
        Call::AuditChain => Reply::AuditChain(http.get("/api/v1/audit/chain").await.map(Box::new)),
        Call::AuditForwarding => Reply::AuditForwarding(http.get("/api/v1/audit/forwarding").await),
        Call::Export { ticket, filter, file } => {
            return audit::export(&http, (ticket, filter, file), &answer).await;
        }
        Call::Change {
            ticket,
            id,
            change,
            body,
        } => Reply::Changed {
            ticket,
            id,
            result: change_system(&http, id, change, &body).await,
        },
        Call::Tokens(cursor) => Reply::Tokens(tokens::list(&http, cursor.as_deref()).await),
        Call::CreateToken { ticket, key, body } => Reply::TokenCreated {
            ticket,
            created: tokens::create(&http, &key, &body).await,
        },
        Call::ChangeToken { id, name, change } => Reply::TokenChanged {
            result: tokens::change(&http, id, change).await,
            id,
            name,
            change,
        },
        Call::Bootstrap { ticket, body } => Reply::Bootstrap {
            ticket,
            made: bootstrap(&http, &body).await,
        },
        Call::Command(question) => Reply::Command(commands::answer(&http, question).await),
        Call::Upgrade(question) => Reply::Upgrade(upgrades::answer(&http, question).await),
        Call::Group(question) => Reply::Group(groups::answer(&http, question).await),
        Call::View(question) => Reply::View(views::answer(&http, question).await),
        Call::Backup(question) => Reply::Backup(backups::answer(&http, question).await),
        Call::Jobs => Reply::Jobs(jobs::list(&http).await),
        Call::JobTargets { id, cursor } => Reply::JobTargets {
            page: jobs::targets(&http, id, cursor.as_deref()).await,
            id,
            cursor,
        },
        Call::JobFailed(id) => Reply::JobFailed {
            id,
            page: jobs::failed(&http, id).await,
        },
        Call::CreateJob { ticket, key, body } => Reply::JobCreated {
            ticket,
            created: jobs::create(&http, &key, &body).await.map(Box::new),
        },
        Call::ChangeJob { id, change, key } => Reply::JobChanged {
            id,
            change,
            result: jobs::change(&http, id, change, &key)
                .await
                .map(|job| job.map(Box::new)),
        },
        Call::Signing(question) => Reply::Signing(signing::answer(&http, question).await),
        Call::Settings => Reply::Settings(http.get(SETTINGS_PATH).await),
        Call::ChangeSetting {
            ticket,
            name,
            value,
            before,
        } => Reply::SettingChanged {
            ticket,
            result: change_setting(&http, &name, value.as_ref()).await,
            reset: value.is_none(),
            name,
            before,
        },
    };
    answer.give(reply);
}

/// A session, half of one, or none.
fn begun(outcome: Result<Option<Session>, Failure>) -> Reply {
    match outcome {
        Ok(Some(session)) => Reply::Session(Ok(session)),
        Ok(None) => Reply::SecondFactorRequired,
        Err(failure) => Reply::Session(Err(failure)),
    }
}

fn enter(http: &Http, reply: Result<LoginReply, Failure>) -> Result<Session, Failure> {
    reply.map(|reply| {
        http.set_token(Some(Token::new(reply.token)));
        reply.session
    })
}

async fn logout(http: &Http) {
    if let Err(error) = http.end_session().await {
        tracing::info!("the session was not ended at the server: {error}");
    }
}

async fn detail(http: &Http, id: SystemId) -> Result<Box<SystemDetail>, Failure> {
    http.get(&format!("/api/v1/systems/{id}")).await.map(Box::new)
}

async fn change_system(http: &Http, id: SystemId, change: Change, body: &ChangeBody) -> Result<(), Failure> {
    let (method, suffix) = match change {
        Change::Delete => (Method::DELETE, String::new()),
        Change::RotateKey => (Method::POST, "/rotate-key".to_owned()),
        other => (Method::POST, format!("/{}", other.verb())),
    };
    let result = http
        .change(method, &format!("/api/v1/systems/{id}{suffix}"), Some(body))
        .await;
    match &result {
        Ok(_) => tracing::info!(system.id = id.0, "{}", change.past()),
        Err(error) => tracing::warn!(system.id = id.0, "could not {}: {error}", change.verb()),
    }
    result.map(|_| ())
}

async fn bootstrap(http: &Http, body: &BootstrapRequest) -> Result<Box<Recipe>, Failure> {
    let made: Result<BootstrapReply, Failure> = http.post("/api/v1/enrollment/bootstrap", body).await;
    made.map(|made| Box::new(Recipe::new(made, body.enrollment_token.is_some())))
}

async fn change_setting(http: &Http, name: &str, value: Option<&serde_json::Value>) -> Result<(), Failure> {
    let path = format!("{SETTINGS_PATH}/{}", escape(name));
    let body = value.cloned().map(|value| ChangeSetting { value });
    let method = if body.is_some() {
        Method::PUT
    } else {
        Method::DELETE
    };
    let result = http.change(method, &path, body.as_ref()).await;
    match &result {
        Ok(_) => tracing::info!(setting.name = name, "changed"),
        Err(error) => tracing::warn!(setting.name = name, "could not change a setting: {error}"),
    }
    result.map(drop)
}

fn list_path(cursor: Option<&str>) -> String {
    let cursor = cursor
        .map(|cursor| format!("&cursor={}", escape(cursor)))
        .unwrap_or_default();
    format!("/api/v1/systems?limit={PAGE}{cursor}")
}

fn rows_path(ids: &[SystemId]) -> String {
    let ids: Vec<String> = ids.iter().map(SystemId::to_string).collect();
    format!("/api/v1/systems?ids={}", ids.join(","))
}

fn history_path(id: SystemId, range: Range, to: UnixMillis) -> String {
    let from = to.plus(-range.millis());
    format!(
        "/api/v1/systems/{id}/telemetry?from_ms={}&to_ms={}&points={POINTS}",
        from.0, to.0
    )
}

/// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
pub(super) fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_pass_through_a_query_unharmed() {
        assert_eq!(
            list_path(Some("a+b/=&c")),
            "/api/v1/systems?limit=500&cursor=a%2Bb%2F%3D%26c"
        );
        assert_eq!(
            rows_path(&[SystemId(1), SystemId(22)]),
            "/api/v1/systems?ids=1,22"
        );
        assert_eq!(
            history_path(SystemId(7), Range::Hour, UnixMillis(5_000_000)),
            "/api/v1/systems/7/telemetry?from_ms=1400000&to_ms=5000000&points=240"
        );
    }
}
