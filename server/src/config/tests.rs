use std::path::Path;

use super::{Config, Level, LogFormat};

const PACKAGED: &str = include_str!("../../../packaging/scmserver.config");

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("f")).map_err(|error| error.to_string())
}

fn refused(text: &str) -> String {
    parse(text).unwrap_err()
}

/// The packaged file with its settings switched on: `#key = value` becomes `key = value`, prose (`# ...`) stays.
fn switched_on(but: &[&str]) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(setting)
            if setting.starts_with(|c: char| c.is_ascii_lowercase())
                && !but.iter().any(|key| setting.starts_with(&format!("{key} ="))) =>
        {
            setting.to_owned()
        }
        _ => line.to_owned(),
    };
    PACKAGED.lines().map(on).collect::<Vec<_>>().join("\n")
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(parse(""), Ok(Config::default()));
    assert_eq!(
        Config::default().database_url(),
        "sqlite:///var/lib/openscm/server/openscm.db"
    );
}

#[test]
fn the_packaged_file_shows_the_defaults() {
    assert_eq!(parse(PACKAGED), Ok(Config::default()));
    let shown = parse(&switched_on(&[
        "certificate",
        "key",
        "postgres_programs",
        "release_key",
        "release_keys",
        "signature",
    ]))
    .unwrap();
    assert_eq!(shown.database_url(), Config::default().database_url());
    let mut shown = shown;
    assert_eq!(shown.backup_place(), Config::default().backup_place());
    (shown.database.url, shown.backup.folder) = (None, None);
    assert!(shown.proxy.listen.take().is_some());
    assert_eq!(shown, Config::default());
    assert!(parse(&switched_on(&[])).unwrap().own_certificate().is_some());
}

/// A key that is missing from the packaged file could not be found by the person who needs it.
#[test]
fn the_packaged_file_names_every_key() {
    let document: toml::Table = switched_on(&[]).parse().unwrap();
    let debug = format!("{:#?}", Config::default());
    let keys = debug
        .lines()
        .filter_map(|line| line.trim().split_once(": ").map(|(key, _)| key.to_owned()));
    for key in keys.filter(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')) {
        let found = document.contains_key(&key)
            || document
                .values()
                .any(|section| section.as_table().is_some_and(|table| table.contains_key(&key)));
        assert!(found, "{key} is not in packaging/scmserver.config");
    }
}

#[test]
fn every_section_is_read() {
    let config = parse(
        r#"
        [server]
        name = "Site 7"
        listen = ["127.0.0.1:8443", "[::1]:8443"]
        state_folder = "/srv/scm"
        organization = "site-7"
        hostnames = ["scm.example", "10.0.0.7"]
        [database]
        url = "postgres://scm@db/scm"
        [log]
        level = "debug"
        format = "json"
        "#,
    )
    .unwrap();
    assert_eq!(config.server.listen.as_slice().len(), 2);
    assert_eq!(config.database_url(), "postgres://scm@db/scm");
    assert_eq!(config.pki_folder(), Path::new("/srv/scm/pki"));
    assert_eq!(
        (config.log.level, config.log.format),
        (Level::Debug, LogFormat::Json)
    );
    assert_eq!(config.listen_limits().idle_timeout.as_secs(), 150);
    assert_eq!(config.listen_limits().body_bytes, 1024 * 1024);
}

#[test]
fn behind_a_proxy_the_server_may_do_without_an_address_of_its_own() {
    let text = "[server]\nlisten = []\n[proxy]\nlisten = 'unix:/run/x.sock'\ntrusted = ['10.0.0.0/8', '::1']";
    let config = parse(text).unwrap();
    assert_eq!(config.proxy.listen, Some("unix:/run/x.sock".parse().unwrap()));
    assert_eq!(config.proxy.trusted.len(), 2);
    assert!(
        parse("[proxy]\nlisten = '[::1]:80'").is_ok() && parse("[proxy]\nlisten = '127.0.0.9:80'").is_ok()
    );
}

