//! A client of the console's API.

use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, Client, Method, Response};
use rustls::crypto::ring;
use scm_protocol::audit::AuditPage;
use scm_protocol::enrollment::CreateToken;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::{StatusChange, SystemDetail, SystemPage, SystemStatus, SystemSummary};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::eventually;

/// Someone who calls the API, logged in or not.
#[derive(Clone)]
pub struct Admin {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Admin {
    pub(super) fn new(url: &str, ca_file: &Path, token: Option<&str>) -> Result<Self> {
        // The first one wins; that there is one already is no fault.
        let _ = ring::default_provider().install_default();
        let ca = Certificate::from_pem(&fs::read(ca_file).context("the server's CA")?)?;
        let client = Client::builder()
            .tls_certs_only([ca])
            .timeout(Duration::from_secs(20))
            .build()?;
        Ok(Admin {
            client,
            url: url.to_owned(),
            token: token.map(str::to_owned),
        })
    }

    /// Sends a request and gives whatever comes.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn send(&self, method: &str, path: &str, body: Option<&impl Serialize>) -> Result<Response> {
        self.send_with(method, path, &[], body).await
    }

    /// As [`Admin::send`], with header fields of one's own.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Response> {
        let mut request = self.client.request(
            Method::from_bytes(method.as_bytes())?,
            format!("{}{path}", self.url),
        );
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(request.send().await?)
    }

    /// Sends a request without body, and gives its status.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn status(&self, method: &str, path: &str) -> Result<u16> {
        Ok(self.send(method, path, None::<&()>).await?.status().as_u16())
    }

    /// Reads something.
    ///
    /// # Errors
    /// When it is not there or something else.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self.send("GET", path, None::<&()>).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "GET {path}: {status}: {text}");
        serde_json::from_str(&text).with_context(|| format!("GET {path}: {text}"))
    }

    /// All systems, over all pages.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn systems(&self) -> Result<Vec<SystemSummary>> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: SystemPage = self.get(&format!("/api/v1/systems?limit=500{cursor}")).await?;
            all.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// One system.
    ///
    /// # Errors
    /// When there is none.
    pub async fn system(&self, id: SystemId) -> Result<SystemDetail> {
        self.get(&format!("/api/v1/systems/{id}")).await
    }

    /// Waits for the one system that `wanted` picks.
    ///
    /// # Errors
    /// When it does not come within half a minute.
    pub async fn await_system(
        &self,
        what: &str,
        wanted: impl Fn(&SystemSummary) -> bool,
    ) -> Result<SystemSummary> {
        eventually(what, 30, async || {
            Ok(self.systems().await?.into_iter().find(&wanted))
        })
        .await
    }

    /// Waits until a system has that status.
    ///
    /// # Errors
    /// When it does not within half a minute.
    pub async fn await_status(&self, status: SystemStatus) -> Result<SystemSummary> {
        self.await_system(status.as_str(), |system| system.status == status)
            .await
    }

    /// Does what an administrator does: looks at a system, then decides.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn decide(&self, id: SystemId, decision: &str) -> Result<()> {
        let response = self.try_decide(id, decision).await?;
        let status = response.status();
        let text = response.text().await?;
        ensure!(status.is_success(), "{decision} {id}: {status}: {text}");
        Ok(())
    }

    /// As [`Admin::decide`], with whatever comes.
    ///
    /// # Errors
    /// When nothing comes.
    pub async fn try_decide(&self, id: SystemId, decision: &str) -> Result<Response> {
        let seen = self.system(id).await?;
        let body = StatusChange {
            fingerprint: seen.fingerprint,
            expected_status: seen.summary.status,
        };
        let (method, path) = match decision {
            "delete" => ("DELETE", format!("/api/v1/systems/{id}")),
            other => ("POST", format!("/api/v1/systems/{id}/{other}")),
        };
        self.send(method, &path, Some(&body)).await
    }

    /// Changes a setting of the organization.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn change_setting(&self, name: &str, value: serde_json::Value) -> Result<()> {
        let body = serde_json::json!({ "value": value });
        let path = format!("/api/v1/settings/{name}");
        let response = self.send("PUT", &path, Some(&body)).await?;
        let status = response.status();
        ensure!(
            status.is_success(),
            "{name}: {status}: {}",
            response.text().await?
        );
        Ok(())
    }

    /// The newest audit entries but for heartbeats, which come when they come.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn audit(&self) -> Result<AuditPage> {
        self.get("/api/v1/audit?limit=200&action=!systems.checkin").await
    }

    /// Creates enrollment tokens with these numbers in their names: exactly one audit entry each.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn make_tokens(&self, numbers: std::ops::Range<u32>) -> Result<()> {
        for number in numbers {
            let token = CreateToken {
                name: format!("token [{number}] \"quoted\" \\ ü"),
                ..CreateToken::default()
            };
            let made = self
                .send("POST", "/api/v1/enrollment/tokens", Some(&token))
                .await?;
            ensure!(made.status() == 201, "{}", made.text().await?);
        }
        Ok(())
    }

    /// An export of the audit.
    ///
    /// # Errors
    /// When the server refuses it.
    pub async fn export_audit(&self, query: &str) -> Result<String> {
        let path = format!("/api/v1/audit/export{query}");
        let response = self.send("GET", &path, None::<&()>).await?;
        ensure!(response.status().is_success(), "{}", response.text().await?);
        Ok(response.text().await?)
    }
}
