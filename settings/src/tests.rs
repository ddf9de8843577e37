use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;

use crate::{Document, Error, MAX_BYTES, load, parse};

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Sample {
    server: Server,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    action: Vec<Action>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Server {
    url: String,
    organization: Option<String>,
    format: Option<Format>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    port: u16,
    on: bool,
    names: Vec<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Action {
    name: String,
    timeout_secs: u32,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Format {
    Text,
    Json,
}

fn refused(text: &str) -> String {
    parse::<Sample>(text, Path::new("/etc/openscm/sample.config"))
        .unwrap_err()
        .to_string()
}

fn at(place: &str, message: &str) -> String {
    format!("/etc/openscm/sample.config:{place}: {message}")
}

#[test]
fn a_good_file_is_read() {
    let text =
        "\u{feff}[server]\r\nurl = \"https://a\"\r\nformat = 'json'\n[[action]]\nname='x'\ntimeout_secs=3\n";
    let sample: Sample = parse(text, Path::new("x")).unwrap();
    assert_eq!(sample.server.format, Some(Format::Json));
    assert_eq!(
        sample.action,
        [Action {
            name: "x".to_owned(),
            timeout_secs: 3
        }]
    );
}

#[test]
fn an_unknown_key_is_named_with_its_section_and_what_was_meant() {
    let text = "[server]\nurl = \"https://a\"\norganisation = \"b\"\n";
    assert_eq!(
        refused(text),
        at(
            "3:1",
            "unknown key `organisation` in [server], did you mean `organization`?"
        )
    );
    assert_eq!(
        refused("servr = 1"),
        at("1:1", "unknown key `servr`, did you mean `server`?")
    );
    assert_eq!(
        refused("server.url = 'a'\nzzz = 1"),
        at(
            "2:1",
            "unknown key `zzz`, expected `server`, `limits` or `action`"
        )
    );
    assert_eq!(
        refused("[server]\nurl='a'\n[[action]]\nname='x'\ntimeout=1"),
        at(
            "5:1",
            "unknown key `timeout` in [action[0]], did you mean `timeout_secs`?"
        )
    );
    assert_eq!(
        refused("[server]\nurl='a'\n[limits]\n  '`, expected `' = 1"),
        at(
            "4:3",
            "unknown key ``, expected `` in [limits], expected `port`, `on` or `names`"
        )
    );
}

#[test]
fn a_missing_key_is_named_at_its_section() {
    assert_eq!(
        refused("\n  [server]\norganization = 'x'\n"),
        at("2:4", "missing key `url` in [server]")
    );
    assert_eq!(refused("# nothing\n"), at("1:1", "missing key `server`"));
}

#[test]
fn a_wrong_type_names_key_and_expectation_but_not_the_value() {
    let url = "[server]\nurl = 'a'\n[limits]\n";
    assert_eq!(
        refused(&format!("{url}port = 'oscm_secret'")),
        at(
            "4:8",
            "`limits.port` must be a whole number from 0 to 65535, not a string"
        )
    );
    assert_eq!(
        refused(&format!("{url}on = 1")),
        at("4:6", "`limits.on` must be true or false, not a whole number")
    );
    assert_eq!(
        refused(&format!("{url}names = ['a', 2]")),
        at("4:15", "`limits.names[1]` must be a string, not a whole number")
    );
    assert_eq!(
        refused(&format!("{url}names = 'a'")),
        at("4:9", "`limits.names` must be a list, not a string")
    );
    assert_eq!(
        refused("server = 3"),
        at("1:10", "`server` must be a section, not a whole number")
    );
}

#[test]
fn a_value_out_of_range_is_named() {
    assert_eq!(
        refused("[server]\nurl='a'\n[limits]\nport = 70000"),
        at(
            "4:8",
            "`limits.port` must be a whole number from 0 to 65535, not `70000`"
        )
    );
    assert_eq!(
        refused("[server]\nurl='a'\nformat='jsn'"),
        at("3:8", "`server.format` cannot be `jsn`, did you mean `json`?")
    );
    assert_eq!(
        refused("[server]\nurl='a'\nformat='yaml'"),
        at(
            "3:8",
            "`server.format` cannot be `yaml`, expected `text` or `json`"
        )
    );
}

#[test]
fn text_that_is_not_toml_is_placed() {
    assert!(refused("[server]\nurl = \n").starts_with("/etc/openscm/sample.config:2:"));
    assert!(refused("[server]\nurl = 'a'\nurl = 'b'\n").contains(":3:1: duplicate key"));
    assert!(refused("é = 'x' y").contains(":1:9: "));
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    let text = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refused(&text).contains("recursion"), "{}", refused(&text));
}

#[test]
fn a_caller_refuses_a_value_at_its_place() {
    let document = Document::new("[server]\nurl='a'\n[limits]\non = true\n  port = 7\n", "f");
    assert_eq!(
        document.refuse("limits.port", "must be above 9").to_string(),
        "f:5:3: `limits.port` must be above 9"
    );
    assert_eq!(
        document.refuse("limits.names", "must not be empty").to_string(),
        "f:3:2: `limits.names` must not be empty"
    );
    assert_eq!(
        document.refuse("other.key", "is needed").to_string(),
        "f:1:1: `other.key` is needed"
    );
}

#[test]
fn files_that_cannot_be_read_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.config");
    let failure = |path: &PathBuf| load::<Sample>(path).unwrap_err();
    assert!(matches!(failure(&path), Error::Missing { .. }));
    assert!(failure(&path).to_string().ends_with("a.config: no such file"));
    assert!(matches!(
        failure(&folder.path().to_owned()),
        Error::Unreadable { .. }
    ));
    fs::write(&path, b"[server]\nurl = '\xff'").unwrap();
    assert!(failure(&path).to_string().ends_with("a.config:2: not UTF-8 text"));
    fs::write(&path, "#".repeat(usize::try_from(MAX_BYTES).unwrap())).unwrap();
    assert!(matches!(failure(&path), Error::Invalid { .. }));
    fs::write(&path, "#".repeat(usize::try_from(MAX_BYTES).unwrap() + 1)).unwrap();
    assert!(matches!(failure(&path), Error::TooLarge { .. }));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        drop(parse::<Sample>(&text, Path::new("f")));
        drop(Document::new(text.clone(), "f").refuse(&text, "x"));
    }

    #[test]
    fn no_toml_like_text_panics(lines in prop::collection::vec("(\\[+[a-z.é]{0,6}\\]*|(server|limits|url|port|'[^\n]{0,4}')\\.?[a-z]{0,3} ?= ?(\"[^\n]{0,5}\"?|[0-9.e-]{0,6}|\\{[a-z=1,]{0,6}\\}|\\[.{0,4}))?", 0..8)) {
        drop(parse::<Sample>(&lines.join("\n"), Path::new("f")));
    }
}
