//! What may stand in the registry, and the words for what may not.

use super::*;
use crate::identity::ServerTag;
use scm_protocol::bootstrap::Bootstrap;
use scm_protocol::identity::Fingerprint;
use std::path::PathBuf;

const PLACE: &str = "HKLM\\SOFTWARE\\OpenSCM\\Client";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn key(values: &[(&str, Value)]) -> Key {
    Key {
        values: values
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        ..Key::default()
    }
}

fn within(mut key: Key, name: &str, below: &[(&str, Key)]) -> Key {
    let below = below
        .iter()
        .map(|(name, key)| ((*name).to_owned(), key.clone()))
        .collect();
    let holder = Key {
        keys: below,
        ..Key::default()
    };
    key.keys.insert(name.to_owned(), holder);
    key
}

fn read(key: &Key) -> Result<Config, String> {
    load(Path::new(PLACE), Ok(key.clone())).map_err(|error| error.to_string())
}

fn with(name: &str, value: Value) -> Result<Config, String> {
    read(&key(&[
        ("ServerURL", text("https://scm.example.com:8443")),
        (name, value),
    ]))
}

/// Absolute where the tests run.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(name)
}

#[test]
fn a_url_is_all_that_is_needed() {
    let config = read(&key(&[
        ("serverurl", text("https://scm.example.com:8443/")),
        ("", text("")),
    ]))
    .unwrap();
    assert_eq!(config.servers[0].url, "https://scm.example.com:8443");
    assert_eq!(config.servers[0].organization.to_string(), "default");
    assert!(config.telemetry.enabled && config.upgrade.enabled && config.actions.is_empty());
    assert_eq!(config.state_folder, crate::platform::default_state_folder());
}

#[test]
fn everything_that_the_file_offers_can_be_said() {
    let folder = path("state").display().to_string();
    let program = path("report.exe").display().to_string();
    let release_key = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    let own = key(&[
        ("ServerURL", text("https://scm.example.com")),
        ("Organization", text("site-7")),
        ("EnrollmentToken", text("oscm_secret")),
        ("CAPin", text(&format!("sha256:{}", "07".repeat(32)))),
        ("ServerKeyPin", text(&"09".repeat(32))),
        ("StateFolder", text(&folder)),
        ("Proxy", text("http://proxy.example.com:3128")),
        ("Telemetry", Value::Number(1)),
        ("Containers", Value::Number(0)),
        ("LogLevel", text("debug")),
        ("UpgradeEnabled", Value::Number(0)),
        ("ReleaseKey", text(release_key)),
        ("TrialSecs", Value::Number(30)),
    ]);
    let action = key(&[
        ("Program", text(&program)),
        ("Description", text("a report")),
        ("Arguments", Value::List(vec!["--level={level}".to_owned()])),
        ("TimeoutSecs", Value::Number(5)),
        ("RequiresConfirmation", Value::Number(1)),
        ("Redact", Value::Number(1)),
    ]);
    let level = key(&[
        ("Pattern", text("[0-9]")),
        ("MaxLength", Value::Number(1)),
        ("Description", text("how much")),
    ]);
    let action = within(action, "Parameters", &[("level", level)]);
    let config = read(&within(own, "Actions", &[("report", action)])).unwrap();
    let server = &config.servers[0];
    assert_eq!(server.organization.to_string(), "site-7");
    assert_eq!(server.enrollment_token.as_ref().unwrap().reveal(), "oscm_secret");
    assert_eq!(server.trust, scm_tls::Trust::CaPin([7; 32]));
    assert_eq!(server.server_key_pin, Some(Fingerprint([9; 32])));
    assert_eq!(config.state_folder, path("state"));
    assert!(config.proxy.is_some() && !config.upgrade.enabled && config.upgrade.keys.len() == 1);
    assert!(config.telemetry.enabled && !config.telemetry.containers);
    assert_eq!(config.upgrade.trial_secs, Some(30));
    assert_eq!(config.log_level, tracing::level_filters::LevelFilter::DEBUG);
    let offered = &config.actions[0].offered;
    assert_eq!((offered.name.as_str(), offered.timeout_secs), ("report", 5));
    assert!(offered.requires_confirmation && offered.redacted);
    assert_eq!(offered.parameters[0].pattern.as_deref(), Some("[0-9]"));
    assert_eq!(config.actions[0].program, path("report.exe"));
}

