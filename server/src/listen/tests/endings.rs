use std::fs;

use crate::homes::Homes;

use super::{Duration, Instant, Running, between, pki, short, trusting};

#[tokio::test]
async fn a_changed_certificate_takes_effect_without_a_restart() {
    let server = Running::with(short());
    let mut before = server.connect().await;
    assert_eq!(before.get("/hello").await.status(), 200);
    assert!(!server.tls.reload_if_changed());

    let other = tempfile::tempdir().unwrap();
    let new = pki(other.path());
    let folder = server.folder.path().join("pki");
    // Half of the change: not a pair, so the one in use stays.
    fs::copy(new.certificate_path(), folder.join("server.pem")).unwrap();
    assert!(!server.tls.reload_if_changed());
    assert_eq!(server.get("/hello").await.status(), 200);
    // The other half.
    fs::copy(new.key_path(), folder.join("server.key")).unwrap();
    assert!(server.tls.reload_if_changed());
    assert!(!server.tls.reload_if_changed());

    assert!(
        server.try_connect().await.is_err(),
        "the old authority's pin must not fit any more"
    );
    let mut after = server.try_connect_as(&trusting(&new)).await.unwrap();
    assert_eq!(after.get("/hello").await.status(), 200);
    assert_eq!(before.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn a_hangup_signal_reads_the_certificate_at_once() {
    let server = Running::with(short());
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(server.tls.clone().watch(stopped));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = server.tls.current();
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::HUP).unwrap();
    let start = Instant::now();
    while std::sync::Arc::ptr_eq(&before, &server.tls.current()) {
        assert!(start.elapsed() < Duration::from_secs(5), "not read again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn sessions_are_resumed() {
    let server = Running::with(short());
    let kind = |connection: &super::Connection| connection.stream.get_ref().1.handshake_kind();
    let mut first = server.connect().await;
    first.get("/hello").await;
    assert_eq!(kind(&first), Some(rustls::HandshakeKind::Full));
    let mut second = server.connect().await;
    second.get("/hello").await;
    assert_eq!(kind(&second), Some(rustls::HandshakeKind::Resumed));
    assert_eq!(second.stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn a_drain_finishes_what_is_in_flight_and_closes_what_is_idle() {
    let server = Running::with(short());
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/hello").await.status(), 200);
    let silent = server.connect().await;
    let mut busy = server.connect().await;
    busy.send("GET /slow/600 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;

    server.stop.send(true).unwrap();
    let start = Instant::now();
    assert!(idle.closed_after().await < Duration::from_millis(200));
    assert!(silent.closed_after().await < Duration::from_millis(200));
    assert!(server.try_connect().await.is_err());
    let reply = busy.reply().await;
    assert_eq!(
        (reply.body.as_str(), reply.header("connection")),
        ("slow", Some("close"))
    );
    server.served.await.unwrap();
    between(start.elapsed(), 400, 950);
}

#[tokio::test]
async fn a_drain_does_not_wait_for_ever() {
    let server = Running::with(short());
    let mut busy = server.connect().await;
    busy.send("GET /slow/60000 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let start = Instant::now();
    server.stop.send(true).unwrap();
    server.served.await.unwrap();
    between(start.elapsed(), 900, 1900);
    assert!(busy.try_reply().await.is_err());
}

#[tokio::test]
async fn a_lost_owner_stops_the_listener() {
    let server = Running::with(short());
    drop(server.stop);
    tokio::time::timeout(Duration::from_secs(2), server.served)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let server = Running::with(short());
    let error = server.bind(server.address).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", server.address)),
        "{error}"
    );
}

#[tokio::test]
async fn every_address_of_the_machine_is_one_socket() {
    let server = Running::with(short());
    let listener = server.bind("[::]:0".parse().unwrap()).unwrap();
    let port = listener.local_addrs()[0].port();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let served = tokio::spawn(listener.serve(warp::service(super::routes()), stopped, Homes::only_here()));
    for host in ["127.0.0.1", "::1"] {
        let ip: std::net::IpAddr = host.parse().unwrap();
        let tcp = tokio::net::TcpStream::connect((ip, port)).await.unwrap();
        let mut connection = Running::shake(&server.client, tcp).await.unwrap();
        assert_eq!(connection.get("/peer").await.body, host);
    }
    stop.send(true).unwrap();
    served.await.unwrap();
}
