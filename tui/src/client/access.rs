//! Calls about users, sessions, API tokens, SSH keys, organizations and one's own account; logins in several steps.

use super::http::{Http, Token};
use super::{answers::escape, ssh_agent};
use crate::message::{AccessPage, Failure};
use crate::model::{AccessChange, AccessDone, AccessItem, AccessTab};
use reqwest::Method;
use scm_protocol::api_tokens::ApiTokenPage;
use scm_protocol::auth::{LoginReply, Session};
use scm_protocol::organizations::OrganizationList;
use scm_protocol::second_factors::{
    EnrollSecondFactor, SecondFactorCode, SecondFactorLogin, SecondFactorRequired,
};
use scm_protocol::sessions::SessionPage;
use scm_protocol::ssh_keys::{
    ChallengeRequest, LOGIN_NAMESPACE, LoginChallenge, SshKeyList, SshLoginRequest,
};
use scm_protocol::users::{Account, SetPassword, SetRole, UserPage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Lines of one page.
const PAGE: usize = 500;

/// A page of a tab.
pub(super) async fn list(http: &Http, tab: AccessTab, cursor: Option<&str>) -> Result<AccessPage, Failure> {
    let cursor = cursor
        .map(|cursor| format!("&cursor={}", escape(cursor)))
        .unwrap_or_default();
    let paged = |path: &str| format!("/api/v1/{path}?limit={PAGE}{cursor}");
    Ok(match tab {
        AccessTab::Users => {
            let page: UserPage = http.get(&paged("users")).await?;
            let items = page.items.into_iter().map(AccessItem::User);
            AccessPage::new(items, page.next_cursor, page.server_time_ms)
        }
        AccessTab::Sessions => {
            let page: SessionPage = http.get(&paged("sessions")).await?;
            let items = page.items.into_iter().map(AccessItem::Session);
            AccessPage::new(items, page.next_cursor, page.server_time_ms)
        }
        AccessTab::ApiTokens => {
            let page: ApiTokenPage = http.get(&paged("api-tokens")).await?;
            let items = page.items.into_iter().map(AccessItem::ApiToken);
            AccessPage::new(items, page.next_cursor, page.server_time_ms)
        }
        AccessTab::SshKeys => {
            let list: SshKeyList = http.get("/api/v1/ssh-keys").await?;
            let items = list.items.into_iter().map(AccessItem::SshKey);
            AccessPage::new(items, None, list.server_time_ms)
        }
        AccessTab::Organizations => {
            let list: OrganizationList = http.get("/api/v1/organizations").await?;
            let items = list.items.into_iter().map(AccessItem::Organization);
            AccessPage::new(items, None, list.server_time_ms)
        }
    })
}

/// Whether one has a second factor.
pub(super) async fn second_factor(http: &Http) -> Result<bool, Failure> {
    let account: Account = http.get("/api/v1/account").await?;
    Ok(account.user.second_factor)
}

/// Carries a change out. The log names routes, never what was sent.
pub(super) async fn change(http: &Http, key: &str, change: AccessChange) -> Result<AccessDone, Failure> {
    let route = change.route();
    let result = carry_out(http, key, change).await;
    match &result {
        Ok(_) => tracing::info!(route, "done"),
        Err(error) => tracing::warn!(route, "could not: {error}"),
    }
    result
}

async fn carry_out(http: &Http, key: &str, change: AccessChange) -> Result<AccessDone, Failure> {
    let user = |id, what: &str| format!("/api/v1/users/{id}{what}");
    match change {
        AccessChange::CreateUser(create) => {
            let created: Result<Value, Failure> = http.create("/api/v1/users", key, &create).await;
            created.map(|_| AccessDone::Plain)
        }
        AccessChange::CreateApiToken(create) => http
            .create("/api/v1/api-tokens", key, &create)
            .await
            .map(AccessDone::ApiToken),
        AccessChange::CreateOrganization(create) => http
            .create("/api/v1/organizations", key, &create)
            .await
            .map(AccessDone::Organization),
        AccessChange::Enroll(password) => {
            let password = password.map(|password| password.to_string());
            let body = EnrollSecondFactor { password };
            let path = "/api/v1/account/second-factor";
            http.create(path, key, &body).await.map(AccessDone::Enrolled)
        }
        AccessChange::Confirm(code) => {
            let path = "/api/v1/account/second-factor/confirm";
            let body = SecondFactorCode { code };
            http.create(path, key, &body).await.map(AccessDone::Confirmed)
        }
        AccessChange::Disable(code) => {
            let path = "/api/v1/account/second-factor/disable";
            post(http, path, &SecondFactorCode { code }).await
        }
        AccessChange::OwnPassword(body) => post(http, "/api/v1/account/password", &body).await,
        AccessChange::AddSshKey(body) => post(http, "/api/v1/ssh-keys", &body).await,
        AccessChange::SetRole(id, role) => post(http, &user(id, "/role"), &SetRole { role }).await,
        AccessChange::SetPassword(id, password) => {
            let password = password.map(|password| password.to_string());
            post(http, &user(id, "/password"), &SetPassword { password }).await
        }
        AccessChange::ResetSecondFactor(id) => {
            let path = user(id, "/second-factor/reset");
            plain(http, Method::POST, &path).await
        }
        AccessChange::EndSessions(id) => plain(http, Method::DELETE, &user(id, "/sessions")).await,
        AccessChange::DeleteUser(id) => plain(http, Method::DELETE, &user(id, "")).await,
        AccessChange::EndSession(id) => plain(http, Method::DELETE, &format!("/api/v1/sessions/{id}")).await,
        AccessChange::RevokeApiToken(id) => {
            plain(http, Method::DELETE, &format!("/api/v1/api-tokens/{id}")).await
        }
        AccessChange::RemoveSshKey(id) => {
            plain(http, Method::DELETE, &format!("/api/v1/ssh-keys/{id}")).await
        }
    }
}

async fn post<B: Serialize>(http: &Http, path: &str, body: &B) -> Result<AccessDone, Failure> {
    let done = http.change(Method::POST, path, Some(body)).await;
    done.map(|_| AccessDone::Plain)
}

async fn plain(http: &Http, method: Method, path: &str) -> Result<AccessDone, Failure> {
    let done = http.change::<()>(method, path, None).await;
    done.map(|_| AccessDone::Plain)
}

/// A login's answer: a session, or half of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum LoginAnswer {
    Session(LoginReply),
    Half(SecondFactorRequired),
}

