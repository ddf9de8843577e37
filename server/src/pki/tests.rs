use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_pki_types::pem::PemObject;
use scm_protocol::ids::UnixMillis;

use super::server_certificate::ServerCertificate;
use super::{Error, Name, Names, Pki};

const DAY: Duration = Duration::from_hours(24);

/// 2026-07-01.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_782_864_000)
}

fn millis(at: SystemTime) -> UnixMillis {
    UnixMillis(
        at.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_millis()
            .try_into()
            .unwrap(),
    )
}

fn names(lasting: &[&str], found: &[&str]) -> Names {
    let parse = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    Names {
        lasting: parse(lasting),
        found: parse(found),
    }
}

fn open(folder: &Path, names: &Names, now: SystemTime) -> Result<Pki, Error> {
    Pki::open_or_create(&folder.join("pki"), names, millis(now))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Verifies the served chain as a client with only `ca.pem` would, through rustls' own verifier.
fn verify(pki: &Pki, name: &str, at: SystemTime) -> Result<(), rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let chain: Vec<_> = CertificateDer::pem_file_iter(pki.certificate_path())
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let at = UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let name = ServerName::try_from(name.to_owned()).unwrap();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        &*verifier,
        &chain[0],
        &chain[1..],
        &name,
        &[],
        at,
    )
    .map(|_| ())
}

#[test]
fn the_first_start_makes_everything_with_the_right_modes() {
    let home = tempfile::tempdir().unwrap();
    let pki = open(
        home.path(),
        &names(&["scm.example", "127.0.0.1", "::1"], &["10.0.0.5"]),
        now(),
    )
    .unwrap();
    let folder = home.path().join("pki");
    assert_eq!(mode(&folder), 0o711);
    for (file, expected) in [
        ("ca.pem", 0o644),
        ("ca.key", 0o600),
        ("server.pem", 0o644),
        ("server.key", 0o600),
    ] {
        assert_eq!(mode(&folder.join(file)), expected, "{file}");
    }
    for key in ["ca.key", "server.key"] {
        assert!(
            fs::read_to_string(folder.join(key))
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----"),
            "{key}"
        );
    }
    for name in ["scm.example", "127.0.0.1", "::1", "10.0.0.5"] {
        verify(&pki, name, now()).unwrap();
        verify(&pki, name, now() + 364 * DAY).unwrap();
    }
    assert!(verify(&pki, "other.example", now()).is_err());
    assert!(verify(&pki, "scm.example", now() + 366 * DAY).is_err());
    assert!(!folder.with_file_name("pki.new").exists());
    pki.rustls_config(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .unwrap();
}

#[test]
fn the_authority_is_one_of_end_certificates_for_ten_years() {
    let home = tempfile::tempdir().unwrap();
    let pki = open(home.path(), &names(&["a"], &[]), now()).unwrap();
    let der = CertificateDer::from_pem_slice(pki.ca_pem().as_bytes()).unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).unwrap();
    let constraints = certificate.basic_constraints().unwrap().unwrap().value;
    assert_eq!((constraints.ca, constraints.path_len_constraint), (true, Some(0)));
    let name = certificate.subject().to_string();
    assert!(
        name.starts_with("CN=OpenSCM CA ") && name.len() == "CN=OpenSCM CA 01234567".len(),
        "{name}"
    );
    let days = (certificate.validity().not_after.timestamp() - certificate.validity().not_before.timestamp())
        / 86_400;
    assert_eq!(days, 3657);
}

#[test]
fn a_second_start_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let names = names(&["scm.example"], &[]);
    let first = open(home.path(), &names, now()).unwrap();
    let before = fs::read(first.certificate_path()).unwrap();
    let second = open(home.path(), &names, now() + DAY).unwrap();
    assert_eq!(first.ca_fingerprint(), second.ca_fingerprint());
    assert_eq!(before, fs::read(second.certificate_path()).unwrap());
}

#[test]
fn an_interrupted_first_start_is_made_good() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("pki.new")).unwrap();
    fs::write(home.path().join("pki.new/ca.key"), "half").unwrap();
    open(home.path(), &names(&["a"], &[]), now()).unwrap();
}

#[test]
fn the_certificate_is_renewed_in_the_last_third_of_its_life() {
    let home = tempfile::tempdir().unwrap();
    let names = names(&["scm.example"], &[]);
    let pki = open(home.path(), &names, now()).unwrap();
    let key = fs::read(pki.key_path()).unwrap();
    assert!(!pki.renew_if_due(&names, millis(now() + 240 * DAY)).unwrap());
    let late = now() + 243 * DAY;
    assert!(pki.renew_if_due(&names, millis(late)).unwrap());
    assert!(!pki.renew_if_due(&names, millis(late)).unwrap());
    verify(&pki, "scm.example", late + 300 * DAY).unwrap();
    assert_eq!(key, fs::read(pki.key_path()).unwrap());
    assert_eq!(mode(&pki.certificate_path()), 0o644);
    // Long after its end, as after a long outage, too.
    assert!(open(home.path(), &names, late + 1000 * DAY).is_ok());
    verify(&pki, "scm.example", late + 1001 * DAY).unwrap();
}

#[test]
fn names_are_added_and_never_dropped() {
    let home = tempfile::tempdir().unwrap();
    open(home.path(), &names(&["old.example"], &["10.0.0.5"]), now()).unwrap();
    let pki = open(home.path(), &names(&["new.example"], &["10.0.0.6"]), now()).unwrap();
    for name in ["old.example", "new.example", "10.0.0.5", "10.0.0.6"] {
        verify(&pki, name, now()).unwrap();
    }
}

