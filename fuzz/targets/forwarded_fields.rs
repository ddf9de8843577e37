//! What a proxy's header fields hold, line by line: an address, and a client certificate with the system that it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_protocol::certificates::system_urn;

// The server's own sources: with the whole server as a dependency, each run would build all of it with instrumentation.
#[path = "../../server/src/listen/field.rs"]
mod field;
#[path = "../../server/src/pki/named.rs"]
mod named;

fuzz_target!(|text: &str| {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    if let Some(address) = field::address(first) {
        assert_eq!(address, address.to_canonical());
        assert_eq!(field::address(&address.to_string()), Some(address));
    }
    for text in [text, rest] {
        let Some(der) = field::certificate(text) else {
            continue;
        };
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&der) else {
            continue;
        };
        let _ = (
            certificate.validity().not_after.timestamp(),
            certificate.raw_serial(),
        );
        let _ = certificate.public_key().subject_public_key.data.as_ref();
        if let Some((organization, system)) = named::named(&certificate) {
            assert!(!system_urn(&organization, system).is_empty());
        }
    }
});
