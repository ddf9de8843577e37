//! G6 by example.

use super::{condition, fault, holds};
use crate::{CompiledRule, Facts, Needs, explain};
use scm_protocol::rules::{Field, Rule};
use scm_protocol::systems::{Presence, SystemStatus};
use scm_protocol::telemetry::Container;

fn host(hostname: &str) -> Facts<'_> {
    Facts {
        hostname: Some(hostname),
        status: Some(SystemStatus::Active),
        ..Facts::default()
    }
}

fn version(version: &str) -> Facts<'_> {
    Facts {
        version: Some(version),
        ..Facts::default()
    }
}

fn container(runtime: &str, image: &str) -> Container {
    Container {
        runtime: runtime.to_owned(),
        name: "c".to_owned(),
        image: image.to_owned(),
    }
}

#[test]
fn case_is_ignored_by_contains_and_its_kin_only() {
    let web = host("Web-01.Example.com");
    for (operator, value) in [
        ("contains", "EXAMPLE"),
        ("starts_with", "wEB"),
        ("ends_with", ".COM"),
    ] {
        assert!(holds(&web, "hostname", operator, value), "{operator}");
    }
    assert!(!holds(&web, "hostname", "not_contains", "EXAMPLE"));
    assert!(!holds(&web, "hostname", "equals", "web-01.example.com"));
    assert!(holds(&web, "hostname", "not_equals", "web-01.example.com"));
    assert!(!holds(&web, "hostname", "regex", "^web"));
    assert!(holds(&web, "hostname", "regex", "(?i)^web"));
}

#[test]
fn case_is_that_of_unicode() {
    assert!(holds(&host("BÜRO-ÉTÉ"), "hostname", "contains", "büro-été"));
    assert!(holds(&host("ΟΔΟΣ7"), "hostname", "starts_with", "οδος"));
    assert!(holds(&host("οδος"), "hostname", "equals", "οδος"));
    assert!(holds(&host("ΟΔΟΣ"), "hostname", "ends_with", "ΟΣ"));
    assert!(
        !holds(&host("straße"), "hostname", "contains", "STRASSE"),
        "no folding beyond lowercase"
    );
}

#[test]
fn versions_are_ordered_by_semver() {
    for (observed, operator, value, expected) in [
        ("1.10.0", "gt", "1.9.0", true),
        ("1.4.0-rc.1", "lt", "1.4.0", true),
        ("1.4.0-rc.2", "gt", "1.4.0-rc.1", true),
        ("1.4.0-alpha", "lt", "1.4.0-alpha.1", true),
        ("1.4.0+build.2", "le", "1.4.0", true),
        ("1.4.0+build.2", "ge", "v1.4", true),
        ("1.4.0", "ge", "1.4.1", false),
        ("unknown", "lt", "9.0.0", false),
        ("unknown", "ge", "0.0.0", false),
        ("1.4.0", "starts_with", "1.4", true),
        ("1.4.0", "equals", "1.4", false),
    ] {
        let found = holds(&version(observed), "ver", operator, value);
        assert_eq!(found, expected, "{observed} {operator} {value}");
    }
}

#[test]
fn addresses_are_compared_as_such() {
    let facts = Facts {
        ip: Some("2001:db8::1"),
        ..Facts::default()
    };
    assert!(holds(&facts, "ip", "equals", "2001:0DB8:0::1"));
    assert!(holds(&facts, "ip", "in_cidr", "2001:db8::/32"));
    let mapped = Facts {
        ip: Some("::ffff:10.1.2.3"),
        ..Facts::default()
    };
    assert!(holds(&mapped, "ip", "in_cidr", "10.0.0.0/8") && holds(&mapped, "ip", "equals", "10.1.2.3"));
}

#[test]
fn several_values_satisfy_by_any_and_deny_by_none() {
    let containers = [
        container("docker", "nginx:1.27"),
        container("podman", "postgres:17"),
    ];
    let facts = Facts {
        containers: Some(&containers),
        reported: true,
        ..Facts::default()
    };
    assert!(holds(&facts, "any_container_image", "contains", "POSTGRES"));
    assert!(!holds(&facts, "any_container_image", "not_contains", "postgres"));
    assert!(holds(&facts, "any_container_image", "not_contains", "mysql"));
    assert!(
        holds(&facts, "has_runtime", "equals", "podman")
            && !holds(&facts, "has_runtime", "not_equals", "docker")
    );
    assert!(holds(&facts, "container_count", "eq", "2"));
    assert!(holds(&facts, "containers_exists", "equals", "true"));
    assert_eq!(
        facts.observed(Field::HasRuntime).as_deref(),
        Some("docker, podman")
    );
}