#[test]
fn unknown_values_are_named_with_what_was_meant() {
    let said = |name| with(name, text("x")).unwrap_err();
    assert_eq!(
        said("Organisation"),
        format!("{PLACE}: unknown value `Organisation`, did you mean `Organization`?")
    );
    assert_eq!(
        said("EnrolmentToken"),
        format!("{PLACE}: unknown value `EnrolmentToken`, did you mean `EnrollmentToken`?")
    );
    assert!(said("zzz").starts_with(&format!("{PLACE}: unknown value `zzz`, expected `")));
    let own = key(&[("ServerURL", text("https://a"))]);
    assert_eq!(
        read(&within(own, "Action", &[])).unwrap_err(),
        format!("{PLACE}: unknown key `Action`, did you mean `Actions`?")
    );
}

#[test]
fn a_wrong_type_names_the_value_and_never_what_it_says() {
    let said = |name, value| with(name, value).unwrap_err();
    assert_eq!(
        said("enrollmenttoken", Value::Number(5)),
        format!("{PLACE}: `EnrollmentToken` must be a REG_SZ, not a REG_DWORD")
    );
    assert_eq!(
        said("Telemetry", text("oscm_secret")),
        format!("{PLACE}: `Telemetry` must be a REG_DWORD, 0 (no) or 1 (yes), not a REG_SZ")
    );
    assert_eq!(
        said("Telemetry", Value::Number(2)),
        format!("{PLACE}: `Telemetry` must be 0 (no) or 1 (yes)")
    );
    assert_eq!(
        said("TrialSecs", Value::Other("a REG_QWORD")),
        format!("{PLACE}: `TrialSecs` must be a REG_DWORD, not a REG_QWORD")
    );
    let shown = format!("{:?}", key(&[("EnrollmentToken", text("oscm_secret"))]));
    assert!(!shown.contains("oscm_secret"), "{shown}");
}

#[test]
fn values_that_will_not_do_are_named_by_the_registrys_names() {
    let said = |name, value| with(name, value).unwrap_err();
    let begins = |said: String, begin: &str| assert!(said.starts_with(&format!("{PLACE}{begin}")), "{said}");
    begins(
        said("StateFolder", text("state")),
        ": `StateFolder` must be an absolute path",
    );
    begins(
        said("LogLevel", text("loud")),
        ": `LogLevel` is `loud`, must be one of",
    );
    begins(
        said("TrialSecs", Value::Number(9)),
        ": `TrialSecs` is 9, must be 10 to 3600",
    );
    begins(said("CAPin", text("x")), ": `CAPin` ");
    begins(
        read(&key(&[])).unwrap_err(),
        ": missing value `ServerURL` (REG_SZ)",
    );
    begins(
        read(&key(&[("ServerURL", text("http://a"))])).unwrap_err(),
        ": `ServerURL` must be",
    );
    let own = || key(&[("ServerURL", text("https://a"))]);
    let action =
        |values: &[(&str, Value)]| read(&within(own(), "Actions", &[("report", key(values))])).unwrap_err();
    begins(action(&[]), "\\Actions\\report: missing value `Program`");
    let program = ("Program", text(&path("x").display().to_string()));
    begins(
        action(&[
            program.clone(),
            ("Arguments", Value::List(vec!["{x}".to_owned()])),
        ]),
        "\\Actions\\report: `Arguments` ",
    );
    begins(
        action(&[program.clone(), ("TimeoutSecs", Value::Number(0))]),
        "\\Actions\\report: `TimeoutSecs` ",
    );
    let bad = within(
        key(&[program]),
        "Parameters",
        &[("x", key(&[("Pattern", text("("))]))],
    );
    begins(
        read(&within(own(), "Actions", &[("report", bad)])).unwrap_err(),
        "\\Actions\\report\\Parameters\\x: `",
    );
}

#[test]
fn several_servers_stand_in_keys_of_their_own() {
    let server = |url: &str| key(&[("ServerURL", text(url))]);
    let both = [("one", server("https://a")), ("two", server("https://b"))];
    let config = read(&within(Key::default(), "Servers", &both)).unwrap();
    let urls: Vec<&str> = config.servers.iter().map(|server| server.url.as_str()).collect();
    assert_eq!(urls, ["https://a", "https://b"]);
    let same = [("one", server("https://a")), ("two", server("https://a/"))];
    let said = read(&within(Key::default(), "Servers", &same)).unwrap_err();
    assert!(
        said.starts_with(&format!("{PLACE}\\Servers\\two: `ServerURL` names a server")),
        "{said}"
    );
    let said = read(&within(server("https://c"), "Servers", &both)).unwrap_err();
    assert!(
        said.contains("`ServerURL` stands beside the key `Servers`"),
        "{said}"
    );
}

