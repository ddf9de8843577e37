//! The filter's text: what is understood, and what is said of what is not.

use crate::{CompiledFilter, Facts, Filter};
use scm_protocol::systems::SystemStatus;

fn error(text: &str) -> String {
    Filter::parse(text).unwrap_err().to_string()
}

fn printed(text: &str) -> String {
    Filter::parse(text).unwrap().to_string()
}

fn matches(text: &str, facts: &Facts<'_>) -> bool {
    CompiledFilter::parse(text).unwrap().matches(facts)
}

#[test]
fn the_example_of_the_documentation() {
    let text = r#"hostname ~ "^web" and os_family = linux and not tag = old or mem_total_mb >= 4096"#;
    let tags = ["old".to_owned()];
    let web = Facts {
        hostname: Some("web-1"),
        os_family: Some("linux"),
        ..Facts::default()
    };
    assert!(matches(text, &web));
    let old = Facts { tags: &tags, ..web };
    assert!(!matches(text, &old));
    let large = Facts {
        mem_total_bytes: Some(8 << 30),
        ..old
    };
    assert!(matches(text, &large));
}

#[test]
fn the_same_thing_is_written_one_way() {
    for (text, expected) in [
        ("", ""),
        ("  web  ", "web"),
        ("web prod", "web and prod"),
        (
            "hostname=web AND Not tag!=old",
            "hostname = web and not tag != old",
        ),
        ("hostname !~ ^web", r#"not hostname ~ "^web""#),
        (
            "os_family not in (linux,windows)",
            "os_family not_in (linux, windows)",
        ),
        ("hostname not contains web", "hostname not_contains web"),
        ("hostname not starts_with web", "not hostname starts_with web"),
        ("hostname not not_contains web", "hostname contains web"),
        ("a or b and c", "a or b and c"),
        ("(a or b) and c", "(a or b) and c"),
        ("not (a or not b)", "not (a or not b)"),
        ("((a))", "a"),
        (
            r#"note contains "say \"hi\" \\ \d""#,
            r#"note contains "say \"hi\" \ \d""#,
        ),
        ("uptime_secs>7d", "uptime_secs > 7d"),
        (r#""and" or "tag""#, r#""and" or "tag""#),
        ("ip in_cidr 2001:db8::/32", "ip in_cidr 2001:db8::/32"),
    ] {
        assert_eq!(printed(text), expected);
        assert_eq!(printed(expected), expected, "of {text}");
    }
}

#[test]
fn words_are_looked_for_in_name_address_and_system() {
    let facts = Facts {
        hostname: Some("Web-1"),
        ip: Some("10.1.2.3"),
        os: Some("Debian GNU/Linux 12"),
        kernel: Some("6.1"),
        ..Facts::default()
    };
    for text in [
        "web",
        "10.1.",
        "DEBIAN",
        "web debian",
        "not windows",
        r#""gnu/linux 12""#,
    ] {
        assert!(matches(text, &facts), "{text}");
    }
    assert!(!matches("6.1", &facts) && !matches("web windows", &facts));
}

#[test]
fn the_place_of_a_fault_is_its_column() {
    for (text, expected) in [
        (
            "not hostnme = a",
            "unknown field `hostnme` at column 5, did you mean `hostname`?",
        ),
        ("é é zzz = 1", "unknown field `zzz` at column 5"),
        (
            "hostname containz web",
            "unknown operator `containz` at column 10, did you mean `contains`?",
        ),
        (
            "hostname is web",
            "unknown operator `is` at column 10, hostname has =, !=, contains, not_contains, starts_with, ends_with, ~",
        ),
        (
            "os_family ~ x",
            "`~` is not allowed for os_family at column 11, it has =, !=, contains, not_contains, in, not_in",
        ),
        (
            "os_family = linx",
            "`linx` is not a value of os_family at column 13, did you mean `linux`?",
        ),
        (
            "mem_total_mb > lots",
            "`lots` is not a number; for example 4096 at column 16",
        ),
        (
            r#"hostname ~ "web(""#,
            "not a regular expression: unclosed group at column 12",
        ),
        (
            "hostname =",
            "expected a value at column 11, with quotes around it where it has spaces",
        ),
        (
            "hostname = \"web",
            "the quote is not closed at column 12, end the text with `\"`",
        ),
        (
            "(a or b",
            "expected `)` at column 8, the parenthesis at column 1 is not closed",
        ),
        ("a)", "unexpected `)` at column 2"),
        ("a and", "expected a condition or a word at column 6"),
        (
            "or a",
            "expected a condition before `or` at column 1, put quotes around it to look for it",
        ),
        (
            "a or and b",
            "expected a condition before `and` at column 6, put quotes around it to look for it",
        ),
        ("= web", "unexpected `=` at column 1"),
        (
            "os_family in linux",
            "expected `(` at column 14, as in `in (a, b)`",
        ),
        ("os_family in (linux windows)", "expected `,` or `)` at column 21"),
        (
            "os_family in ()",
            "expected a value at column 15, with quotes around it where it has spaces",
        ),
        ("()", "unexpected `)` at column 2"),
        ("a ! b", "unexpected `!` at column 3"),
    ] {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn the_size_of_a_filter_is_bounded() {
    assert!(error(&"a ".repeat(2049)).contains("at most 4096 bytes"));
    assert!(error(&"a ".repeat(65)).contains("at most 64 conditions at column 129"));
    assert!(error(&"(".repeat(2000)).contains("more than 16 levels"));
    assert!(error(&"not ".repeat(1000)).contains("more than 16 levels"));
}

#[test]
fn rules_are_made_of_what_a_rule_can_express() {
    let rule = |text: &str| Filter::parse(text).unwrap().to_rule();
    let conditions = rule("hostname starts_with web and not tag = old and not not ver >= 1.2").unwrap();
    assert_eq!(
        Filter::from(&conditions).to_string(),
        "hostname starts_with web and tag != old and ver >= 1.2"
    );
    let refused = |text: &str| rule(text).unwrap_err().to_string();
    assert_eq!(
        refused("tag = a or tag = b"),
        "a rule has no `or`: all of its conditions must hold"
    );
    assert_eq!(
        refused("hostname !~ a"),
        "a rule cannot express `not hostname ~ a`"
    );
    assert_eq!(
        refused("not mem_total_mb < 5"),
        "a rule cannot express `not mem_total_mb < 5`"
    );
    assert_eq!(refused("web"), "a rule cannot look for `web`: name a field");
    assert_eq!(refused(""), "a rule needs at least one condition");
    assert_eq!(
        refused(&"tag = a ".repeat(9)),
        "a rule has at most 8 conditions, not 9"
    );
    assert_eq!(
        refused("presence = late"),
        "condition 1: `presence` can be used in filters only, not in a rule"
    );
}

#[test]
fn the_empty_filter_matches_everything() {
    let filter = CompiledFilter::parse(" ").unwrap();
    assert!(filter.is_everything() && filter.matches(&Facts::default()));
    let pending = Facts {
        status: Some(SystemStatus::Pending),
        ..Facts::default()
    };
    assert!(matches("status = pending", &pending) && !matches("status = pending", &Facts::default()));
}
