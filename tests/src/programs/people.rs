//! Users of every role, in every organization, and what they are answered.

use super::admin::Admin;
use super::server::Server;
use crate::http::Endpoint;
use anyhow::{Context, Result, ensure};
use scm_protocol::access::Route;
use scm_protocol::api_tokens::{CreateApiToken, CreatedApiToken};
use scm_protocol::auth::{LoginReply, LoginRequest, Role};
use scm_protocol::ids::{Organization, UserId};
use scm_protocol::organizations::CreatedOrganization;
use scm_protocol::users::{CreateUser, CreatedUser, UserPage};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Everybody's password.
pub const PASSWORD: &str = "a correct horse battery staple";

/// A user who is logged in.
pub struct Person {
    /// Their id.
    pub id: UserId,
    /// Their name.
    pub username: String,
    /// Their session's token.
    pub token: String,
    /// Calls with that session.
    pub api: Admin,
}

impl Admin {
    /// Sends a body and reads the reply.
    ///
    /// # Errors
    /// When it is refused, with the reason.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, path: &str, body: &Value) -> Result<T> {
        let response = self.send(method, path, Some(body)).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{method} {path}: {status}: {text}");
        // A reply without body stands for `null`.
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text).with_context(|| format!("{method} {path}: {text}"))
    }

    /// The stable code of a refusal, with its status.
    ///
    /// # Errors
    /// When it is no refusal.
    pub async fn refused(&self, method: &str, path: &str, body: &Value) -> Result<(u16, String)> {
        let response = self.send(method, path, Some(body)).await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        ensure!(status >= 400, "{method} {path} was done: {status}: {text}");
        let problem: Value = serde_json::from_str(&text)?;
        let code = problem["code"].as_str().context("a refusal without code")?;
        Ok((status, code.to_owned()))
    }

    /// A new API token of the caller's own.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn api_token(&self, name: &str, role: Role) -> Result<CreatedApiToken> {
        let create = CreateApiToken {
            name: name.to_owned(),
            role,
            days: 1,
        };
        self.call("POST", "/api/v1/api-tokens", &json!(create)).await
    }
}

impl Server {
    /// Creates a user in the first organization and logs them in.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn person(&self, username: &str, role: Role) -> Result<Person> {
        self.person_by(&self.admin()?, username, role).await
    }

    /// Creates a user where `owner` is one, and logs them in.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn person_by(&self, owner: &Admin, username: &str, role: Role) -> Result<Person> {
        let create = CreateUser {
            username: username.to_owned(),
            role,
            password: Some(PASSWORD.to_owned()),
            ssh_key: None,
        };
        let created: CreatedUser = owner.call("POST", "/api/v1/users", &json!(create)).await?;
        self.log_in(created.id, username).await
    }

    /// Logs a user in with their password.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn log_in(&self, id: UserId, username: &str) -> Result<Person> {
        let login = LoginRequest {
            username: username.to_owned(),
            password: PASSWORD.to_owned(),
        };
        let reply: LoginReply = self
            .client(None)?
            .call("POST", "/api/v1/sessions", &json!(login))
            .await?;
        Ok(Person {
            id,
            username: username.to_owned(),
            api: self.client(Some(&reply.token))?,
            token: reply.token,
        })
    }

    /// Makes an organization, and its first owner with the setup code.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn organization(&self, name: &str) -> Result<(Organization, Person)> {
        let create = json!({ "name": name });
        let created: CreatedOrganization = self
            .admin()?
            .call("POST", "/api/v1/organizations", &create)
            .await?;
        let username = format!("owner-of-{name}");
        let setup = json!({ "setup_code": created.setup_code, "username": username, "password": PASSWORD });
        let reply: LoginReply = self.client(None)?.call("POST", "/api/v1/setup", &setup).await?;
        ensure!(
            reply.session.organization == created.name,
            "the first owner is in another organization"
        );
        let api = self.client(Some(&reply.token))?;
        let users: UserPage = api.get("/api/v1/users").await?;
        let id = users.items.first().context("no user")?.id;
        let person = Person {
            id,
            username,
            token: reply.token,
            api,
        };
        Ok((created.name, person))
    }
}

/// The status of a call without body, to an `{id}` that does not exist; an open stream counts by its head.
///
/// # Errors
/// When nothing comes.
pub async fn probe(endpoint: &Endpoint, route: &Route, authorization: Option<&str>) -> Result<u16> {
    let headers: Vec<_> = authorization
        .iter()
        .map(|value| ("authorization", *value))
        .collect();
    let path = route.path.replace("{id}", "4711").replace("{name}", "none");
    let mut connection = endpoint.connect().await?;
    connection
        .send(&endpoint.request(route.method, &path, &headers, b""))
        .await?;
    connection.status().await
}

/// Whether a status lets its caller through to the handler.
pub fn passes(status: u16) -> bool {
    status != 401 && status != 403
}