#[test]
fn no_key_says_what_to_do() {
    let missing = load(Path::new(PLACE), Err(std::io::ErrorKind::NotFound.into()));
    let said = missing.unwrap_err().to_string();
    assert!(
        said.starts_with(&format!("{PLACE}: there is no such key: set `ServerURL`")),
        "{said}"
    );
}

fn bootstrap(token: Option<&str>) -> Bootstrap {
    Bootstrap {
        url: "https://scm.example.com:8443".to_owned(),
        organization: "site-7".parse().unwrap(),
        ca_pin: Some(Fingerprint([7; 32])),
        server_key_pin: Fingerprint([9; 32]),
        enrollment_token: token.map(str::to_owned),
    }
}

#[test]
fn a_bootstrap_string_stands_for_the_servers_values() {
    let made = bootstrap(Some("oscm_secret"));
    let string = ("Bootstrap", text(&made.to_string()));
    let config = read(&key(std::slice::from_ref(&string))).unwrap();
    let by_values = read(&Key {
        values: values(&made),
        ..Key::default()
    })
    .unwrap();
    for config in [config, by_values] {
        let server = &config.servers[0];
        assert_eq!(
            (&server.url, &server.organization),
            (&made.url, &made.organization)
        );
        assert_eq!(server.enrollment_token.as_ref().unwrap().reveal(), "oscm_secret");
        assert_eq!(server.trust, scm_tls::Trust::CaPin([7; 32]));
        assert_eq!(server.server_key_pin, Some(made.server_key_pin));
    }
    let same = ("Organization", text("site-7"));
    assert!(read(&key(&[string.clone(), same])).is_ok());
    let other = ("Organization", text("site-8"));
    assert_eq!(
        read(&key(&[string, other])).unwrap_err(),
        format!("{PLACE}: `Organization` says something else than `Bootstrap`: remove one of them")
    );
    let said = read(&key(&[("Bootstrap", text("oscm-bootstrap-1.x"))])).unwrap_err();
    assert!(
        said.starts_with(&format!("{PLACE}: `Bootstrap` is no bootstrap string")),
        "{said}"
    );
}

#[test]
fn the_token_goes_once_the_machine_is_enrolled_and_nothing_else_does() {
    let tag = ServerTag::of("https://scm.example.com:8443");
    let own = key(&[
        ("ServerURL", text("https://scm.example.com:8443/")),
        ("enrollmenttoken", text("oscm_secret")),
        ("LogLevel", text("debug")),
    ]);
    let found = settled(&own, &tag);
    let expected = Settled {
        below: None,
        kept: Key::default(),
        removed: vec!["enrollmenttoken".to_owned()],
    };
    assert_eq!(found, [expected]);
    assert_eq!(found[0].path(Path::new(PLACE)), Path::new(PLACE));
    assert_eq!(settled(&own, &ServerTag::of("https://other.example.com")), []);
    let without = key(&[("ServerURL", text("https://scm.example.com:8443"))]);
    assert_eq!(settled(&without, &tag), []);
}

#[test]
fn of_a_bootstrap_string_stays_what_is_no_secret() {
    let made = bootstrap(Some("oscm_secret"));
    let tag = ServerTag::of(&made.url);
    let server = key(&[("Bootstrap", text(&made.to_string()))]);
    let other = key(&[
        ("ServerURL", text("https://b")),
        ("EnrollmentToken", text("oscm_other")),
    ]);
    let found = settled(
        &within(Key::default(), "Servers", &[("a", server), ("b", other)]),
        &tag,
    );
    let [one] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(
        one.path(Path::new(PLACE)),
        PathBuf::from(format!("{PLACE}\\Servers\\a"))
    );
    assert_eq!(one.removed, ["Bootstrap"]);
    assert_eq!(one.kept.values, values(&bootstrap(None)));
    // What stays is a configuration by itself.
    let config = read(&within(Key::default(), "Servers", &[("a", one.kept.clone())])).unwrap();
    assert_eq!(config.servers[0].url, made.url);
    assert!(config.servers[0].enrollment_token.is_none());
}
