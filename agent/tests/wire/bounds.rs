//! What a hostile or broken server and network may cost: time, memory, and nothing else.

use crate::fake_server::{FakeServer, reply};
use ed25519_dalek::SigningKey;
use scm_protocol::signature::{KeyId, RequestClaims, Signer, sign_request};
use scmclient::config::{Secret, Server};
use scmclient::wire::{Client, Failure, RawReply, SentRequest};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
    SentRequest {
        path,
        fields,
        body,
        pinned: None,
    }
}

fn client(server: &Server) -> Client {
    Client::with_limit(server, None, LIMIT).unwrap()
}

fn ask(server: &FakeServer) -> Result<RawReply, Failure> {
    client(&server.server()).exchange(&request(), Duration::ZERO)
}

fn unreachable(result: Result<RawReply, Failure>) -> String {
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
        let reply = client.exchange(&request(), Duration::ZERO).unwrap();
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
    unreachable(client(&silent).exchange(&request(), Duration::ZERO));
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
    let failure = client(&wrong).exchange(&request(), Duration::ZERO).unwrap_err();
    assert!(matches!(failure, Failure::Untrusted(_)), "{failure}");
    assert!(server.requests().is_empty(), "a request was sent to it");
    // Nor is it trusted under another name.
    let mut named = server.server();
    named.url = named.url.replace("127.0.0.1", "localhost");
    let failure = client(&named).exchange(&request(), Duration::ZERO).unwrap_err();
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
    let proxy = Secret::from(proxy);
    let client = Client::with_limit(&server.server(), Some(&proxy), LIMIT).unwrap();
    assert_eq!(client.exchange(&request(), Duration::ZERO).unwrap().status, 200);
    let head = carrying.join().unwrap();
    assert!(head.starts_with("CONNECT 127.0.0.1:"), "{head}");
}
