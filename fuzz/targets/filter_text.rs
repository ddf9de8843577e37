//! The text of a filter, as it stands in a request's query: refused with a place inside the text, or a filter that is written
//! back as itself, can be compiled and asked, and makes a rule that matches the same systems, where it makes one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_rules::{CompiledFilter, CompiledRule, Facts, Filter};

fuzz_target!(|text: &str| {
    let filter = match Filter::parse(text) {
        Ok(filter) => filter,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let again = Filter::parse(&filter.to_string()).expect("what was written can be read");
    assert_eq!(again, filter);
    let Ok(compiled) = CompiledFilter::new(&filter) else {
        return;
    };
    let tags = ["web".to_owned(), "prod".to_owned()];
    let system = Facts {
        id: Some(7),
        hostname: Some("web-01"),
        ip: Some("192.0.2.7"),
        os_family: Some("linux"),
        version: Some("1.2.3"),
        mem_total_bytes: Some(8 << 30),
        reported: true,
        tags: &tags,
        ..Facts::default()
    };
    for facts in [Facts::default(), system] {
        let matches = compiled.matches(&facts);
        if let Ok(rule) = filter.to_rule() {
            let rule = CompiledRule::new(&rule).expect("a rule that was made can be compiled");
            assert_eq!(rule.matches(&facts), matches, "filter and rule differ");
        }
    }
});
