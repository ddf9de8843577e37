//! Handshakes in memory between a server with certificates made here and a client with each kind of trust.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{CertificateError, ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};

use crate::{Trust, client_config, fingerprint, format_pin, parse_pin};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn authority(name: &str) -> Authority {
    CertifiedIssuer::self_signed(authority_params(name), KeyPair::generate().unwrap()).unwrap()
}

fn leaf_params() -> CertificateParams {
    let mut params = CertificateParams::new(["server.example".to_owned(), "10.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

/// What a server presents: chain and key.
struct Presented {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn issued(params: &CertificateParams, issuer: &Authority) -> Presented {
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, issuer).unwrap();
    Presented {
        chain: vec![leaf.der().clone(), issuer.der().clone()],
        key,
    }
}

/// Shakes hands in memory; the client's verdict.
fn shake(
    presented: Presented,
    trust: &Trust,
    name: &'static str,
    version: &'static SupportedProtocolVersion,
) -> Result<(), rustls::Error> {
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            presented.chain,
            PrivatePkcs8KeyDer::from(presented.key.serialize_der()).into(),
        )
        .unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    let client = client_config(trust, provider()).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name).unwrap()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    Ok(())
}

fn shake13(presented: Presented, trust: &Trust, name: &'static str) -> Result<(), rustls::Error> {
    shake(presented, trust, name, &rustls::version::TLS13)
}

fn pin_of(authority: &Authority) -> Trust {
    Trust::CaPin(fingerprint(authority.der()))
}

fn reason(result: Result<(), rustls::Error>) -> CertificateError {
    match result.unwrap_err() {
        rustls::Error::InvalidCertificate(reason) => reason,
        other => panic!("{other}"),
    }
}

#[test]
fn the_pinned_authority_is_trusted_in_both_versions() {
    let ca = authority("ca");
    for name in ["server.example", "10.0.0.1"] {
        shake(
            issued(&leaf_params(), &ca),
            &pin_of(&ca),
            name,
            &rustls::version::TLS13,
        )
        .unwrap();
        shake(
            issued(&leaf_params(), &ca),
            &pin_of(&ca),
            name,
            &rustls::version::TLS12,
        )
        .unwrap();
    }
}

#[test]
fn another_pin_is_refused_and_named() {
    let refused = shake13(
        issued(&leaf_params(), &authority("ca")),
        &Trust::CaPin([7; 32]),
        "server.example",
    );
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("sha256:0707"), "{message}");
}

#[test]
fn a_pinned_authority_sent_along_with_a_foreign_leaf_is_refused() {
    let (ours, theirs) = (authority("ca"), authority("ca"));
    let mut presented = issued(&leaf_params(), &theirs);
    presented.chain.push(ours.der().clone());
    let reason = reason(shake13(presented, &pin_of(&ours), "server.example"));
    assert!(
        matches!(
            reason,
            CertificateError::UnknownIssuer | CertificateError::BadSignature
        ),
        "{reason:?}"
    );
}

#[test]
fn another_name_is_refused() {
    let ca = authority("ca");
    for name in ["other.example", "10.0.0.2"] {
        let reason = reason(shake13(issued(&leaf_params(), &ca), &pin_of(&ca), name));
        assert!(
            matches!(reason, CertificateError::NotValidForNameContext { .. }),
            "{reason:?}"
        );
    }
}

#[test]
fn expired_and_not_yet_valid_are_refused() {
    let ca = authority("ca");
    let mut expired = leaf_params();
    expired.not_after = date_time_ymd(2020, 1, 1);
    let expired = reason(shake13(issued(&expired, &ca), &pin_of(&ca), "server.example"));
    assert!(
        matches!(expired, CertificateError::ExpiredContext { .. }),
        "{expired:?}"
    );
    let mut early = leaf_params();
    early.not_before = date_time_ymd(4000, 1, 1);
    let early = reason(shake13(issued(&early, &ca), &pin_of(&ca), "server.example"));
    assert!(
        matches!(early, CertificateError::NotValidYetContext { .. }),
        "{early:?}"
    );
}

#[test]
fn a_client_certificate_cannot_stand_for_a_server() {
    let ca = authority("ca");
    let mut params = leaf_params();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let refused = reason(shake13(issued(&params, &ca), &pin_of(&ca), "server.example"));
    assert!(
        matches!(refused, CertificateError::InvalidPurposeContext { .. }),
        "{refused:?}"
    );
}

#[test]
fn a_pin_of_the_root_or_of_the_intermediate_trusts_the_chain() {
    let root = authority("root");
    let intermediate =
        CertifiedIssuer::signed_by(authority_params("middle"), KeyPair::generate().unwrap(), &root).unwrap();
    for pin in [pin_of(&root), pin_of(&intermediate)] {
        let mut presented = issued(&leaf_params(), &intermediate);
        presented.chain.push(root.der().clone());
        shake13(presented, &pin, "server.example").unwrap();
    }
}

#[test]
fn a_pin_of_the_leaf_itself_is_refused() {
    let presented = issued(&leaf_params(), &authority("ca"));
    let pin = Trust::CaPin(fingerprint(&presented.chain[0]));
    reason(shake13(presented, &pin, "server.example"));
}

#[test]
fn a_ca_file_trusts_its_authorities_only() {
    let (ours, theirs) = (authority("ca"), authority("ca"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, format!("{}{}", authority("other").pem(), ours.pem())).unwrap();
    let trust = Trust::CaFile(file);
    shake13(issued(&leaf_params(), &ours), &trust, "server.example").unwrap();
    reason(shake13(issued(&leaf_params(), &theirs), &trust, "server.example"));
}

#[test]
fn a_private_authority_is_not_trusted_by_the_system() {
    let Ok(_) = client_config(&Trust::System, provider()) else {
        return;
    };
    let refused = reason(shake13(
        issued(&leaf_params(), &authority("ca")),
        &Trust::System,
        "server.example",
    ));
    assert_eq!(refused, CertificateError::UnknownIssuer);
}

#[test]
fn an_unusable_ca_file_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let refusal = |file: &PathBuf| {
        client_config(&Trust::CaFile(file.clone()), provider())
            .unwrap_err()
            .to_string()
    };
    assert!(refusal(&file).contains("No such file"), "{}", refusal(&file));
    fs::write(&file, "nothing here").unwrap();
    assert!(
        refusal(&file).contains("holds no PEM certificate"),
        "{}",
        refusal(&file)
    );
    fs::write(
        &file,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    assert!(refusal(&file).contains("ca.pem: "), "{}", refusal(&file));
}

#[test]
fn pins_are_read_in_every_form_and_written_in_one() {
    let pin: [u8; 32] = std::array::from_fn(|index| u8::try_from(index * 8).unwrap());
    let written = format_pin(&pin);
    assert_eq!(parse_pin(&written), Ok(pin));
    let digits = written.strip_prefix("sha256:").unwrap();
    let colons = digits
        .as_bytes()
        .chunks(2)
        .map(|pair| str::from_utf8(pair).unwrap())
        .collect::<Vec<_>>()
        .join(":");
    for text in [
        digits.to_owned(),
        colons.to_uppercase(),
        format!(" SHA256:{colons}\n"),
    ] {
        assert_eq!(parse_pin(&text), Ok(pin), "{text}");
    }
    let short = &digits[2..];
    for text in [
        "",
        "sha256:",
        short,
        &format!("{digits}0"),
        &digits.replace("00", "0g"),
        &format!("é{short}é"),
    ] {
        assert!(parse_pin(text).is_err(), "{text}");
    }
    assert!(parse_pin(&colons.replacen(':', "", 1)).is_err());
}
