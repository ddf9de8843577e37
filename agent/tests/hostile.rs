//! The agent against servers and networks that mean it harm: bounds, redirects, wrong certificates, flipped bits, silence.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod fake_server;

use ed25519_dalek::SigningKey;
use fake_server::{FakeServer, Request, Session, reply};
use scm_protocol::signature::{KeyId, RequestClaims, Signer, sign_request};
use scmclient::clock::SystemClock;
use scmclient::config::{Server, Telemetry};
use scmclient::identity::StateFolder;
use scmclient::stop::Stop;
use scmclient::wire::{Client, Failure, SentRequest};
use scmclient::worker::{Surroundings, Worker};
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(2);

fn request() -> SentRequest {
    let key = SigningKey::from_bytes(&[7; 32]);
    let path = "/agent/v1/register";
    let claims = RequestClaims {
        keyid: KeyId {
            organization: "default".parse().unwrap(),
            signer: Signer::New(key.verifying_key().into()),
        },
        created_secs: 1_790_000_000,
        nonce: "x".to_owned(),
    };
    let body = b"{}".to_vec();
    let fields = sign_request(&key, SentRequest::line(path), &body, &claims);
    SentRequest { path, fields, body }
}

fn client(server: &Server) -> Client {
    Client::with_limit(server, None, LIMIT).unwrap()
}

fn ask(server: &FakeServer) -> Result<scmclient::wire::RawReply, Failure> {
    client(&server.server()).exchange(&request())
}

