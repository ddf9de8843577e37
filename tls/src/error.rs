//! Why no TLS configuration could be made.

use std::path::PathBuf;

/// A trust setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system has no certificate authorities that can be read.
    #[error("the system's certificate authorities cannot be used: {reason}")]
    System {
        /// What went wrong, in words.
        reason: String,
    },
    /// The file of certificate authorities cannot be read.
    #[error("the CA file {}: {reason}", file.display())]
    CaFile {
        /// The file.
        file: PathBuf,
        /// What went wrong, in words.
        reason: String,
    },
    /// The cryptography cannot do TLS 1.3 and 1.2.
    #[error("the TLS provider cannot be used: {0}")]
    Provider(rustls::Error),
    /// The certificate authorities cannot be used to verify.
    #[error("the certificate authorities cannot be used: {0}")]
    Verifier(rustls::client::VerifierBuilderError),
}
