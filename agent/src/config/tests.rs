//! What may stand in a configuration file, and the words for what may not.

use super::*;

const GOOD: &str = "[server]\nurl = \"https://scm.example.com:8443/\"\n";

fn read(text: &str) -> Result<Config, String> {
    let document = Document::new(text, "/etc/openscm/scmclient.config");
    document
        .parse()
        .and_then(|settings| check(&document, settings))
        .map_err(|error| error.to_string())
}

fn with(server_line: &str) -> Result<Config, String> {
    read(&format!("{GOOD}{server_line}\n"))
}

#[test]
fn a_url_is_all_that_is_needed() {
    let config = read(GOOD).unwrap();
    let server = &config.servers[0];
    assert_eq!(server.url, "https://scm.example.com:8443");
    assert_eq!(server.organization, Organization::default());
    assert_eq!(server.trust, Trust::System);
    assert!(server.enrollment_token.is_none() && server.server_key_pin.is_none());
    assert!(config.telemetry.enabled && config.telemetry.containers);
    assert_eq!(config.state_folder, platform::default_state_folder());
    assert_eq!(config.log_level, tracing::level_filters::LevelFilter::INFO);
}

#[test]
fn who_signs_releases_is_the_files_word_and_else_the_builds() {
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const OTHER: &str = "RWTX9L3HVuh0CNPmrtPXjUBI1z1d+Yy3hO05N3nsjzhSAkAwh7TSW+Wm";
    let section = |lines: &str| read(&format!("{GOOD}\n[upgrade]\n{lines}\n"));
    let upgrade = section(&format!("release_key = \"{KEY}\"")).unwrap().upgrade;
    assert!(upgrade.enabled);
    assert_eq!(upgrade.keys, [ReleaseKey::parse(KEY).unwrap()]);
    assert!(!section("enabled = false").unwrap().upgrade.enabled);
    let error = section("release_key = \"RWQf\"").unwrap_err();
    assert!(
        error.starts_with("/etc/openscm/scmclient.config:5:1: `upgrade.release_key` must be a minisign"),
        "{error}"
    );
    assert_eq!(section("trial_secs = 30").unwrap().upgrade.trial_secs, Some(30));
    assert!(
        section("trial_secs = 9")
            .unwrap_err()
            .contains("must be 10 to 3600")
    );
    assert!(
        section("release_keys = \"x\"")
            .unwrap_err()
            .contains("release_key")
    );

    let keys = |configured, built_in| release_keys(configured, built_in).map(|keys| keys.len());
    assert_eq!(keys(None, None), Ok(0));
    assert_eq!(
        release_keys(None, Some(KEY)).unwrap(),
        [ReleaseKey::parse(KEY).unwrap()]
    );
    assert_ne!(
        release_keys(Some(OTHER), Some(KEY)),
        release_keys(None, Some(KEY))
    );
    assert!(keys(None, Some("x")).unwrap_err().contains("built in"));
}

