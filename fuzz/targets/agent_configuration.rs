//! The agent's configuration file, whatever stands in it: taken, or refused with a place inside the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_settings::Document;
use scmclient::config;

fuzz_target!(|text: &str| {
    let document = Document::new(text, "/etc/openscm/scmclient.config");
    let result = document
        .parse()
        .and_then(|settings| config::check(&document, settings));
    match result {
        Ok(config) => {
            for server in &config.servers {
                assert!(server.url.starts_with("https://") && !server.url.ends_with('/'));
            }
        }
        Err(scm_settings::Error::Invalid {
            line,
            column,
            message,
            ..
        }) => {
            assert!(
                line >= 1 && line <= text.split('\n').count(),
                "line {line} is not in the file"
            );
            assert!(column >= 1 && !message.is_empty());
        }
        Err(error) => panic!("{error}"),
    }
});
