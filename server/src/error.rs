//! What can go wrong, without any transport in it. `problem.rs` maps it to HTTP.
//!
//! The outside message says what is wrong and what to do; what happened inside (a database's words) is only logged.

use std::net::IpAddr;

/// Why a request was not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// Not JSON, or not a usable request at all.
    #[error("{0}")]
    Malformed(String),
    /// A member or parameter has a value that cannot be.
    #[error("`{field}` {reason}")]
    Invalid {
        /// The member or parameter.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The state is not the one that the request was made for.
    #[error("{detail}")]
    Conflict {
        /// Stable code.
        code: &'static str,
        /// What it is instead.
        detail: String,
    },
    /// A filter matches more or fewer systems than the caller was shown.
    #[error(
        "the filter matches {matching} systems by now, and {expected} were confirmed; nothing was done: look at them again"
    )]
    CountChanged {
        /// How many the caller knows of.
        expected: i64,
        /// How many there are.
        matching: i64,
    },
    /// No valid credential.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Half of a login that is over.
    #[error("this half of a login is over; log in again")]
    LoginOver,
    /// A valid credential that may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// A caller from outside the networks that the organization allows.
    #[error("your address {0} is outside the networks that this organization allows (access.admin_networks)")]
    AddressNotAllowed(IpAddr),
    /// Too many attempts.
    #[error("too many attempts, try again in {retry_after_secs} s")]
    Throttled {
        /// Seconds to wait.
        retry_after_secs: u32,
    },
    /// More work than can be queued.
    #[error("the server is busy, try again in a moment")]
    Busy,
    /// The database cannot be reached or written.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A fault of the server.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// A fault of the server.
    pub fn internal(what: impl Into<String>) -> Self {
        Error::Internal(what.into())
    }

    /// The server is stopping.
    pub fn shutting_down() -> Self {
        Error::Unavailable("the server is shutting down".to_owned())
    }

    /// A value that cannot be.
    pub fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Invalid {
            field: field.into(),
            reason: reason.into(),
        }
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        if may_pass(&error) {
            Error::Unavailable(error.to_string())
        } else {
            Error::Internal(error.to_string())
        }
    }
}

/// A full disk, a lock that is not given, a connection that went: the same request may work later.
fn may_pass(error: &diesel::result::Error) -> bool {
    use diesel::result::{DatabaseErrorKind, Error as Diesel};
    match error {
        Diesel::DatabaseError(kind, _) => matches!(
            kind,
            DatabaseErrorKind::Unknown
                | DatabaseErrorKind::ClosedConnection
                | DatabaseErrorKind::UnableToSendCommand
                | DatabaseErrorKind::ReadOnlyTransaction
                | DatabaseErrorKind::SerializationFailure
        ),
        Diesel::BrokenTransactionManager => true,
        // The connection went at the end of a transaction: rolling back failed, too.
        Diesel::RollbackErrorOnCommit { commit_error, .. } => may_pass(commit_error),
        _ => false,
    }
}

impl From<scm_protocol::problem::InvalidJson> for Error {
    fn from(error: scm_protocol::problem::InvalidJson) -> Self {
        use scm_protocol::problem::InvalidJson;
        match error {
            InvalidJson::Syntax { .. } => Error::Malformed(error.to_string()),
            InvalidJson::Shape { field, reason } => Error::Invalid { field, reason },
        }
    }
}
