//! A request's signature fields, as any stranger may send them: read, then verified with the key of the claimed system.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_fuzz::{BODY, LINE, Message, agent_key, claims};
use scm_protocol::signature::Unverified;

fuzz_target!(|input: &[u8]| {
    let Some(message) = Message::read(input) else {
        return;
    };
    // A new system's key comes with the request; whatever it is, nothing may break.
    if let Ok(registration) = Unverified::parse(LINE, message.fields, message.body) {
        let _ = registration.verify_registration();
    }
    let Ok(unverified) = Unverified::parse(LINE, message.fields, message.body) else {
        return;
    };
    let _ = unverified.claims().sequence();
    if let Ok((verified, body)) = unverified.verify(&agent_key().verifying_key().into()) {
        assert_eq!(verified, claims(), "a claim was changed and still verified");
        assert_eq!(*body.get(), BODY, "the body was changed and still verified");
    }
});