fn unreachable(result: Result<scmclient::wire::RawReply, Failure>) -> String {
    match result {
        Err(Failure::Unreachable(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_good_reply_is_read_and_its_connection_kept() {
    let server = FakeServer::start(|_, session| session.write_all(&reply(200, None, b"{}")).is_ok());
    let client = client(&server.server());
    for _ in 0..3 {
        let reply = client.exchange(&request()).unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, &b"{}"[..]));
    }
    assert_eq!(server.connections(), 1);
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = FakeServer::start(|_, session| session.write_all(&reply(200, None, b"{}")).is_ok());
    for status in [301, 302, 303, 307, 308] {
        let target = elsewhere.url.clone();
        let server = FakeServer::start(move |_, session| {
            let head = format!("HTTP/1.1 {status} X\r\nLocation: {target}/\r\nContent-Length: 0\r\n\r\n");
            session.write_all(head.as_bytes()).is_ok()
        });
        assert_eq!(ask(&server).unwrap().status, status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_endless_body_is_bounded() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counting = sent.clone();
    let server = FakeServer::start(move |_, session| {
        let _ = session.write_all(b"HTTP/1.1 200 X\r\n\r\n");
        while session.write_all(&[b' '; 4096]).is_ok() {
            counting.fetch_add(4096, Ordering::SeqCst);
        }
        false
    });
    assert!(unreachable(ask(&server)).contains("larger than 65536 bytes"));
    let announced = FakeServer::start(|_, session| {
        let _ = session.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 99999999999\r\n\r\n");
        while session.write_all(&[b' '; 4096]).is_ok() {}
        false
    });
    assert!(unreachable(ask(&announced)).contains("larger than 65536 bytes"));
}

#[test]
fn an_endless_header_is_bounded() {
    let server = FakeServer::start(|_, session| {
        let _ = session.write_all(b"HTTP/1.1 200 X\r\n");
        while session
            .write_all(b"X-Padding: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
            .is_ok()
        {}
        false
    });
    let started = Instant::now();
    unreachable(ask(&server));
    assert!(started.elapsed() < LIMIT * 3);
}

#[test]
fn a_trickling_reply_ends_in_time() {
    let server = FakeServer::start(|_, session| {
        let _ = session.write_all(b"HTTP/1.1 200 X\r\nContent-Length: 60000\r\n\r\n");
        while session.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
        false
    });
    let started = Instant::now();
    unreachable(ask(&server));
    assert!(started.elapsed() < LIMIT * 2, "{:?}", started.elapsed());
}

#[test]
fn a_silent_server_is_given_up() {
    let server = FakeServer::start(|_, _| {
        thread::sleep(Duration::from_secs(60));
        false
    });
    let started = Instant::now();
    unreachable(ask(&server));
    assert!(started.elapsed() < LIMIT * 2, "{:?}", started.elapsed());
    // Not even TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut silent = server.server();
    silent.url = format!("https://{}", listener.local_addr().unwrap());
    let started = Instant::now();
    unreachable(client(&silent).exchange(&request()));
    assert!(started.elapsed() < LIMIT * 2, "{:?}", started.elapsed());
}

#[test]
fn what_is_not_http_is_no_reply() {
    for garbage in [
        &b"SSH-2.0-OpenSSH\r\n"[..],
        b"",
        b"HTTP/1.1 OK\r\n\r\n",
        &[0xFF; 300],
    ] {
        let server = FakeServer::start(move |_, session| {
            let _ = session.write_all(garbage);
            false
        });
        unreachable(ask(&server));
    }
}

#[test]
fn a_server_with_another_authority_is_refused() {
    let server = FakeServer::start(|_, session| session.write_all(&reply(200, None, b"{}")).is_ok());
    let mut wrong = server.server();
    wrong.trust = scm_tls::Trust::CaPin([0xAB; 32]);
    let failure = client(&wrong).exchange(&request()).unwrap_err();
    assert!(matches!(failure, Failure::Untrusted(_)), "{failure}");
    assert!(server.requests().is_empty(), "a request was sent to it");
    // Nor is it trusted under another name.
    let mut named = server.server();
    named.url = named.url.replace("127.0.0.1", "localhost");
    let failure = client(&named).exchange(&request()).unwrap_err();
    assert!(matches!(failure, Failure::Untrusted(_)), "{failure}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_proxy_carries_the_tunnel_and_nothing_else() {
    let server = FakeServer::start(|_, session| session.write_all(&reply(200, None, b"{}")).is_ok());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let carrying = thread::spawn(move || {
        let (mut inner, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            inner.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut outer = TcpStream::connect(head.split(' ').nth(1).unwrap()).unwrap();
        inner.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
        let (mut from, mut to) = (inner.try_clone().unwrap(), outer.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut from, &mut to));
        thread::spawn(move || std::io::copy(&mut outer, &mut inner));
        head
    });
    let proxy = scmclient::config::Secret::from(proxy);
    let client = Client::with_limit(&server.server(), Some(&proxy), LIMIT).unwrap();
    assert_eq!(client.exchange(&request()).unwrap().status, 200);
    let head = carrying.join().unwrap();
    assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
}

/// A worker with files of its own.
struct Running {
    parent: tempfile::TempDir,
    stop: Arc<Stop>,
    client: Client,
    thread: thread::JoinHandle<()>,
}

impl Running {
    fn start(server: &Server) -> Self {
        let parent = tempfile::tempdir().unwrap();
        let stop = Arc::new(Stop::default());
        let around = Surroundings {
            clock: Arc::new(SystemClock),
            stop: stop.clone(),
            folder: Arc::new(StateFolder::open(&parent.path().join("client")).unwrap()),
            boot_id: "0".repeat(32),
        };
        let client = Client::new(server, None).unwrap();
        let telemetry = Telemetry {
            enabled: false,
            containers: false,
        };
        let worker = Worker::new(around, server.clone(), client.clone(), telemetry).unwrap();
        let thread = thread::spawn(|| worker.run());
        Running {
            parent,
            stop,
            client,
            thread,
        }
    }

    fn end(self) -> Duration {
        let started = Instant::now();
        self.stop.request();
        self.client.shut_down();
        self.thread.join().unwrap();
        started.elapsed()
    }

    /// Names and contents of what makes the identity.
    fn identity(&self) -> BTreeMap<String, Vec<u8>> {
        let kept = |name: &str| [".key", ".pub", ".id"].iter().any(|kind| name.ends_with(kind));
        files(&self.parent.path().join("client"))
            .into_iter()
            .filter(|(name, _)| kept(name))
            .collect()
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap();
    let read = |entry: std::fs::DirEntry| {
        let content = std::fs::read(entry.path()).ok()?;
        Some((entry.file_name().into_string().unwrap(), content))
    };
    entries.filter_map(|entry| read(entry.unwrap())).collect()
}

fn eventually(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        thread::sleep(Duration::from_millis(10));
    }
}

fn server_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

/// The honest answer to a request, from an organization that approves at once.
fn honest(request: &Request) -> Vec<u8> {
    let time = "\"next_checkin_secs\":1,\"server_time_ms\":1790000000000";
    let body = if request.path == "/agent/v1/register" {
        format!("{{\"system_id\":42,\"organization\":\"default\",\"status\":\"active\",{time}}}")
    } else if request
        .body
        .windows(21)
        .any(|part| part == b"\"has_server_key\":true")
    {
        format!("{{\"status\":\"active\",{time}}}")
    } else {
        let key = scm_protocol::identity::PublicKey::from(server_key().verifying_key());
        format!("{{\"status\":\"active\",\"server_public_key\":\"{key}\",{time}}}")
    };
    request.signed_reply(&server_key(), 200, body.as_bytes())
}

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
    let running = Running::start(&server.server());
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
    let running = Running::start(&server.server());
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
    let running = Running::start(&server.server());
    eventually("a request", || !server.requests().is_empty());
    assert!(running.end() < Duration::from_secs(1));
}

#[test]
fn a_key_other_than_the_configured_one_is_never_pinned() {
    let server = FakeServer::start(|request, session| session.write_all(&honest(request)).is_ok());
    let mut configured = server.server();
    let other = scm_protocol::identity::PublicKey::from(SigningKey::from_bytes(&[1; 32]).verifying_key());
    configured.server_key_pin = Some(other.fingerprint());
    let running = Running::start(&configured);
    eventually("check-ins", || server.requests().len() >= 3);
    assert!(!running.identity().keys().any(|name| name.starts_with("server_")));
    running.end();
}
