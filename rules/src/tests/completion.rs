//! What is offered while a filter is typed.

use crate::filter::{Completion, complete};
use crate::{Filter, FilterError};
use proptest::prelude::*;
use scm_protocol::rules::FieldCatalogue;

/// `|` is the place.
fn at(text: &str) -> Completion {
    let (before, after) = text.split_once('|').unwrap();
    complete(
        &format!("{before}{after}"),
        before.chars().count(),
        &FieldCatalogue::of_this_version(),
    )
}

fn names(text: &str) -> Vec<String> {
    at(text).candidates.into_iter().map(|one| one.name).collect()
}

#[test]
fn fields_by_their_beginning() {
    assert_eq!(names("mem|"), ["mem_total_mb", "mem_used_percent"]);
    assert_eq!(names("(not HOST|"), ["hostname"]);
    assert_eq!(at("(not HOST|").from, 5);
    assert!(names("|").len() > 20, "every field where nothing is typed");
    assert!(!at("|").wanted && at("mem|").wanted);
    assert!(names("web-01|").is_empty(), "a word to look for");
}

#[test]
fn what_was_probably_meant_where_nothing_begins_like_it() {
    assert_eq!(names("hostnme|"), ["hostname"]);
    assert_eq!(names("tag = a and os_famly|"), ["os_family"]);
    assert!(names("hst|").is_empty(), "too short to be compared");
}

#[test]
fn operators_are_those_of_the_field() {
    assert_eq!(names("cpu_percent |"), ["=", "!=", "<", "<=", ">", ">="]);
    assert_eq!(names("cpu_percent >|"), [">", ">="]);
    assert_eq!(names("hostname s|"), ["starts_with"]);
    assert_eq!(names("os_family n|"), ["!=", "not_contains", "not_in"]);
    assert_eq!(at("hostname s|").candidates[0].text, "starts_with ");
    assert_eq!(at("os_family i|").candidates[0].text, "in (");
    assert!(names("ip in|").contains(&"in_cidr".to_owned()));
}

#[test]
fn values_of_names_and_what_is_expected_of_others() {
    assert_eq!(names("presence = |"), ["online", "late", "offline", "never_seen"]);
    assert_eq!(names("presence=o|"), ["online", "offline"]);
    assert_eq!(names("os_family in (linux, w|"), ["windows"]);
    assert_eq!(names("os_family not in (f|"), ["freebsd"]);
    assert_eq!(at("os_family in (li|").candidates[0].text, "linux");
    assert_eq!(names("os_family in (linux |"), [",", ")"]);
    let expected = at("uptime_secs > |").expected.unwrap();
    assert!(expected.contains("7d"), "{expected}");
    assert!(names("hostname = \"we|").is_empty());
    assert!(!at("status = active|").wanted, "it is complete");
}

#[test]
fn behind_a_condition_it_is_joined() {
    assert_eq!(names("tag = a |")[..2], ["and", "or"]);
    assert_eq!(names("(tag = a or tag = b) a|")[0], "and");
    assert!(names("web a|").contains(&"arch".to_owned()));
    assert!(!at("tag = a |").wanted);
}

#[test]
fn what_stands_behind_the_place_is_left_alone() {
    let completion = at("hostn| = web");
    assert_eq!(
        (completion.from, completion.candidates[0].name.as_str()),
        (0, "hostname")
    );
}

/// Whether the fault is about something before `column`, from 1.
fn is_before(error: &FilterError, column: usize) -> bool {
    error.column < column
}

proptest! {
    #[test]
    fn any_text_has_an_answer(text in "[ -~ü]{0,40}", cursor in 0usize..45) {
        let completion = complete(&text, cursor, &FieldCatalogue::of_this_version());
        prop_assert!(completion.from <= cursor.min(text.chars().count()));
    }

    /// What is offered is never itself what is wrong.
    #[test]
    fn what_is_taken_can_stand_there(
        start in prop::sample::select(vec![
            "", "(", "not ", "web ", "tag = a ", "tag = a and ", "cpu_percent ", "os_family ", "os_family in ",
            "os_family in (linux", "os_family in (linux ", "presence = ", "hostname ", "hostname not ", "has_runtime != ",
        ]),
        pick in any::<prop::sample::Index>(),
    ) {
        let completion = complete(start, start.chars().count(), &FieldCatalogue::of_this_version());
        prop_assume!(!completion.candidates.is_empty());
        let taken = &completion.candidates[pick.index(completion.candidates.len())];
        let kept: String = start.chars().take(completion.from).collect();
        let text = format!("{kept}{}", taken.text);
        if let Err(error) = Filter::parse(&text) {
            // Something is missing behind it, or a name is a word to look for until it is compared.
            let end = text.trim_end().chars().count();
            prop_assert!(!is_before(&error, end), "{text}: {error}");
        }
    }
}

#[test]
fn what_stands_before_a_condition_that_is_none_yet_is_known() {
    let unfinished = |text: &str| at(text).unfinished;
    assert_eq!((unfinished("host|"), unfinished("hostname|")), (Some(0), Some(0)));
    assert_eq!(unfinished("tag = a and os_f|"), Some(12));
    assert_eq!(
        (
            unfinished("tag = a hostname |"),
            unfinished("tag = a hostname s|")
        ),
        (Some(8), Some(8))
    );
    assert_eq!(unfinished("cpu_percent >|"), Some(0));
    // A word to look for, a value, and what is complete.
    assert_eq!(
        (
            unfinished("web|"),
            unfinished("hostname = we|"),
            unfinished("tag = a |")
        ),
        (None, None, None)
    );
}
