use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Connection, Duration, Instant, Limits, Running, STREAMING, between, short};

#[tokio::test]
async fn headers_that_do_not_come_close_the_connection() {
    let server = Running::with(short());
    between(server.connect().await.closed_after().await, 300, 900);
    let mut half = server.connect().await;
    half.send("GET /hello HTTP/1.1\r\nHo").await;
    between(half.closed_after().await, 300, 900);
}

#[tokio::test]
async fn headers_that_come_drop_by_drop_close_the_connection() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    assert_eq!(connection.get("/hello").await.status(), 200);
    let start = Instant::now();
    for byte in "GET /hello HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\r\n".bytes() {
        if connection.try_send([byte]).await.is_err() || start.elapsed() > Duration::from_secs(5) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(connection.try_reply().await.is_err());
    between(start.elapsed(), 300, 3500);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_closes_the_connection() {
    let server = Running::with(short());
    for opening in [&b""[..], &[22, 3, 1, 2, 0, 1], b"GET / HTTP/1.1\r\n\r\n"] {
        let mut tcp = server.tcp().await;
        tcp.write_all(opening).await.unwrap();
        let start = Instant::now();
        let mut scrap = Vec::new();
        drop(
            tokio::time::timeout(Duration::from_secs(5), tcp.read_to_end(&mut scrap))
                .await
                .unwrap(),
        );
        assert!(start.elapsed() < Duration::from_millis(900), "{opening:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_outlives_the_header_timeout_but_not_its_own() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    assert_eq!(connection.get("/hello").await.status(), 200);
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(connection.get("/hello").await.status(), 200);
    between(connection.closed_after().await, 1300, 2500);
}

#[tokio::test]
async fn a_service_may_take_longer_than_any_timeout() {
    let server = Running::with(short());
    assert_eq!(server.get("/slow/2500").await.body, "slow");
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        .await;
    let start = Instant::now();
    for _ in 0..6 {
        connection.try_send("y").await.ok();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let reply = connection.reply().await;
    assert_eq!((reply.status(), reply.code().as_str()), (408, "body_timeout"));
    between(start.elapsed(), 400, 1500);
}

#[tokio::test]
async fn a_client_that_stops_reading_is_given_up() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection.send("GET /endless HTTP/1.1\r\nHost: x\r\n\r\n").await;
    connection.more().await.unwrap();
    let start = Instant::now();
    while STREAMING.load(Ordering::SeqCst) > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "still streaming");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    between(start.elapsed(), 300, 3000);
}

/// Takes all seats, each with a request in flight or an idle connection.
async fn fill(server: &Running, seats: usize) -> Vec<Connection> {
    let mut taken = Vec::new();
    for _ in 0..seats {
        let mut connection = server.connect().await;
        assert_eq!(connection.get("/hello").await.status(), 200);
        taken.push(connection);
    }
    taken
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_so_or_closed() {
    let server = Running::with(Limits {
        idle_timeout: Duration::from_secs(20),
        ..short()
    });
    let mut seats = fill(&server, 8).await;
    let reply = server.get("/hello").await;
    assert_eq!((reply.status(), reply.code().as_str()), (503, "busy"));
    assert_eq!(
        (reply.header("retry-after"), reply.header("connection")),
        (Some("5"), Some("close"))
    );

    // A request with a body is told the same.
    let mut posting = server.connect().await;
    posting
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        .await;
    posting.try_send(vec![b'y'; 100_000]).await.ok();
    assert_eq!(posting.reply().await.status(), 503);
    drop(posting);

    // Two more, which say nothing, take the reserve; then there is no answer at all.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let _silent = (server.tcp().await, server.tcp().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(server.try_connect().await.is_err());

    for seat in &mut seats {
        assert_eq!(seat.get("/hello").await.status(), 200);
    }
    seats.pop();
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(server.get("/hello").await.status(), 200);
}
