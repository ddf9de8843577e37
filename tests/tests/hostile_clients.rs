//! Clients that are slow, strange, too many or mad: each is turned away, and the server is none the worse for it.

use anyhow::{Context, Result, ensure};
use scm_tests::http::{Endpoint, Reply};
use scm_tests::programs::{Server, eventually};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

async fn send(endpoint: &Endpoint, bytes: &[u8]) -> Result<Reply> {
    timeout(Duration::from_secs(20), endpoint.connect().await?.exchange(bytes)).await?
}

/// Bytes sent without TLS, or within it, and then silence: the server closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_closed() -> Result<()> {
    let limits = "header_timeout_secs = 1\nbody_timeout_secs = 1";
    let server = Server::builder().limits(limits).start().await?;
    let endpoint = server.endpoint()?;
    let began = Instant::now();

    let mut silent = TcpStream::connect(("127.0.0.1", server.port())).await?;
    let mut half_headers = endpoint.connect().await?;
    half_headers.send(b"GET /healthz HTTP/1.1\r\nhost: local").await?;
    let mut half_body = endpoint.connect().await?;
    half_body
        .send(b"POST /api/v1/sessions HTTP/1.1\r\nhost: l\r\ncontent-length: 100\r\n\r\n{")
        .await?;

    let patience = Duration::from_secs(15);
    let mut bytes = Vec::new();
    timeout(patience, silent.read_to_end(&mut bytes))
        .await
        .context("a silent connection stays open")??;
    let rest = timeout(patience, half_headers.read_to_end())
        .await
        .context("half a header stays open")?;
    assert!(!String::from_utf8_lossy(&rest.unwrap_or_default()).starts_with("HTTP/1.1 200"));
    let rest = timeout(patience, half_body.read_to_end())
        .await
        .context("half a body stays open")?;
    assert!(!String::from_utf8_lossy(&rest.unwrap_or_default()).starts_with("HTTP/1.1 200"));
    assert!(
        began.elapsed() >= Duration::from_millis(900),
        "closed before its time"
    );
    server.assert_healthy().await
}

/// One byte of header at a time does not buy more time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dripping_header_is_closed() -> Result<()> {
    let server = Server::builder()
        .limits("header_timeout_secs = 1")
        .start()
        .await?;
    let mut connection = server.endpoint()?.connect().await?;
    connection.send(b"GET /healthz HTTP/1.1\r\n").await?;
    let dripping = async {
        while connection.send(b"x-a: b\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), dripping)
        .await
        .context("a dripping connection stays open")?;
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_requests_are_refused() -> Result<()> {
    let server = Server::start_default().await?;
    let endpoint = server.endpoint()?;
    for request in [
        "CONNECT localhost:443 HTTP/1.1\r\nhost: localhost:443\r\n\r\n",
        "GET http://example.org/ HTTP/1.1\r\nhost: example.org\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "GET / HTTP/9.9\r\nhost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
    ] {
        match send(&endpoint, request.as_bytes()).await {
            Ok(reply) => ensure!(
                (400..500).contains(&reply.status),
                "{request:?}: {}",
                reply.status
            ),
            // Closed without an answer is a refusal too.
            Err(error) => ensure!(error.to_string().contains("closed"), "{request:?}: {error:#}"),
        }
    }
    let many: String = (0..2000)
        .map(|number| format!("x-{number}: {}\r\n", "y".repeat(40)))
        .collect();
    let request = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    if let Ok(reply) = send(&endpoint, request.as_bytes()).await {
        assert_eq!(reply.status, 431);
    }
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_connections_get_503_and_when_to_come_back() -> Result<()> {
    let server = Server::builder().limits("max_connections = 16").start().await?;
    let endpoint = server.endpoint()?;
    let health = endpoint.request("GET", "/healthz", &[], b"");
    let mut held = Vec::new();
    for _ in 0..16 {
        let mut connection = endpoint.connect().await?;
        assert_eq!(connection.exchange(&health).await?.status, 200);
        held.push(connection);
    }
    let reply = send(&endpoint, &health).await?;
    assert_eq!(reply.status, 503);
    let wait: u32 = reply.header("retry-after").context("no Retry-After")?.parse()?;
    assert!((1..=60).contains(&wait));
    drop(held);
    eventually("room again", 10, async || {
        Ok((send(&endpoint, &health).await?.status == 200).then_some(()))
    })
    .await?;
    server.assert_healthy().await
}

/// A queue of one and a crowd: everyone is answered, with success or with when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_503_and_when_to_come_back() -> Result<()> {
    let server = Server::builder().limits("max_queue = 1").start().await?;
    let mut rogue = server.active_rogue().await?;
    let mut waiting = Vec::new();
    for _ in 0..48 {
        let request = rogue.checkin()?.bytes(&rogue.endpoint);
        let mut connection = rogue.connect().await?;
        waiting.push(async move { connection.exchange(&request).await });
    }
    let crowd: Vec<_> = waiting.into_iter().map(tokio::spawn).collect();
    let mut counts = (0, 0);
    for one in crowd {
        let reply = one.await??;
        match reply.status {
            200 => counts.0 += 1,
            503 => {
                assert!(reply.header("retry-after").is_some(), "no Retry-After");
                counts.1 += 1;
            }
            other => anyhow::bail!("status {other}: {}", reply.text()),
        }
    }
    assert!(
        counts.0 > 0 && counts.1 > 0,
        "{} were taken and {} sent away",
        counts.0,
        counts.1
    );
    server.assert_healthy().await
}

/// Random bytes, by the thousand, with and without TLS: no crash, no 500, no growing memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_neither_kills_nor_grows_the_server() -> Result<()> {
    let mut server = Server::start_default().await?;
    let endpoint = server.endpoint()?;
    let before = server.resident_kib()?;
    let mut noise = vec![0; 4096];
    for round in 0..300 {
        getrandom::fill(&mut noise)?;
        if round % 3 == 0 {
            let mut tcp = TcpStream::connect(("127.0.0.1", server.port())).await?;
            // The server may hang up first.
            let _ = tcp.write_all(&noise).await;
            continue;
        }
        let request = match round % 3 {
            1 => noise.clone(),
            _ => endpoint.request("POST", "/agent/v1/checkin", &[("signature", "scm=:AA:")], &noise),
        };
        if let Ok(reply) = send(&endpoint, &request).await {
            assert!((400..500).contains(&reply.status), "status {}", reply.status);
        }
    }
    let grown = server.resident_kib()?.saturating_sub(before);
    assert!(grown < 64 * 1024, "the server grew by {grown} KiB");
    server.assert_healthy().await
}