#[test]
fn only_addresses_that_are_gone_are_dropped_when_there_are_too_many() {
    let home = tempfile::tempdir().unwrap();
    let many: Vec<String> = (0..150).map(|n| format!("10.0.1.{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    open(home.path(), &names(&["old.example"], &many), now()).unwrap();
    let pki = open(home.path(), &names(&["new.example"], &["10.0.0.6"]), now()).unwrap();
    for name in ["old.example", "new.example", "10.0.0.6"] {
        verify(&pki, name, now()).unwrap();
    }
    assert!(verify(&pki, "10.0.1.7", now()).is_err());
}

#[test]
fn an_incomplete_or_damaged_authority_is_never_replaced() {
    let other = tempfile::tempdir().unwrap();
    open(other.path(), &names(&["a"], &[]), now()).unwrap();
    let foreign_key = fs::read(other.path().join("pki/ca.key")).unwrap();
    let server_certificate = fs::read(other.path().join("pki/server.pem")).unwrap();
    let cases: [(&str, Option<&[u8]>, &str); 7] = [
        ("ca.pem", None, "is missing"),
        ("ca.key", None, "is missing"),
        ("ca.pem", Some(b"rubbish"), "holds no certificate"),
        ("ca.key", Some(b"rubbish"), "holds no usable key"),
        ("ca.key", Some(b""), "holds no usable key"),
        (
            "ca.key",
            Some(&foreign_key),
            "is not the key of the authority's certificate",
        ),
        (
            "ca.pem",
            Some(&server_certificate),
            "is not the certificate of an authority",
        ),
    ];
    for (file, content, expected) in cases {
        let home = tempfile::tempdir().unwrap();
        open(home.path(), &names(&["a"], &[]), now()).unwrap();
        let path = home.path().join("pki").join(file);
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let message = open(home.path(), &names(&["a"], &[]), now())
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(expected) && message.contains(file) && message.contains("backup"),
            "{message}"
        );
        assert_eq!(path.exists(), content.is_some(), "{file} was touched");
    }
}

#[test]
fn the_servers_half_is_made_again_only_where_nothing_is_lost() {
    let home = tempfile::tempdir().unwrap();
    let names = names(&["scm.example"], &[]);
    let pki = open(home.path(), &names, now()).unwrap();
    let pin = pki.ca_fingerprint();
    fs::remove_file(pki.certificate_path()).unwrap();
    open(home.path(), &names, now()).unwrap();
    fs::remove_file(pki.key_path()).unwrap();
    let message = open(home.path(), &names, now()).unwrap_err().to_string();
    assert!(
        message.contains("server.key is missing") && message.contains("made anew"),
        "{message}"
    );
    fs::remove_file(pki.certificate_path()).unwrap();
    let again = open(home.path(), &names, now()).unwrap();
    assert_eq!(again.ca_fingerprint(), pin);
    verify(&again, "scm.example", now()).unwrap();
    fs::write(pki.certificate_path(), "rubbish").unwrap();
    assert!(open(home.path(), &names, now()).is_err());
}

#[test]
fn keys_that_others_could_read_are_closed_again() {
    let home = tempfile::tempdir().unwrap();
    let pki = open(home.path(), &names(&["a"], &[]), now()).unwrap();
    for key in [pki.key_path(), home.path().join("pki/ca.key")] {
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        open(home.path(), &names(&["a"], &[]), now()).unwrap();
        assert_eq!(mode(&key), 0o600);
    }
}

#[test]
fn a_machine_without_a_clock_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let refused = open(home.path(), &names(&["a"], &[]), SystemTime::UNIX_EPOCH + DAY);
    assert!(matches!(refused, Err(Error::Clock)));
    assert!(!home.path().join("pki").exists());
}

#[test]
fn every_certificate_has_its_own_serial_number() {
    let home = tempfile::tempdir().unwrap();
    let pki = open(home.path(), &names(&["a"], &[]), now()).unwrap();
    let key = super::authority::read_key(&pki.key_path()).unwrap();
    let serial = || {
        let issued =
            ServerCertificate::issue(pki.authority(), &key, &names(&["a"], &[]).all(), now()).unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem().as_bytes()).unwrap();
        x509_parser::parse_x509_certificate(&der)
            .unwrap()
            .1
            .raw_serial_as_string()
    };
    assert_ne!(serial(), serial());
}

#[test]
fn names_are_host_names_or_addresses() {
    let dns = |name: &str| Ok(Name::Dns(name.to_owned()));
    assert_eq!("SCM.Example.".parse(), dns("scm.example"));
    assert_eq!("*.example".parse(), dns("*.example"));
    assert_eq!("a_b-1".parse(), dns("a_b-1"));
    assert_eq!("::1".parse(), Ok(Name::Address("::1".parse().unwrap())));
    for bad in [
        "",
        ".",
        "a..b",
        "-a",
        "a-",
        "a b",
        "ä",
        "a/b",
        "https://a",
        "1.2.3",
        "256.1.1.1",
        "a:1",
        &"x".repeat(64),
    ] {
        assert!(bad.parse::<Name>().is_err(), "{bad}");
    }
}

#[test]
fn the_machine_has_names() {
    let names = Names::of_machine(&["scm.example".to_owned()]).unwrap();
    for expected in ["localhost", "127.0.0.1", "::1", "scm.example"] {
        assert!(names.lasting.contains(&expected.parse().unwrap()), "{expected}");
    }
    assert!(Names::of_machine(&["a b".to_owned()]).is_err());
}