#[test]
fn no_containers_and_not_known_are_told_apart() {
    let none = Facts {
        reported: true,
        ..Facts::default()
    };
    assert!(holds(&none, "containers_exists", "equals", "false"));
    let unknown = Facts::default();
    assert!(!holds(&unknown, "containers_exists", "equals", "false"));
    assert!(!holds(&unknown, "containers_exists", "equals", "true"));
    assert!(holds(&unknown, "containers_exists", "not_equals", "true"));
}

#[test]
fn sizes_are_rounded_down_and_shares_are_not_guessed() {
    let facts = Facts {
        mem_total_bytes: Some((4096 << 20) + 5),
        mem_used_bytes: Some(1024 << 20),
        disk_total_bytes: Some(0),
        disk_used_bytes: Some(0),
        ..Facts::default()
    };
    assert!(holds(&facts, "mem_total_mb", "eq", "4096"));
    assert!(holds(&facts, "mem_used_percent", "ge", "24") && holds(&facts, "mem_used_percent", "lt", "26"));
    assert!(!holds(&facts, "disk_used_percent", "ge", "0"));
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    assert_eq!(
        fault("os_family", "regex", "x"),
        "`regex` is not allowed for os_family, a field of type enum; it has equals, not_equals, contains, \
         not_contains, in, not_in"
    );
    assert_eq!(fault("hostname", "contains", ""), "must not be empty");
    assert_eq!(
        fault("hostname", "contains", &"x".repeat(257)),
        "must have at most 256 characters"
    );
    assert_eq!(
        fault("hostname", "contains", "a\u{1b}"),
        "must not have control characters"
    );
    assert_eq!(
        fault("os_family", "in", "linux,linx"),
        "`linx` is not a value of os_family, did you mean `linux`?"
    );
    assert_eq!(
        fault("ip", "equals", "web"),
        "`web` is not an IP address; for example 10.1.2.3"
    );
    assert_eq!(
        fault("ver", "lt", "latest"),
        "`latest` is not a version; for example 1.4.0"
    );
    assert_eq!(
        fault("containers_exists", "equals", "yes"),
        "`yes` is neither true nor false"
    );
}

#[test]
fn a_rule_takes_active_systems_unless_it_asks_for_the_status() {
    let rule = |conditions: Vec<_>| CompiledRule::new(&Rule::new(conditions).unwrap()).unwrap();
    let by_name = rule(vec![condition("hostname", "starts_with", "web")]);
    let pending = Facts {
        status: Some(SystemStatus::Pending),
        ..host("web-1")
    };
    assert!(by_name.matches(&host("web-1")) && !by_name.matches(&pending));
    let by_status = rule(vec![condition("status", "in", "pending,active")]);
    assert!(by_status.matches(&host("web-1")) && by_status.matches(&pending));
}

#[test]
fn fields_of_filters_are_no_fields_of_rules() {
    let rule = Rule::new(vec![
        condition("tag", "equals", "a"),
        condition("presence", "equals", "offline"),
    ]);
    let fault = CompiledRule::new(&rule.unwrap()).unwrap_err();
    assert_eq!(fault.condition, 1);
    assert_eq!(
        fault.to_string(),
        "condition 2: `presence` can be used in filters only, not in a rule"
    );
}

#[test]
fn an_explanation_shows_what_was_observed() {
    let tags = ["old".to_owned(), "eu".to_owned()];
    let facts = Facts {
        tags: &tags,
        presence: Some(Presence::Online),
        ..host("web-1")
    };
    let rule = Rule::new(vec![
        condition("hostname", "starts_with", "web"),
        condition("tag", "not_equals", "old"),
        condition("uptime_secs", "gt", "1d"),
    ]);
    let explained = explain(&rule.unwrap(), &facts).unwrap();
    let outcome: Vec<_> = explained
        .iter()
        .map(|one| (one.observed.as_deref(), one.holds))
        .collect();
    assert_eq!(
        outcome,
        [(Some("web-1"), true), (Some("old, eu"), false), (None, false)]
    );
}

#[test]
fn only_what_is_asked_for_is_needed() {
    assert_eq!(Needs::of([Field::Hostname, Field::Presence]), Needs::default());
    let images = Needs::of([Field::AnyContainerImage]);
    assert!(images.containers && !images.tags);
    let both = images.and(Needs::of([
        Field::Tag,
        Field::Group,
        Field::Note,
        Field::ClaimedIp,
    ]));
    let machine = both.and(Needs::of([
        Field::Ip,
        Field::Kernel,
        Field::Ver,
        Field::UptimeSecs,
    ]));
    assert_eq!(machine, Needs::ALL);
    // What free text is looked for in.
    let text = crate::CompiledFilter::parse("web").unwrap().needs();
    assert!(text.ip && text.os && !text.version);
}
