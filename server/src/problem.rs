//! The one place where our [`Error`] becomes an HTTP status and a problem document (RFC 9457).

use crate::error::Error;
use scm_protocol::problem::{PROBLEM_JSON, Problem};
use scm_protocol::second_factors::LOGIN_OVER;
use warp::http::{HeaderValue, StatusCode, header};
use warp::reply::{Reply, Response};

/// Status and stable code of an error.
fn classify(error: &Error) -> (StatusCode, &'static str) {
    match error {
        Error::NotFound(_) => (StatusCode::NOT_FOUND, "not_found"),
        Error::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed_request"),
        Error::Invalid { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_value"),
        Error::Conflict { code, .. } => (StatusCode::CONFLICT, code),
        Error::CountChanged { .. } => (StatusCode::CONFLICT, "count_changed"),
        Error::Unauthenticated(_) => (StatusCode::UNAUTHORIZED, "unauthenticated"),
        Error::LoginOver => (StatusCode::UNAUTHORIZED, LOGIN_OVER),
        Error::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
        Error::AddressNotAllowed(_) => (StatusCode::FORBIDDEN, "address_not_allowed"),
        Error::Throttled { .. } => (StatusCode::TOO_MANY_REQUESTS, "throttled"),
        Error::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "database_unavailable"),
        Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

/// The problem document of an error; what happened inside is logged here and nowhere else.
pub fn document(error: &Error) -> Problem {
    let (status, code) = classify(error);
    let detail = match error {
        Error::Internal(inside) => {
            tracing::error!(error.inside = %inside, "internal error");
            "the server failed; nothing was changed; its log says more".to_owned()
        }
        Error::Unavailable(inside) => {
            tracing::error!(error.inside = %inside, "database not available");
            // A commit whose answer is lost may have held: that nothing was changed cannot be said.
            "the database is not available; try again in a moment".to_owned()
        }
        other => other.to_string(),
    };
    let retry_after_secs = match error {
        Error::Throttled { retry_after_secs } => Some(*retry_after_secs),
        Error::Busy | Error::Unavailable(_) => Some(2),
        _ => None,
    };
    let field = match error {
        Error::Invalid { field, .. } => Some(field.clone()),
        _ => None,
    };
    let matching = match error {
        Error::CountChanged { matching, .. } => Some(*matching),
        _ => None,
    };
    Problem {
        matching,
        ..plain(status, code, detail, field, retry_after_secs)
    }
}

fn plain(
    status: StatusCode,
    code: &str,
    detail: String,
    field: Option<String>,
    retry_after_secs: Option<u32>,
) -> Problem {
    Problem {
        kind: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        code: code.to_owned(),
        detail,
        field,
        matching: None,
        retry_after_secs,
    }
}

/// The reply for an error.
pub fn reply(error: &Error) -> Response {
    respond(&document(error))
}

/// The reply for a path that is not served, or not with this method.
pub fn not_served(allow: &[&'static str]) -> Response {
    if allow.is_empty() {
        let detail = "there is nothing at this path; /api/v1/openapi.json lists what there is".to_owned();
        return respond(&plain(StatusCode::NOT_FOUND, "no_such_route", detail, None, None));
    }
    let methods = allow.join(", ");
    let detail = format!("this path takes {methods}");
    let mut response = respond(&plain(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        detail,
        None,
        None,
    ));
    if let Ok(value) = HeaderValue::from_str(&methods) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

fn respond(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = warp::reply::with_status(warp::reply::json(problem), status).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    if let Some(seconds) = problem.retry_after_secs {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
