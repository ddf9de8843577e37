//! What a worker does over its life with an honest server.

use crate::fake_server::{FakeServer, Request, reply};
use crate::running::{Running, eventually, honest, server_key};
use scmclient::config::Secret;
use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};

const TOKEN: &str = "oscm_0123456789";

/// A server that never approves.
fn hesitant() -> FakeServer {
    FakeServer::start(|request, session| session.write_all(&pending(request)).is_ok())
}

fn pending(request: &Request) -> Vec<u8> {
    let time = "\"next_checkin_secs\":1,\"server_time_ms\":1790000000000";
    let body = if is_registration(request) {
        format!("{{\"system_id\":42,\"organization\":\"default\",\"status\":\"pending\",{time}}}")
    } else {
        format!("{{\"status\":\"pending\",{time}}}")
    };
    request.signed_reply(&server_key(), 200, body.as_bytes())
}

fn is_registration(request: &Request) -> bool {
    request.path == "/agent/v1/register"
}

fn registrations(server: &FakeServer) -> Vec<Request> {
    let requests = server.requests();
    requests.into_iter().filter(is_registration).collect()
}

fn check_ins(server: &FakeServer) -> usize {
    server.requests().len() - registrations(server).len()
}

fn has_token(request: &Request) -> bool {
    request
        .body
        .windows(TOKEN.len())
        .any(|part| part == TOKEN.as_bytes())
}

#[test]
fn a_token_that_came_later_is_presented_once() {
    let server = hesitant();
    let parent = tempfile::tempdir().unwrap();
    let mut configured = server.server();
    let running = Running::start(&configured, parent.path());
    eventually("a check-in", || check_ins(&server) > 0);
    running.end();
    assert!(!server.requests().iter().any(has_token));
    let before = check_ins(&server);
    configured.enrollment_token = Some(Secret::from(TOKEN.to_owned()));
    let running = Running::start(&configured, parent.path());
    eventually("check-ins", || check_ins(&server) > before + 1);
    running.end();
    let registrations = registrations(&server);
    assert_eq!(registrations.len(), 2);
    assert!(has_token(&registrations[1]));
    let with_token = server
        .requests()
        .iter()
        .filter(|request| has_token(request))
        .count();
    assert_eq!(with_token, 1, "the token was sent with something else");
}

#[test]
fn a_token_is_presented_until_the_server_has_looked_at_it() {
    let put_off = AtomicUsize::new(0);
    let server = FakeServer::start(move |request, session| {
        let busy = has_token(request) && put_off.fetch_add(1, Ordering::SeqCst) < 2;
        let bytes = if busy {
            reply(503, None, b"")
        } else {
            pending(request)
        };
        session.write_all(&bytes).is_ok()
    });
    let parent = tempfile::tempdir().unwrap();
    let mut configured = server.server();
    let running = Running::start(&configured, parent.path());
    eventually("a check-in", || check_ins(&server) > 0);
    running.end();
    configured.enrollment_token = Some(Secret::from(TOKEN.to_owned()));
    let before = check_ins(&server);
    let running = Running::start(&configured, parent.path());
    eventually("check-ins", || check_ins(&server) > before + 1);
    running.end();
    let presented = server
        .requests()
        .iter()
        .filter(|request| has_token(request))
        .count();
    assert_eq!(presented, 3);
}

#[test]
fn an_active_agent_registers_once_in_its_life() {
    let server = FakeServer::start(|request, session| session.write_all(&honest(request)).is_ok());
    let parent = tempfile::tempdir().unwrap();
    let mut configured = server.server();
    configured.enrollment_token = Some(Secret::from(TOKEN.to_owned()));
    for round in 1..=3 {
        let before = check_ins(&server);
        let running = Running::start(&configured, parent.path());
        eventually("check-ins", || check_ins(&server) > before + 1);
        running.end();
        assert_eq!(registrations(&server).len(), 1, "in round {round}");
    }
}

#[test]
fn no_sequence_number_is_sent_twice_over_restarts() {
    let server = FakeServer::start(|request, session| session.write_all(&honest(request)).is_ok());
    let parent = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let before = check_ins(&server);
        let running = Running::start(&server.server(), parent.path());
        eventually("check-ins", || check_ins(&server) > before + 1);
        running.end();
    }
    let requests = server.requests();
    let sent: Vec<u64> = requests
        .iter()
        .filter(|request| !is_registration(request))
        .map(|request| {
            let (_, rest) = request.fields.signature_input.split_once("nonce=\"").unwrap();
            rest.split_once('"').unwrap().0.parse().unwrap()
        })
        .collect();
    assert!(sent.windows(2).all(|pair| pair[0] < pair[1]), "{sent:?}");
}

#[test]
fn an_id_that_cannot_be_kept_is_asked_for_again() {
    let server = FakeServer::start(|request, session| session.write_all(&honest(request)).is_ok());
    let parent = tempfile::tempdir().unwrap();
    // A folder in the temporary file's place: writing fails as on a full disk, also for root.
    let configured = server.server();
    let blocked = format!("client/{}.tmp", configured.tag.file("client", "id"));
    let blocked = parent.path().join(blocked);
    let running = Running::start(&configured, parent.path());
    let _ = std::fs::create_dir_all(blocked.join("x"));
    eventually("attempts to register", || registrations(&server).len() > 1);
    assert_eq!(check_ins(&server), 0, "an id was used that is not kept");
    std::fs::remove_dir_all(&blocked).unwrap();
    eventually("a check-in", || check_ins(&server) > 0);
    running.end();
}
