//! Calls about enrollment tokens. The log names ids, never a secret.

use super::http::Http;
use crate::message::Failure;
use crate::model::{ShownSecret, TokenChange};
use reqwest::Method;
use scm_protocol::enrollment::{CreateToken, CreatedToken, TokenPage};
use scm_protocol::ids::TokenId;

const PATH: &str = "/api/v1/enrollment/tokens";
/// Tokens of one page.
const PAGE: usize = 500;

pub(super) async fn list(http: &Http, cursor: Option<&str>) -> Result<TokenPage, Failure> {
    let cursor = cursor
        .map(|cursor| format!("&cursor={}", super::answers::escape(cursor)))
        .unwrap_or_default();
    http.get(&format!("{PATH}?limit={PAGE}{cursor}")).await
}

pub(super) async fn create(http: &Http, key: &str, body: &CreateToken) -> Result<Box<ShownSecret>, Failure> {
    let created: Result<CreatedToken, Failure> = http.create(PATH, key, body).await;
    match &created {
        Ok(created) => tracing::info!(enrollment_token.id = created.token.id.0, "created"),
        Err(error) => tracing::warn!("could not create an enrollment token: {error}"),
    }
    created.map(|created| Box::new(ShownSecret::of_token(created)))
}

pub(super) async fn change(http: &Http, id: TokenId, change: TokenChange) -> Result<(), Failure> {
    let (method, suffix) = match change {
        TokenChange::Delete => (Method::DELETE, String::new()),
        other => (Method::POST, format!("/{}", other.verb())),
    };
    let result = http
        .change::<()>(method, &format!("{PATH}/{id}{suffix}"), None)
        .await;
    match &result {
        Ok(_) => tracing::info!(enrollment_token.id = id.0, "{}", change.past()),
        Err(error) => tracing::warn!(enrollment_token.id = id.0, "could not {}: {error}", change.verb()),
    }
    result.map(drop)
}
