//! Why there is no certificate to serve with, and what a person can do about it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// A fault of the certificate files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("{}: cannot {action}: {reason}", file.display())]
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The operating system's answer.
        reason: std::io::Error,
    },
    /// One half of the authority is not there.
    #[error(
        "{} is missing while other files of the private certificate authority are there: restore it from a backup; only \
         if no agent is to be kept, remove the whole folder, and a new authority is made",
        missing.display()
    )]
    AuthorityIncomplete {
        /// The file that is not there.
        missing: PathBuf,
    },
    /// A file of the authority cannot be used.
    #[error(
        "{}: {reason}: restore it from a backup; only if no agent is to be kept, remove the whole folder, and a new \
         authority is made",
        file.display()
    )]
    AuthorityDamaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The server's certificate is there without its key.
    #[error(
        "{} is missing while {} is there: restore it from a backup, or remove the latter too, and both are made anew by \
         the same authority",
        missing.display(), present.display()
    )]
    ServerKeyMissing {
        /// The key, which is not there.
        missing: PathBuf,
        /// The certificate, which is.
        present: PathBuf,
    },
    /// The files to serve with are not a certificate chain and its key.
    #[error("{}: {reason}", file.display())]
    Unusable {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Issue(String),
    /// No randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(getrandom::Error),
    /// The clock is wrong beyond doubt.
    #[error(
        "the machine's clock says a time before 2026: set it first, because certificates made now would not be valid"
    )]
    Clock,
}

impl From<rcgen::Error> for Error {
    fn from(error: rcgen::Error) -> Self {
        Self::Issue(error.to_string())
    }
}

/// 2026-01-01: this program is younger, so an earlier time is a machine without a clock.
const EARLIEST: Duration = Duration::from_secs(1_767_225_600);

/// Refuses a time at which nothing should be issued.
pub(super) fn plausible(now: SystemTime) -> Result<(), Error> {
    if now < SystemTime::UNIX_EPOCH + EARLIEST {
        Err(Error::Clock)
    } else {
        Ok(())
    }
}
