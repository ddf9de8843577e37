//! Why an answer is not what was asked for.

use scm_protocol::problem::Problem;

/// Why an answer is not what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No answer: network, TLS, time.
    #[error("{0}")]
    Unreachable(String),
    /// The session is no longer good.
    #[error("{0}")]
    Unauthorized(String),
    /// The server says no.
    #[error("{}", problem_text(.0))]
    Refused(Box<Problem>),
    /// An answer that cannot be understood.
    #[error("unexpected answer from the server: {0}")]
    Broken(String),
}

impl Failure {
    /// The HTTP status of a refusal.
    pub fn status(&self) -> Option<u16> {
        match self {
            Failure::Refused(problem) => Some(problem.status),
            Failure::Unauthorized(_) => Some(401),
            Failure::Unreachable(_) | Failure::Broken(_) => None,
        }
    }
}

fn problem_text(problem: &Problem) -> String {
    let mut text = crate::model::clean(&problem.detail);
    if let Some(field) = &problem.field
        && !text.contains(field.as_str())
    {
        text = format!("{}: {text}", crate::model::clean(field));
    }
    match problem.retry_after_secs {
        Some(secs) => format!("{text} (again in {secs} s)"),
        None => text,
    }
}
