//! The name in a client certificate.
//!
//! Depends on nothing else of the server, so that a fuzz target can be built from it alone.

use scm_protocol::certificates::parse_system_urn;
use scm_protocol::ids::{Organization, SystemId};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::X509Certificate;

/// The one system that a certificate names.
pub(super) fn named(certificate: &X509Certificate<'_>) -> Option<(Organization, SystemId)> {
    let extension = certificate.subject_alternative_name().ok()??;
    match extension.value.general_names.as_slice() {
        [GeneralName::URI(urn)] => parse_system_urn(urn),
        _ => None,
    }
}
