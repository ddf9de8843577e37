use super::*;
use proptest::prelude::*;

fn parameter(pattern: Option<&str>) -> Parameter {
    Parameter {
        name: "unit".to_owned(),
        description: String::new(),
        pattern: pattern.map(ToOwned::to_owned),
        max_length: 32,
    }
}

fn action(parameters: Vec<Parameter>) -> OfferedAction {
    OfferedAction {
        name: "restart".to_owned(),
        description: String::new(),
        parameters,
        timeout_secs: 60,
        requires_confirmation: false,
        redacted: false,
    }
}

#[test]
fn a_pattern_matches_a_whole_value_or_not_at_all() {
    let unit = parameter(Some("nginx|caddy"));
    assert!(unit.check("nginx").is_ok() && unit.check("caddy").is_ok());
    for bad in ["", "nginx2", "xcaddy", "nginx caddy", "nginx\n", "NGINX"] {
        assert!(unit.check(bad).is_err(), "{bad:?}");
    }
    for tricky in [
        "a)(b",
        "(?m)^a$",
        "",
        "(",
        &"a".repeat(257),
        "((((a{99}){99}){99}){99})",
    ] {
        if let Ok(regex) = compile(tricky) {
            assert!(!regex.is_match(b"a\nb") && !regex.is_match(b"b"), "{tricky}");
        }
    }
    assert!(compile("a)(b").is_err());
    assert!(compile(r"\d{1,3}").unwrap().is_match(b"42"));
    assert!(
        !compile(r"\d").unwrap().is_match("٣".as_bytes()),
        "digits are ASCII"
    );
}

#[test]
fn hostile_values_never_pass_however_wide_the_pattern() {
    for wide in [parameter(None), parameter(Some(r"(?s).*"))] {
        assert!(wide.check("web-1.example").is_ok());
        for bad in [
            "-rf",
            "--eval=x",
            "a\0b",
            "a\nb",
            "\u{1b}[2J",
            "../etc",
            "a/../b",
            "..",
            r"a\..\b",
            &"x".repeat(33),
        ] {
            assert!(wide.check(bad).is_err(), "{bad:?}");
        }
    }
}

#[test]
fn all_parameters_are_given_and_no_others() {
    let action = action(vec![parameter(Some("[a-z]+"))]);
    let given = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        action.check(&pairs.collect()).map_err(|bad| bad.parameter)
    };
    assert_eq!(given(&[("unit", "nginx")]), Ok(()));
    assert_eq!(given(&[]), Err("unit".to_owned()));
    assert_eq!(given(&[("unit", "1")]), Err("unit".to_owned()));
    assert_eq!(given(&[("unit", "a"), ("more", "b")]), Err("more".to_owned()));
}

#[test]
fn a_catalogue_is_bounded_member_by_member() {
    let field = |catalogue: &Catalogue| catalogue.problem().map(|(field, _)| field);
    let of = |actions| Catalogue {
        actions,
        refused: Vec::new(),
    };
    assert_eq!(field(&of(vec![action(vec![parameter(None)])])), None);
    assert_eq!(
        field(&of(vec![action(Vec::new()), action(Vec::new())])).as_deref(),
        Some("actions[1].name")
    );
    let bad = OfferedAction {
        name: "-x".to_owned(),
        ..action(Vec::new())
    };
    assert_eq!(field(&of(vec![bad])).as_deref(), Some("actions[0].name"));
    let bad = action(vec![Parameter {
        pattern: Some("(".to_owned()),
        ..parameter(None)
    }]);
    assert_eq!(
        field(&of(vec![bad])).as_deref(),
        Some("actions[0].parameters[0].pattern")
    );
    let endless = OfferedAction {
        timeout_secs: 0,
        ..action(Vec::new())
    };
    assert_eq!(
        field(&of(vec![endless])).as_deref(),
        Some("actions[0].timeout_secs")
    );
    let many = Catalogue {
        actions: Vec::new(),
        refused: vec![
            RefusedAction {
                name: "x".to_owned(),
                reason: "y".to_owned()
            };
            MAX_ACTIONS + 1
        ],
    };
    assert_eq!(field(&many).as_deref(), Some("actions"));
    let loud = Catalogue {
        actions: Vec::new(),
        refused: vec![RefusedAction {
            name: "x".to_owned(),
            reason: "\u{1b}[2J".to_owned(),
        }],
    };
    assert_eq!(field(&loud).as_deref(), Some("refused[0].reason"));
}

#[test]
fn a_digest_tells_catalogues_apart() {
    let one = Catalogue {
        actions: vec![action(Vec::new())],
        refused: Vec::new(),
    };
    let other = Catalogue {
        actions: vec![action(vec![parameter(None)])],
        refused: Vec::new(),
    };
    assert_eq!(Catalogue::default().digest(), "");
    assert_eq!(one.digest().len(), 32);
    assert_ne!(one.digest(), other.digest());
}

proptest! {
    #[test]
    fn what_passes_holds_nothing_that_could_mean_something_else(value in "(?s).{0,40}", pattern in "(?s).{0,12}") {
        let parameter = parameter(Some(&pattern));
        if parameter.check(&value).is_ok() {
            prop_assert!(value.len() <= 32 && !value.starts_with('-'));
            prop_assert!(!value.chars().any(char::is_control));
        }
    }
}