/// Begins a session; none when a second factor is asked for, whose half stays in the client.
pub(super) async fn log_in<B: Serialize>(
    http: &Http,
    path: &str,
    body: &B,
) -> Result<Option<Session>, Failure> {
    Ok(match http.post(path, body).await? {
        LoginAnswer::Session(reply) => {
            http.set_token(Some(Token::new(reply.token)));
            Some(reply.session)
        }
        LoginAnswer::Half(half) => {
            http.set_half(Some(Token::new(half.half_session)));
            None
        }
    })
}

/// Logs in with a key of the SSH agent.
pub(super) async fn log_in_ssh(
    http: &Http,
    username: String,
    fingerprint: &str,
) -> Result<Option<Session>, Failure> {
    let request = ChallengeRequest {
        username: username.clone(),
    };
    let asked: LoginChallenge = http.post("/api/v1/sessions/challenge", &request).await?;
    // What is signed is a challenge for this user and nothing else, whatever the server says.
    let user = format!("user: {username}");
    let ours = asked.challenge.starts_with("OpenSCM login challenge\n")
        && asked.challenge.lines().any(|line| line == user)
        && asked.namespace == LOGIN_NAMESPACE;
    if !ours {
        return Err(Failure::Broken("a challenge that is none".to_owned()));
    }
    let signature = ssh_agent::sign(fingerprint, LOGIN_NAMESPACE, &asked.challenge).await;
    let login = SshLoginRequest {
        username,
        signature: signature.map_err(Failure::Broken)?,
        challenge: asked.challenge,
    };
    log_in(http, "/api/v1/sessions/ssh", &login).await
}

/// Gives the second factor.
pub(super) async fn second_half(http: &Http, code: String) -> Result<Option<Session>, Failure> {
    let half_session = http.half().unwrap_or_default();
    let login = SecondFactorLogin { half_session, code };
    log_in(http, "/api/v1/sessions/second-factor", &login).await
}
