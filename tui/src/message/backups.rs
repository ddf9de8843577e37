//! Questions about backups, and their answers.

use super::Failure;
use scm_protocol::backups::{Backup, BackupList};

/// A question.
#[derive(Debug)]
pub enum BackupCall {
    /// `GET /api/v1/backups`.
    List,
    /// `POST /api/v1/backups`.
    Make,
    /// `POST /api/v1/backups/{name}/check`.
    Check(String),
    /// Writes a backup into a new file of its name, here.
    Download(String),
}

/// An answer.
#[derive(Debug)]
#[expect(missing_docs, reason = "each answers the call of its name")]
pub enum BackupReply {
    List(Result<BackupList, Failure>),
    Made(Result<Backup, Failure>),
    Checked {
        name: String,
        result: Result<Backup, Failure>,
    },
    /// What was written, or why nothing was.
    Downloaded {
        name: String,
        result: Result<String, String>,
    },
}
