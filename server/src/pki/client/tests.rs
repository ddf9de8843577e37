use ed25519_dalek::SigningKey;

use super::*;
use crate::pki::{Names, Pki, Revoked, Why};

/// 2026-07-01.
const NOW: UnixMillis = UnixMillis(1_782_864_000_000);
const DAY_MS: i64 = 24 * 3_600_000;

fn pki(folder: &tempfile::TempDir) -> Pki {
    Pki::open_or_create(&folder.path().join("pki"), &Names::default(), NOW).unwrap()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn key(seed: u8) -> PublicKey {
    SigningKey::from_bytes(&[seed; 32]).verifying_key().into()
}

fn issue(pki: &Pki, seed: u8) -> IssuedClient {
    let request = ClientRequest {
        organization: &"site-7".parse().unwrap(),
        system: SystemId(42),
        key: &key(seed),
        now: NOW.plus(250),
        lifetime: Duration::from_hours(24 * 90),
    };
    pki.issue_client(&request).unwrap()
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

#[test]
fn what_was_issued_is_examined_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let pki = pki(&folder);
    let issued = issue(&pki, 1);
    assert_eq!(issued.not_after, NOW.plus(90 * DAY_MS));
    assert_eq!(issued.not_before, NOW.plus(-3_600_000));
    let Presented::Certificate(found) = pki
        .client_authority(provider())
        .unwrap()
        .examine(&der(&issued.pem))
    else {
        panic!("our own certificate was not accepted");
    };
    assert_eq!(
        *found,
        ClientCertificate {
            serial: issued.serial.clone(),
            organization: "site-7".parse().unwrap(),
            system: SystemId(42),
            key: key(1),
            not_before: issued.not_before,
            not_after: issued.not_after,
        }
    );
    assert_eq!(issued.serial.len(), 32);
    assert_ne!(
        issue(&pki, 1).serial,
        issued.serial,
        "a serial number was used twice"
    );
}

#[test]
fn a_client_certificate_serves_nobody_as_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let pki = pki(&folder);
    let certificate = der(&issue(&pki, 1).pem);
    let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !usage.any);
    assert!(!parsed.is_ca());
}

#[test]
fn what_is_not_by_our_authority_or_not_a_clients_is_unacceptable() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (ours, other) = (pki(&folder), pki(&elsewhere));
    let authority = ours.client_authority(provider()).unwrap();
    let server = std::fs::read_to_string(ours.certificate_path()).unwrap();
    let mut flipped = der(&issue(&ours, 1).pem).to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let unacceptable = [
        der(&issue(&other, 1).pem),
        der(&server),
        der(ours.ca_pem()),
        CertificateDer::from(flipped),
        CertificateDer::from(b"garbage".to_vec()),
        CertificateDer::from(vec![0x30; 100_000]),
    ];
    for certificate in unacceptable {
        assert!(matches!(
            authority.examine(&certificate),
            Presented::Unacceptable(_)
        ));
    }
}

#[test]
fn a_list_names_what_was_revoked_and_its_number_rises() {
    use x509_parser::prelude::FromDer;
    use x509_parser::revocation_list::CertificateRevocationList;
    let folder = tempfile::tempdir().unwrap();
    let pki = pki(&folder);
    let empty = pki.revocation_list(&[], NOW).unwrap();
    let serial = issue(&pki, 1).serial;
    let revoked = Revoked {
        serial: serial.clone(),
        at: NOW,
        why: Why::Withdrawn,
    };
    let list = pki.revocation_list(&[revoked], NOW.plus(1)).unwrap();
    let (_, read) = CertificateRevocationList::from_der(&list.der).unwrap();
    let found: Vec<String> = read
        .iter_revoked_certificates()
        .map(|one| authority::hex(one.raw_serial()))
        .collect();
    assert_eq!(found, [serial]);
    assert_eq!(
        read.next_update().unwrap().timestamp() - read.last_update().timestamp(),
        7 * 86_400
    );
    let number = |der: &[u8]| {
        let (_, list) = CertificateRevocationList::from_der(der).unwrap();
        list.crl_number().unwrap().clone()
    };
    assert!(number(&list.der) > number(&empty.der));
    pki.write_revocation_list(&list).unwrap();
    let file = std::fs::read_to_string(folder.path().join("pki/crl.pem")).unwrap();
    assert_eq!(file, list.pem);
}
