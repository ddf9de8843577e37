//! An armored SSH signature as it comes with a login: whatever stands in it, it is refused, or it is the one that was made.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_fuzz::{CHALLENGE, ssh_public_key};

// The server's own sources: with the whole server as a dependency, each run would build all of it with instrumentation.
#[path = "../../server/src/ssh_keys/line.rs"]
mod line;
#[path = "../../server/src/ssh_keys/signature.rs"]
mod signature;

fuzz_target!(|text: &str| {
    if let Ok(key) = signature::verify(text, CHALLENGE) {
        assert_eq!(key, ssh_public_key(), "a signature holds that nobody made");
    }
    // The same text as a key that somebody wants to log in with.
    if let Ok(key) = line::read(text) {
        assert!(!key.name.is_empty() && !key.name.chars().any(char::is_control));
        assert!(key.fingerprint.starts_with("SHA256:") && key.algorithm.is_ascii());
        assert!(!key.bytes.is_empty());
    }
});