#[test]
fn faults_name_place_key_and_reason() {
    let cases = [
        (
            "[server]\nlissten = ''",
            "f:2:1: unknown key `lissten` in [server], did you mean `listen`?",
        ),
        (
            "[server]\nlisten = ['[::]:1', 'x:1']",
            "f:2:21: `server.listen[1]` must be an address and a port such as \"[::]:8443\" or \"10.0.0.5:8443\", not \"x:1\"",
        ),
        (
            "[server]\nlisten = 8443",
            "f:2:10: `server.listen` must be a socket address such as \"[::]:8443\", or a list of them, not a whole number",
        ),
        (
            "[server]\nlisten = []",
            "f:2:1: `server.listen` must name at least one address where `proxy.listen` is not set",
        ),
        (
            "[server]\nlisten = ['[::]:1', '[::]:1']",
            "f:2:1: `server.listen` names [::]:1 twice",
        ),
        (
            "[server]\nstate_folder = 'x'",
            "f:2:1: `server.state_folder` must be an absolute path",
        ),
        (
            "[server]\norganization = 'A'",
            "f:2:16: `server.organization` `A` is not an organization name: 1 to 63 characters of a-z, 0-9 and -, beginning and ending with a letter or digit",
        ),
        (
            "[server]\nhostnames = ['a_b!']",
            "f:2:1: `server.hostnames` cannot be used: `a_b!` is neither a host name nor an address",
        ),
        (
            "[tls]\ncertificate = '/a'",
            "f:2:1: `tls.certificate` needs `key` beside it, or neither",
        ),
        (
            "[tls]\nkey = '/a'",
            "f:2:1: `tls.key` needs `certificate` beside it, or neither",
        ),
        (
            "[database]\nurl = 'mysql://secret'",
            "f:2:1: `database.url` must begin with `sqlite://` or `postgres://`",
        ),
        (
            "[limits]\nmax_connections = 1",
            "f:2:1: `limits.max_connections` must be between 16 and 1000000, not 1",
        ),
        (
            "[limits]\nmax_connections = -1",
            "f:2:19: `limits.max_connections` must be a whole number from 0 to 4294967295, not `-1`",
        ),
        (
            "[agents]\npending_interval_secs = 300",
            "f:1:1: `limits.idle_timeout_secs` must exceed the longest check-in interval (300), or every check-in costs a new connection",
        ),
        (
            "[sessions]\nidle_minutes = 90\nabsolute_hours = 1",
            "f:2:1: `sessions.idle_minutes` must not exceed `absolute_hours`",
        ),
        (
            "[log]\nlevel = 'inof'",
            "f:2:9: `log.level` cannot be `inof`, did you mean `info`?",
        ),
        (
            "[[audit.forward]]\nname = 'a b'\nkind = 'syslog'\naddress = 'x:1'",
            "f:2:1: `audit.forward[0].name` `a b` must be 1 to 63 characters of a-z, 0-9 and -",
        ),
        (
            "[[audit.forward]]\nname = 'a'\nkind = 'syslog'\naddress = 'x'",
            "f:4:1: `audit.forward[0].address` must be a host and a port such as \"siem.example.com:6514\"",
        ),
        (
            "[[audit.forward]]\nname = 'a'\nkind = 'webhook'\naddress = 'http://x/'",
            "f:4:1: `audit.forward[0].address` must be an https URL without user and password",
        ),
        (
            "[backup]\nfolder = 'backups'",
            "f:2:1: `backup.folder` must be an absolute path",
        ),
        (
            "[backup]\nkeep = 0",
            "f:2:1: `backup.keep` must be between 1 and 1000, not 0",
        ),
        (
            "[proxy]\nlisten = '0.0.0.0:80'",
            "f:2:10: `proxy.listen` must be a loopback address or a Unix socket, not `0.0.0.0:80`: what passes there is not encrypted",
        ),
        (
            "[proxy]\nlisten = 'unix:socket'",
            "f:2:10: `proxy.listen` must name an absolute path after `unix:`, not `unix:socket`",
        ),
        (
            "[proxy]\ntrusted = ['10.0.0.1/8']",
            "f:2:11: `proxy.trusted[0]` `10.0.0.1/8` has bits beyond its prefix: write 10.0.0.0/8",
        ),
        (
            "[proxy]\ncertificate_header = 'X Client'",
            "f:2:22: `proxy.certificate_header` must be the name of a header field, not `X Client`",
        ),
        ("[prox]", "f:1:2: unknown key `prox`, did you mean `proxy`?"),
        (
            "[gateway]",
            "f:1:2: unknown key `gateway`, expected `server`, `tls`, `proxy`, `database`, `agents`, `certificates`, `limits`, `sessions`, `telemetry`, `audit`, `backup`, `integrity`, `packages` or `log`",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refused(text), expected);
    }
}
