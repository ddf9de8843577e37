//! A bootstrap string as it is pasted: what is taken makes a configuration that the agent takes, and is written back as is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_protocol::bootstrap::Bootstrap;
use scm_settings::Document;
use scmclient::config;

fuzz_target!(|text: &str| {
    let Ok(bootstrap) = text.parse::<Bootstrap>() else {
        return;
    };
    let again: Bootstrap = bootstrap
        .to_string()
        .parse()
        .expect("what was written can be read");
    assert_eq!(again, bootstrap);
    let document = Document::new(bootstrap.configuration(), "scmclient.config");
    let settings = document.parse().expect("the configuration can be read");
    config::check(&document, settings).expect("the configuration can be used");
});