#[test]
fn only_https_hosts_are_servers() {
    for good in [
        "https://10.0.0.1",
        "https://[fd00::1]:8443",
        "https://scm",
        "https://scm.example.com/",
    ] {
        read(&format!("[server]\nurl = \"{good}\"\n")).unwrap();
    }
    for bad in [
        "http://scm.example.com",
        "scm.example.com",
        "https://",
        "https://user:secret@scm.example.com",
        "https://scm.example.com/path",
        "https://scm.example.com?x=1",
        "https://scm.example.com/#x",
        "https://scm example.com",
        "https://scm_.example..com",
        "ftp://scm.example.com",
        "",
    ] {
        let error = read(&format!("[server]\nurl = \"{bad}\"\n")).unwrap_err();
        assert!(
            error.starts_with("/etc/openscm/scmclient.config:2:1: `server.url` "),
            "{error}"
        );
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_server_is_trusted_by_one_thing() {
    let pin = "ab".repeat(32);
    let config = with(&format!("ca_pin = \"sha256:{pin}\"")).unwrap();
    assert_eq!(config.servers[0].trust, Trust::CaPin([0xab; 32]));
    let config = with("ca_file = \"/etc/openscm/ca.pem\"").unwrap();
    assert_eq!(
        config.servers[0].trust,
        Trust::CaFile("/etc/openscm/ca.pem".into())
    );
    assert!(
        with("ca_file = \"ca.pem\"")
            .unwrap_err()
            .contains("`server.ca_file` must be an absolute path")
    );
    assert!(
        with("ca_pin = \"12\"")
            .unwrap_err()
            .contains("`server.ca_pin` is not a CA pin")
    );
    assert!(
        with(&format!("ca_file = \"/x\"\nca_pin = \"{pin}\""))
            .unwrap_err()
            .contains("choose one")
    );
}

#[test]
fn values_that_will_not_do_are_named() {
    let cases = [
        ("organization = \"Not Ok\"", ":3:1: `server.organization` "),
        ("server_key_pin = \"zz\"", ":3:1: `server.server_key_pin` "),
        ("[log]\nlevel = \"loud\"", ":4:1: `log.level` is `loud`"),
        (
            "[agent]\nstate_folder = \"client\"",
            ":4:1: `agent.state_folder` ",
        ),
        ("[agent]\nproxy = \"https://proxy\"", ":4:1: `agent.proxy` "),
        ("[agent]\nproxy = \"socks5://proxy\"", ":4:1: `agent.proxy` "),
    ];
    for (line, expected) in cases {
        let error = with(line).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn unknown_keys_are_refused_with_a_suggestion() {
    for (line, meant) in [
        ("organisation = \"x\"", "organization"),
        ("[telemetry]\ncontainer = false", "containers"),
        ("insecure = true", "unknown"),
    ] {
        let error = with(line).unwrap_err();
        assert!(error.contains(meant), "{error}");
    }
}

#[test]
fn a_token_is_never_shown() {
    let secret = "oscm_0123456789abcdef";
    let config = with(&format!("enrollment_token = \"{secret}\"")).unwrap();
    assert_eq!(
        config.servers[0].enrollment_token.as_ref().unwrap().reveal(),
        secret
    );
    assert!(!format!("{config:?}").contains("0123456789"));
    let error = with("enrollment_token = \"hunter2hunter2\"").unwrap_err();
    assert!(error.contains("`server.enrollment_token`") && !error.contains("hunter2"));
}

#[test]
fn a_token_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scmclient.config");
    std::fs::write(&path, format!("{GOOD}enrollment_token = \"oscm_x\"\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(load(&path).unwrap().warnings.len(), 1);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(load(&path).unwrap().warnings.is_empty());
}

#[test]
fn the_documented_example_is_a_configuration() {
    let example = include_str!("../../../packaging/scmclient.config");
    read(example).unwrap();
    // Every key that is commented out in it is known, too.
    let all: String = example
        .lines()
        .map(|line| match line.strip_prefix("#") {
            Some(key) if key.contains(" = ") && !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let error = read(&all).unwrap_err();
    assert!(error.contains("choose one"), "{error}");
    read(&all.replace("ca_file", "#ca_file")).unwrap();
}

#[test]
fn several_servers_are_checked_each_by_itself() {
    let two = "[[server]]\nurl = \"https://one.example\"\n[[server]]\nurl = \"https://two.example\"\n";
    let config = read(&format!("{two}organization = \"site-2\"\n")).unwrap();
    assert_eq!(config.servers.len(), 2);
    assert_eq!(config.servers[1].organization.as_str(), "site-2");
    assert_ne!(config.servers[0].tag, config.servers[1].tag);
    let error = read(&format!("{two}ca_file = \"relative.pem\"\n")).unwrap_err();
    assert!(
        error.starts_with("/etc/openscm/scmclient.config:5:1: `server.1.ca_file` must be an absolute path"),
        "{error}"
    );
    let error = read(&format!("{two}[[server]]\nurl = \"https://one.example/\"\n")).unwrap_err();
    assert!(
        error.contains(":6:1: `server.2.url` names a server that is configured above already"),
        "{error}"
    );
    let error = read(&format!("{two}organisation = \"x\"\n")).unwrap_err();
    assert!(error.contains("did you mean `organization`"), "{error}");
    assert!(read("server = []\n").unwrap_err().contains("at least one"));
    assert!(read("server = 3\n").unwrap_err().contains("[[server]]"));
}

const ACTION: &str = "[[action]]\nname = \"restart\"\nprogram = \"/usr/bin/systemctl\"\n";

#[test]
fn actions_are_checked_member_by_member() {
    let with = |lines: &str| read(&format!("{GOOD}{ACTION}{lines}"));
    let parameter = "arguments = [\"restart\", \"{unit}\"]\n[[action.parameter]]\nname = \"unit\"\n";
    let config = with(&format!("{parameter}pattern = \"nginx|caddy\"\n")).unwrap();
    let action = &config.actions[0];
    assert_eq!(
        (action.offered.name.as_str(), action.offered.timeout_secs),
        ("restart", 60)
    );
    assert_eq!(
        action.offered.parameters[0].pattern.as_deref(),
        Some("nginx|caddy")
    );
    for (lines, key, reason) in [
        (
            "arguments = [\"{unit}\"]\n",
            "action.0.arguments.0",
            "no parameter",
        ),
        ("arguments = [\"{\"]\n", "action.0.arguments.0", "single bracket"),
        ("timeout_secs = 0\n", "action.0.timeout_secs", "must be 1"),
        ("user = \"\"\n", "action.0.user", "must name a user"),
        (
            "[[action.parameter]]\nname = \"unit\"\n",
            "action.0.parameter.0.name",
            "stands in no argument",
        ),
        (ACTION, "action.1.name", "is the name of an action above"),
    ] {
        let error = with(lines).unwrap_err();
        assert!(
            error.contains(&format!("`{key}`")) && error.contains(reason),
            "{lines}: {error}"
        );
    }
    for (lines, reason) in [
        ("pattern = \"(\"\n", "regular expression"),
        ("max_length = 0\n", "must be 1"),
    ] {
        let error = with(&format!("{parameter}{lines}")).unwrap_err();
        assert!(
            error.contains("action.0.parameter.0.") && error.contains(reason),
            "{error}"
        );
    }
    let error = with("shell = \"x\"\n").unwrap_err();
    assert!(error.contains("shell"), "{error}");
    let error = read(&format!("{GOOD}{}", ACTION.replace("restart", "-x"))).unwrap_err();
    assert!(error.contains("`action.0.name`"), "{error}");
}
