use std::time::Duration;

use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};

use super::*;
use crate::pki::{ClientRequest, Names, Pki};

/// 2026-07-01.
const NOW: UnixMillis = UnixMillis(1_782_864_000_000);

struct Place {
    pki: Pki,
    _folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Place {
            pki: Pki::open_or_create(&folder.path().join("pki"), &Names::default(), NOW).unwrap(),
            _folder: folder,
        }
    }

    fn forwarding(&self, trusted: &[&str]) -> Forwarding {
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Forwarding::new(
            trusted.iter().map(|network| network.parse().unwrap()).collect(),
            HeaderName::from_static("x-client-cert"),
            HeaderName::from_static("x-client-verify"),
            self.pki.client_authority(provider).unwrap(),
        )
    }

    /// A client certificate as nginx sends it.
    fn escaped(&self) -> String {
        let key: PublicKey = SigningKey::from_bytes(&[1; 32]).verifying_key().into();
        let request = ClientRequest {
            organization: &"default".parse().unwrap(),
            system: SystemId(42),
            key: &key,
            now: NOW,
            lifetime: Duration::from_hours(1),
        };
        let pem = self.pki.issue_client(&request).unwrap().pem;
        pem.replace('+', "%2B").replace('\n', "%0A").replace(' ', "%20")
    }
}

fn proxy() -> Peer {
    Peer::new("127.0.0.1:4711".parse().unwrap())
}

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

#[test]
fn the_last_untrusted_hop_is_the_client() {
    let place = Place::new();
    let forwarding = place.forwarding(&["127.0.0.0/8", "10.0.0.0/8"]);
    let client = |lines: &[&str]| {
        let fields: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        forwarding
            .client(&proxy(), &headers(&fields))
            .address
            .ip()
            .to_string()
    };
    assert_eq!(client(&[]), "127.0.0.1");
    assert_eq!(client(&["203.0.113.7"]), "203.0.113.7");
    assert_eq!(client(&["198.51.100.1, 203.0.113.7, 10.0.0.2"]), "203.0.113.7");
    assert_eq!(
        client(&["198.51.100.1", "203.0.113.7", "10.0.0.2"]),
        "203.0.113.7"
    );
    assert_eq!(client(&["10.0.0.3, 10.0.0.2"]), "10.0.0.3");
    assert_eq!(client(&["203.0.113.7:4711"]), "203.0.113.7");
    assert_eq!(client(&["[2001:db8::1]:4711"]), "2001:db8::1");
    assert_eq!(client(&["::ffff:203.0.113.7"]), "203.0.113.7");
    // Beyond what cannot be read, nothing is believed.
    assert_eq!(client(&["203.0.113.7, garbage, 10.0.0.2"]), "10.0.0.2");
    assert_eq!(client(&["garbage"]), "127.0.0.1");
}

#[test]
fn a_certificate_that_the_proxy_verified_is_examined_again() {
    let place = Place::new();
    let forwarding = place.forwarding(&[]);
    let shown = |fields: &[(&'static str, &str)]| forwarding.client(&proxy(), &headers(fields)).certificate;
    let escaped = place.escaped();
    let good = [
        ("x-client-verify", "SUCCESS"),
        ("x-client-cert", escaped.as_str()),
    ];
    for _ in 0..2 {
        let Presented::Certificate(found) = shown(&good) else {
            panic!("a good certificate was not accepted");
        };
        assert_eq!(found.system, SystemId(42));
    }
    assert_eq!(shown(&[]), Presented::Nothing);
    assert_eq!(shown(&[("x-client-verify", "NONE")]), Presented::Nothing);
    assert_eq!(
        shown(&[("x-client-verify", "SUCCESS"), ("x-client-cert", "")]),
        Presented::Nothing
    );
    let base64: String = escaped
        .replace("%0A", "\n")
        .replace("%2B", "+")
        .lines()
        .filter(|line| !line.contains('-'))
        .collect();
    let der = shown(&[("x-client-verify", "SUCCESS"), ("x-client-cert", &base64)]);
    assert!(matches!(der, Presented::Certificate(_)), "{der:?}");
    let foreign = Place::new().escaped();
    let (escaped, foreign) = (escaped.as_str(), foreign.as_str());
    let refused: [&[(&'static str, &str)]; 6] = [
        &[("x-client-verify", "FAILED:expired"), ("x-client-cert", escaped)],
        &[("x-client-cert", escaped)],
        &[("x-client-verify", "FAILED:x")],
        &[("x-client-verify", "SUCCESS"), ("x-client-cert", "%zz")],
        &[("x-client-verify", "SUCCESS"), ("x-client-cert", foreign)],
        &[
            ("x-client-verify", "SUCCESS"),
            ("x-client-verify", "SUCCESS"),
            ("x-client-cert", escaped),
        ],
    ];
    for fields in refused {
        assert!(
            matches!(shown(fields), Presented::Unacceptable(_)),
            "{fields:?} was accepted"
        );
    }
}

#[test]
fn trust_goes_by_networks() {
    let place = Place::new();
    let forwarding = place.forwarding(&["127.0.0.1", "2001:db8::/32"]);
    let trusts = |address: &str| forwarding.trusts(address.parse().unwrap());
    assert!(trusts("127.0.0.1") && trusts("::ffff:127.0.0.1") && trusts("2001:db8::7"));
    assert!(!trusts("127.0.0.9") && !trusts("::1"));
}
