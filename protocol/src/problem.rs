//! Errors of the console API: RFC 9457 problem documents with a stable `code`, and JSON bodies whose faults are named.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// An error of `/api/v1`, as `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`; the code is what counts.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status's own phrase.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable name of the error, for programs: see `docs/api.md`.
    pub code: String,
    /// What is wrong and what to do, for a person.
    pub detail: String,
    /// The member or parameter at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Of `count_changed`: how many systems match by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<i64>,
    /// Seconds to wait before another attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u32>,
}

/// Why a body is not the JSON that a route takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJson {
    /// Not JSON at all: 400.
    #[error("malformed JSON at line {line}, column {column}: {reason}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The parser's words, without the place.
        reason: String,
    },
    /// JSON, but of the wrong shape: 422.
    #[error("`{field}`: {reason}")]
    Shape {
        /// Path of the member at fault, for example `telemetry.cpu_percent`; `.` for the whole body.
        field: String,
        /// What was expected.
        reason: String,
    },
}

/// Parses a body.
///
/// # Errors
/// [`InvalidJson`], which names the place or the member at fault.
pub fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, InvalidJson> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let parsed = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        invalid(field, error.inner())
    })?;
    deserializer
        .end()
        .map_err(|error| invalid(".".to_owned(), &error))?;
    Ok(parsed)
}

fn invalid(field: String, error: &serde_json::Error) -> InvalidJson {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
    if error.is_data() {
        InvalidJson::Shape { field, reason }
    } else {
        InvalidJson::Syntax {
            line: error.line(),
            column: error.column(),
            reason,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::CheckIn;

    #[test]
    fn the_place_of_a_syntax_error_is_named() {
        let error = from_json::<CheckIn>(b"{\n  \"boot_id\": }").unwrap_err();
        assert_eq!(
            error.to_string(),
            "malformed JSON at line 2, column 14: expected value"
        );
    }

    #[test]
    fn the_member_of_a_wrong_type_is_named() {
        let body = br#"{"agent_version":"1","boot_id":"x","telemetry":{"cpu_percent":"hot"}}"#;
        let error = from_json::<CheckIn>(body).unwrap_err();
        assert!(
            matches!(&error, InvalidJson::Shape { field, .. } if field == "telemetry.cpu_percent"),
            "{error}"
        );
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let body = br#"{"agent_version":"1","boot_id":"x"} x"#;
        assert!(matches!(
            from_json::<CheckIn>(body),
            Err(InvalidJson::Syntax { .. })
        ));
    }
}
