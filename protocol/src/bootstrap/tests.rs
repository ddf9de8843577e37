use super::*;
use proptest::prelude::*;

fn sample() -> Bootstrap {
    Bootstrap {
        url: "https://scm.example.com:8443".to_owned(),
        organization: Organization::default(),
        ca_pin: Some(Fingerprint([7; 32])),
        server_key_pin: Fingerprint([9; 32]),
        enrollment_token: Some(format!("oscm_{}", "x".repeat(43))),
    }
}

fn any_bootstrap() -> impl Strategy<Value = Bootstrap> {
    let pin = any::<[u8; 32]>().prop_map(Fingerprint);
    let url = "https://([a-z][a-z0-9]{0,20}(\\.[a-z]{2,8})?|\\[::[1-9]\\])(:[1-9][0-9]{0,3})?";
    (
        url,
        "[a-z0-9]{1,20}",
        proptest::option::of(pin),
        any::<[u8; 32]>(),
        proptest::option::of("oscm_[A-Za-z0-9_-]{43}"),
    )
        .prop_map(|(url, organization, ca_pin, key, enrollment_token)| Bootstrap {
            url,
            organization: organization.parse().unwrap(),
            ca_pin,
            server_key_pin: Fingerprint(key),
            enrollment_token,
        })
}

proptest! {
    #[test]
    fn what_was_written_is_read(bootstrap in any_bootstrap()) {
        let text = bootstrap.to_string();
        prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{text}");
        prop_assert_eq!(text.parse::<Bootstrap>().unwrap(), bootstrap);
    }

    #[test]
    fn line_breaks_and_spaces_do_no_harm(bootstrap in any_bootstrap(), width in 1_usize..100) {
        let text = bootstrap.to_string();
        let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let wrapped = format!("\n  {}\r\n\t", lines.join("\r\n  "));
        prop_assert_eq!(wrapped.parse::<Bootstrap>().unwrap(), bootstrap);
    }

    #[test]
    fn any_changed_character_is_refused(bootstrap in any_bootstrap(), at in any::<prop::sample::Index>(), to in any::<char>()) {
        let mut characters: Vec<char> = bootstrap.to_string().chars().collect();
        let at = at.index(characters.len());
        prop_assume!(characters[at] != to);
        characters[at] = to;
        let changed: String = characters.into_iter().collect();
        prop_assert!(changed.parse::<Bootstrap>().is_err(), "{changed}");
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(oscm-bootstrap-)?[0-9]{0,3}\\.?\\PC{0,60}\\.?\\PC{0,10}") {
        let _ = text.parse::<Bootstrap>();
    }
}

#[test]
fn every_character_that_a_hand_mistypes_is_found() {
    let text = sample().to_string();
    for at in 0..text.len() {
        for to in ["A", "b", "0", "9", "-", "_", ".", " "] {
            let mut changed = text.clone();
            changed.replace_range(at..=at, to);
            assert!(
                changed == text || changed.parse::<Bootstrap>().is_err(),
                "{changed}"
            );
        }
    }
}

#[test]
fn an_error_says_what_is_wrong() {
    let text = sample().to_string();
    for end in 1..text.len() {
        assert_eq!(
            text[..end].parse::<Bootstrap>(),
            Err(InvalidBootstrap::Truncated),
            "{end}"
        );
    }
    let refused = |text: &str| text.parse::<Bootstrap>().unwrap_err();
    assert_eq!(refused(""), InvalidBootstrap::Foreign);
    assert_eq!(refused(&text[1..]), InvalidBootstrap::Foreign);
    assert_eq!(refused("https://scm.example.com"), InvalidBootstrap::Foreign);
    assert_eq!(refused(&format!("{text}x")), InvalidBootstrap::Damaged);
    assert_eq!(
        refused(&text.replacen("-1.", "-2.", 1)),
        InvalidBootstrap::Newer(2)
    );
    assert!(InvalidBootstrap::Newer(2).to_string().contains("upgrade"));
    let unusable = Bootstrap {
        url: "https://a\"\n[agent]".to_owned(),
        ..sample()
    };
    assert!(matches!(
        refused(&unusable.to_string()),
        InvalidBootstrap::Content(_)
    ));
}

#[test]
fn only_a_plain_https_address_and_a_token_will_do() {
    let with_url = |url: &str| Bootstrap {
        url: url.to_owned(),
        ..sample()
    };
    for good in [
        "https://a",
        "https://a:1",
        "https://192.0.2.1:8443",
        "https://[::1]",
        "https://[2001:db8::1]:65535",
    ] {
        assert_eq!(with_url(good).problem(), None, "{good}");
    }
    for bad in [
        "",
        "https://",
        "http://a",
        "https://a/",
        "https://a:0",
        "https://a:+1",
        "https://a:65536",
        "https://u@a",
        "https://a?b",
        "https://[::1",
        "https://[x]",
        "https://[::1]x",
        "https://a:",
        "https://a b",
        "https://a\"",
    ] {
        let problem = with_url(bad).problem();
        assert_eq!(problem.map(|(member, _)| member), Some("url"), "{bad}");
    }
    for bad in [
        "",
        "oscm_",
        "x",
        "oscm_a\"b",
        "oscm_a b",
        &format!("oscm_{}", "x".repeat(124)),
    ] {
        let bootstrap = Bootstrap {
            enrollment_token: Some(bad.to_owned()),
            ..sample()
        };
        assert_eq!(
            bootstrap.problem().map(|(member, _)| member),
            Some("enrollment_token"),
            "{bad}"
        );
    }
}

#[test]
fn debug_shows_no_token() {
    let token = "oscm_secret";
    let request = BootstrapRequest {
        enrollment_token: Some(token.to_owned()),
        ..BootstrapRequest::default()
    };
    let bootstrap = Bootstrap {
        enrollment_token: Some(token.to_owned()),
        ..sample()
    };
    let reply = BootstrapReply {
        bootstrap: bootstrap.to_string(),
        config: bootstrap.configuration(),
        install_line: String::new(),
    };
    assert!(reply.config.contains(token));
    for shown in [
        format!("{request:?}"),
        format!("{bootstrap:?}"),
        format!("{reply:?}"),
    ] {
        assert!(!shown.contains("secret") && shown.contains('…'), "{shown}");
    }
}
