//! A reply as the agent reads it, from whoever sits between it and its server: with a pinned key, and before there is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scm_fuzz::{BODY, Message, STATUS, is_the_reply, request, server_key};
use scm_protocol::agent::CHECKIN_PATH;
use scmclient::wire::{Answer, Evidence, RawReply, SentRequest, Trusted, read_checkin, read_registration};

fuzz_target!(|input: (u16, &[u8])| {
    let (status, bytes) = input;
    // Small inputs keep the statuses that matter in reach.
    let status = if status % 2 == 0 {
        STATUS
    } else {
        100 + status % 500
    };
    let Some(message) = Message::read(bytes) else {
        return;
    };
    let sent = SentRequest {
        path: CHECKIN_PATH,
        fields: request(),
        body: BODY.to_vec(),
        pinned: None,
    };
    let reply = RawReply {
        status,
        content_digest: Some(message.fields.content_digest.to_owned()),
        signature_input: Some(message.fields.signature_input.to_owned()),
        signature: Some(message.fields.signature.to_owned()),
        key_chain: None,
        retry_after_secs: None,
        body: message.body.to_vec(),
    };
    let pinned = Trusted {
        server_key: Some(server_key().verifying_key().into()),
        server_key_pin: None,
    };
    match read_checkin(&sent, Ok(reply.clone()), &pinned) {
        Answer::CheckedIn(Evidence::Pinned(taken)) => {
            assert!(
                status == STATUS && is_the_reply(taken.get()),
                "a changed reply was believed"
            );
        }
        Answer::CheckedIn(Evidence::Tls(_))
        | Answer::Introduced { .. }
        | Answer::Registered(_)
        | Answer::Certified(_)
        | Answer::Rotated(_) => {
            panic!("an unsigned reply was believed although a key is pinned")
        }
        Answer::Refused(evidence) => {
            assert!(
                !matches!(evidence, Evidence::Tls(_)),
                "an unsigned refusal was believed although a key is pinned"
            );
        }
        Answer::Untrusted { .. } | Answer::Barred { .. } | Answer::Failed { .. } => {}
    }
    let unpinned = Trusted {
        server_key: None,
        server_key_pin: None,
    };
    let _ = read_registration(&sent, Ok(reply.clone()), &unpinned);
    if let Answer::CheckedIn(Evidence::Pinned(_)) | Answer::Refused(Evidence::Pinned(_)) =
        read_checkin(&sent, Ok(reply), &unpinned)
    {
        panic!("there is no key that could vouch for this");
    }
});
