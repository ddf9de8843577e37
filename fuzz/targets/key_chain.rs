//! The statements that lead from a pinned server key to the present one, as they come beside any reply: nobody is followed
//! whom the pinned key did not vouch for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_fuzz::{server_key, successor_key};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::Organization;
use scm_protocol::rotation::{follow, parse_chain};

fuzz_target!(|text: &str| {
    let organization = Organization::default();
    let pinned: PublicKey = server_key().verifying_key().into();
    let chain = parse_chain(text);
    if let Some(key) = follow(&organization, &pinned, &chain) {
        let vouched: PublicKey = successor_key().verifying_key().into();
        assert_eq!(key, vouched, "a key was followed that the pinned one never named");
    }
    for statement in chain {
        let again = statement.to_string().parse();
        assert_eq!(again, Ok(statement), "what was read is written back as it was");
    }
});
