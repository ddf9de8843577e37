//! Certificate authorities from the operating system or from a file.

use std::path::Path;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use crate::error::Error;

/// The authorities that the operating system trusts. Single unusable ones are left out, as every TLS client does; none
/// at all is an error.
pub(crate) fn system() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (used, unusable) = roots.add_parsable_certificates(found.certs);
    if used == 0 {
        let reason = match found.errors.first() {
            Some(error) => error.to_string(),
            None => {
                "none found; install the ca-certificates package, or set a CA file or a CA pin".to_owned()
            }
        };
        return Err(Error::System { reason });
    }
    tracing::debug!(used, unusable, "read the system's certificate authorities");
    Ok(roots)
}

/// The authorities in a PEM file; every certificate in it must be usable.
pub(crate) fn file(path: &Path) -> Result<RootCertStore, Error> {
    let refused = |reason: String| Error::CaFile {
        file: path.to_owned(),
        reason,
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| refused(in_words(&error)))?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        let certificate = certificate.map_err(|error| refused(in_words(&error)))?;
        roots
            .add(certificate)
            .map_err(|error| refused(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(refused("holds no PEM certificate".to_owned()));
    }
    Ok(roots)
}

fn in_words(error: &rustls_pki_types::pem::Error) -> String {
    match error {
        rustls_pki_types::pem::Error::Io(error) => error.to_string(),
        other => format!("not PEM: {other}"),
    }
}
