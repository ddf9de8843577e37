//! Replies that the listener gives by itself: problem documents (RFC 9457), as those of the service.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use scm_protocol::problem::{PROBLEM_JSON, Problem};

/// Seconds after which a client turned away for lack of room may try again.
const RETRY_AFTER_SECS: u32 = 5;

/// The request line cannot be served.
pub(super) fn bad_target(reason: &str) -> Response<Full<Bytes>> {
    problem(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        reason.to_owned(),
        None,
    )
}

/// The body is larger than allowed.
pub(super) fn too_large(limit_bytes: usize) -> Response<Full<Bytes>> {
    let detail = format!("the body is larger than {limit_bytes} bytes");
    closing(problem(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        detail,
        None,
    ))
}

/// The body did not arrive in time.
pub(super) fn too_slow() -> Response<Full<Bytes>> {
    let detail = "the body did not arrive in time".to_owned();
    closing(problem(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail, None))
}

/// The body broke off or is not framed as HTTP says.
pub(super) fn broken_body() -> Response<Full<Bytes>> {
    let detail = "the body broke off or is malformed".to_owned();
    closing(problem(
        StatusCode::BAD_REQUEST,
        "malformed_request",
        detail,
        None,
    ))
}

/// There is no memory left for this body.
pub(super) fn busy() -> Response<Full<Bytes>> {
    let detail = "the server is busy, try again in a moment".to_owned();
    closing(problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        detail,
        Some(RETRY_AFTER_SECS),
    ))
}

/// There are too many connections.
pub(super) fn too_many_connections() -> Response<Full<Bytes>> {
    let detail = "the server has too many connections, try again in a moment".to_owned();
    closing(problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "busy",
        detail,
        Some(RETRY_AFTER_SECS),
    ))
}

/// The service panicked.
pub(super) fn internal() -> Response<Full<Bytes>> {
    let detail = "the server failed; its log says more".to_owned();
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail, None)
}

/// The connection ends with this reply.
fn closing(mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn problem(
    status: StatusCode,
    code: &str,
    detail: String,
    retry_after_secs: Option<u32>,
) -> Response<Full<Bytes>> {
    let problem = Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        code: code.to_owned(),
        detail,
        field: None,
        matching: None,
        retry_after_secs,
    };
    // Text and numbers only: this cannot fail, and an empty body would still carry the status.
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let mut set = |name: HeaderName, value: HeaderValue| response.headers_mut().insert(name, value);
    set(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if let Some(seconds) = retry_after_secs {
        set(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
