//! A command as a hostile server, or something in between, may send it: nothing but the order that was signed verifies, and
//! what a value passes by a pattern of anybody's making holds nothing that could mean something else.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_fuzz::{order, server_key};
use scm_protocol::commands::catalogue::Catalogue;
use scm_protocol::commands::order::SignedOrder;
use scm_protocol::commands::report::{ResultsRequest, Tasks};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::Organization;

fuzz_target!(|bytes: &[u8]| {
    let key: PublicKey = server_key().verifying_key().into();
    if let Ok(signed) = serde_json::from_slice::<SignedOrder>(bytes)
        && let Ok(authentic) = signed.verify(&key, &Organization::default())
    {
        assert_eq!(authentic.get(), &order());
        authentic.run_action().expect("the body that was signed is read");
    }
    let _ = serde_json::from_slice::<Tasks>(bytes);
    if let Ok(request) = serde_json::from_slice::<ResultsRequest>(bytes) {
        let _ = request.problem();
    }
    let Ok(catalogue) = serde_json::from_slice::<Catalogue>(bytes) else {
        return;
    };
    if catalogue.problem().is_none() {
        let text = String::from_utf8_lossy(bytes);
        for parameter in catalogue.actions.iter().flat_map(|action| &action.parameters) {
            if parameter.check(&text).is_ok() {
                assert!(!text.starts_with('-') && !text.chars().any(char::is_control));
            }
        }
    }
});
