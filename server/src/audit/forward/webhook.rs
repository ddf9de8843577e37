//! Webhook: batches as JSON, posted over HTTPS with a signature of the organization's key (RFC 9421). Any answer of 200 to
//! 299 confirms; a redirect does not.

use super::{Batch, Failure, connect};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use scm_protocol::ids::UnixMillis;
use scm_protocol::signature::sign_webhook;
use serde_json::json;
use std::sync::Arc;

/// Sends a batch; returns when the receiver has answered that it has it.
pub(super) async fn deliver(
    address: &str,
    tls: &Arc<ClientConfig>,
    batch: &Batch,
    now: UnixMillis,
) -> Result<(), Failure> {
    let uri: Uri = address
        .parse()
        .map_err(|error| Failure::new("its address", error))?;
    let authority = uri
        .authority()
        .ok_or_else(|| Failure("its address names no host".to_owned()))?;
    let request = request(&uri, address, batch, now)?;
    let stream = connect::connect(authority, 443, tls).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::new("HTTP", error))?;
    let connection = tokio::spawn(connection);
    let answered = sender.send_request(request).await;
    let status = answered
        .map_err(|error| Failure::new("posting", error))
        .map(|answer| answer.status());
    connection.abort();
    match status? {
        status if status.is_success() => Ok(()),
        status => Err(Failure(format!("it answered {status}"))),
    }
}

fn request(
    uri: &Uri,
    address: &str,
    batch: &Batch,
    now: UnixMillis,
) -> Result<Request<Full<Bytes>>, Failure> {
    let organization = &batch.organization;
    let body = json!({
        "organization": organization.name,
        "organization_id": organization.id,
        "entries": batch.entries,
        "anchors": batch.anchors,
    })
    .to_string();
    let fields = sign_webhook(&organization.key, "POST", address, body.as_bytes(), now.as_secs());
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    Request::builder()
        .method(Method::POST)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, authority)
        .header(USER_AGENT, concat!("scmserver/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_TYPE, "application/json")
        .header(CONTENT_LENGTH, body.len())
        .header("content-digest", fields.content_digest)
        .header("signature-input", fields.signature_input)
        .header("signature", fields.signature)
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| Failure::new("the request", error))
}
