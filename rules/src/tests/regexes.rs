//! No expression costs more than its bounds, and none takes long on any text.

use super::{condition, fault};
use crate::{CompiledCondition, Facts};

#[test]
fn an_expression_that_grows_too_large_is_refused() {
    for pattern in [
        "a{1000}{1000}",
        r"(\pL{200}){200}",
        "((((a{60}){60}){60}){60})",
        r"\w{5000}",
    ] {
        assert_eq!(
            fault("hostname", "regex", pattern),
            "the regular expression is too large: write fewer or smaller repetitions",
            "{pattern}"
        );
    }
    assert!(fault("hostname", "regex", &"(".repeat(200)).starts_with("not a regular expression"));
    let nested = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(fault("hostname", "regex", &nested).starts_with("not a regular expression"));
}

#[test]
fn what_is_wrong_is_said_in_one_line() {
    assert_eq!(
        fault("hostname", "regex", "web("),
        "not a regular expression: unclosed group"
    );
    assert_eq!(
        fault("hostname", "regex", "(?=a)"),
        "not a regular expression: look-around, including look-ahead and look-behind, is not supported"
    );
    assert!(!fault("hostname", "regex", r"(a)\1").contains('\n'));
}

/// With a backtracking engine each of these would not end within the age of the universe: that the test ends is the test.
#[test]
fn expressions_that_make_others_backtrack_end() {
    let text = format!("{}!", "a".repeat(100_000));
    let facts = Facts {
        hostname: Some(&text),
        ..Facts::default()
    };
    for pattern in ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(.*a){12}$", "^([a-z]+)*$"] {
        let compiled = CompiledCondition::new(&condition("hostname", "regex", pattern)).unwrap();
        assert!(!compiled.holds(&facts), "{pattern}");
    }
}
