//! Why a configuration file was refused.

use std::path::PathBuf;

/// A configuration file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file", file.display())]
    Missing {
        /// The file asked for.
        file: PathBuf,
    },
    /// The operating system refused to read it.
    #[error("{}: cannot be read: {reason}", file.display())]
    Unreadable {
        /// The file asked for.
        file: PathBuf,
        /// The operating system's answer.
        reason: std::io::Error,
    },
    /// Larger than any configuration has reason to be.
    #[error("{}: larger than {limit_bytes} bytes, which no configuration file needs", file.display())]
    TooLarge {
        /// The file asked for.
        file: PathBuf,
        /// The most that is read.
        limit_bytes: u64,
    },
    /// Not text.
    #[error("{}:{line}: not UTF-8 text", file.display())]
    NotUtf8 {
        /// The file asked for.
        file: PathBuf,
        /// Line of the first byte that is not UTF-8, from 1.
        line: usize,
    },
    /// Malformed, an unknown key, a missing one, or a value that does not fit.
    #[error("{}:{line}:{column}: {message}", file.display())]
    Invalid {
        /// The file asked for.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// Dotted path of the key at fault; empty where the text is not TOML at all.
        key: String,
        /// What is wrong, and what was expected or meant.
        message: String,
    },
    /// A setting that does not stand in a file, but where an operating system keeps such things.
    #[error("{place}: {message}")]
    Value {
        /// Where.
        place: String,
        /// What is wrong, and what was expected or meant.
        message: String,
    },
}
