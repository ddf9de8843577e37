//! Forged, changed and unsigned replies against a running worker: its identity stays as it is.

use crate::fake_server::{FakeServer, Session, reply};
use crate::running::{Running, eventually, honest, server_key};
use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

#[test]
fn flipped_bits_in_replies_change_nothing() {
    let flips = Arc::new(AtomicUsize::new(0));
    let flipping = flips.clone();
    let attack = Arc::new(AtomicBool::new(false));
    let attacking = attack.clone();
    let server = FakeServer::start(move |request, session| {
        let mut bytes = honest(request);
        if attacking.load(Ordering::SeqCst) {
            // Another bit each time, in the fields and in the body, beginning behind the status line.
            let number = flipping.fetch_add(1, Ordering::SeqCst);
            let start = bytes
                .windows(16)
                .position(|part| part == b"Content-Digest: ")
                .unwrap()
                + 16;
            let at = start + (number * 53) % (bytes.len() - start);
            bytes[at] ^= 1 << (number % 7);
        }
        session.write_all(&bytes).is_ok()
    });
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start(&server.server(), parent.path());
    eventually("active", || running.identity().len() == 4);
    let before = running.identity();
    attack.store(true, Ordering::SeqCst);
    eventually("attacks", || flips.load(Ordering::SeqCst) >= 4);
    assert_eq!(running.identity(), before);
    attack.store(false, Ordering::SeqCst);
    let so_far = server.requests().len();
    eventually("life goes on", || server.requests().len() > so_far + 1);
    assert_eq!(running.identity(), before);
    running.end();
}

#[test]
fn forged_farewells_cost_nothing() {
    let unknown = br#"{"type":"about:blank","status":404,"code":"unknown_system","detail":"x","server_time_ms":1790000000000,"system_id":42}"#;
    let kind = Arc::new(Mutex::new("honest"));
    let served = kind.clone();
    let answered = Arc::new(AtomicUsize::new(0));
    let counting = answered.clone();
    let server = FakeServer::start(move |request, session: &mut Session| {
        let kind = *served.lock().unwrap();
        let bytes = match kind {
            "unsigned" => reply(404, None, unknown),
            "html" => reply(404, None, b"<html>gone</html>"),
            "another key" => request.signed_reply(&SigningKey::from_bytes(&[1; 32]), 404, unknown),
            "another id" => {
                let other = String::from_utf8_lossy(unknown).replace("42", "43");
                request.signed_reply(&server_key(), 404, other.as_bytes())
            }
            "status changed" => {
                let signed = request.signed_reply(&server_key(), 409, unknown);
                String::from_utf8(signed)
                    .unwrap()
                    .replacen("409", "404", 1)
                    .into_bytes()
            }
            _ => honest(request),
        };
        counting.fetch_add(1, Ordering::SeqCst);
        session.write_all(&bytes).is_ok()
    });
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start(&server.server(), parent.path());
    eventually("active", || running.identity().len() == 4);
    let before = running.identity();
    for attack in ["unsigned", "html", "another key", "another id", "status changed"] {
        *kind.lock().unwrap() = attack;
        let so_far = answered.load(Ordering::SeqCst);
        eventually(attack, || answered.load(Ordering::SeqCst) > so_far + 1);
        *kind.lock().unwrap() = "honest";
        let so_far = answered.load(Ordering::SeqCst);
        eventually("life goes on", || answered.load(Ordering::SeqCst) > so_far + 1);
        assert_eq!(running.identity(), before, "{attack}");
    }
    let registrations = server.requests();
    let registrations = registrations
        .iter()
        .filter(|request| request.path == "/agent/v1/register")
        .count();
    assert_eq!(registrations, 1);
    running.end();
}

#[test]
fn a_stop_breaks_a_request_off() {
    let server = FakeServer::start(|_, _| {
        thread::sleep(Duration::from_secs(60));
        false
    });
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start(&server.server(), parent.path());
    eventually("a request", || !server.requests().is_empty());
    assert!(running.end() < Duration::from_secs(1));
}

#[test]
fn a_key_other_than_the_configured_one_is_never_pinned() {
    let server = FakeServer::start(|request, session| session.write_all(&honest(request)).is_ok());
    let mut configured = server.server();
    let other = PublicKey::from(SigningKey::from_bytes(&[1; 32]).verifying_key());
    configured.server_key_pin = Some(other.fingerprint());
    let parent = tempfile::tempdir().unwrap();
    let running = Running::start(&configured, parent.path());
    eventually("check-ins", || server.requests().len() >= 3);
    assert!(!running.identity().keys().any(|name| name.starts_with("server_")));
    running.end();
}
