use super::{Duration, Running, short};

#[tokio::test]
async fn requests_are_served_over_one_connection() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    for _ in 0..3 {
        let reply = connection.get("/hello").await;
        assert_eq!((reply.status(), reply.body.as_str()), (200, "hello"));
    }
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345")
        .await;
    assert_eq!(connection.reply().await.body, "5");
    connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n").await;
    assert_eq!(connection.reply().await.body, "7");
    assert_eq!(connection.get("/nothing").await.status(), 404);
}

#[tokio::test]
async fn connections_take_turns_among_the_homes_and_stay_there() {
    let server = Running::with(short());
    let mut connections = [
        server.connect().await,
        server.connect().await,
        server.connect().await,
    ];
    let mut rounds = Vec::new();
    for _ in 0..3 {
        let mut round = String::new();
        for connection in &mut connections {
            round += &connection.get("/home").await.body;
        }
        rounds.push(round);
    }
    assert!(["010", "101"].contains(&rounds[0].as_str()), "{rounds:?}");
    assert!(rounds.iter().all(|round| *round == rounds[0]), "{rounds:?}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection
        .send("GET /slow/100 HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        .await;
    assert_eq!(connection.reply().await.body, "slow");
    assert_eq!(connection.reply().await.body, "hello");
}

#[tokio::test]
async fn targets_that_would_make_warp_panic_are_refused() {
    let server = Running::with(short());
    for line in [
        "CONNECT host:443",
        "CONNECT /",
        "GET http://host/hello",
        "OPTIONS *",
        "GET host:443",
        "GET https://h:1",
    ] {
        let mut connection = server.connect().await;
        connection
            .send(format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n"))
            .await;
        let reply = connection.reply().await;
        assert_eq!(reply.status(), 400, "{line}");
        // hyper itself refuses some of them, without a body.
        if !reply.body.is_empty() {
            assert_eq!(reply.code(), "malformed_request", "{line}");
        }
    }
    assert_eq!(server.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_closed() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection.send("\u{16}\u{3}\u{1} rubbish\r\n\r\n").await;
    assert_eq!(connection.reply().await.status(), 400);
    assert!(connection.closed_after().await < Duration::from_millis(300));
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    let long = "a".repeat(20_000);
    connection
        .try_send(format!("GET /hello HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"))
        .await
        .ok();
    assert_eq!(connection.reply().await.status(), 431);
}

#[tokio::test]
async fn a_panic_is_one_500_and_the_connection_lives() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    for path in ["/panic", "/panic/later", "/panic"] {
        let reply = connection.get(path).await;
        assert_eq!(
            (reply.status(), reply.code().as_str()),
            (500, "internal"),
            "{path}"
        );
        assert_eq!(connection.get("/hello").await.status(), 200);
    }
}

#[tokio::test]
async fn a_body_is_refused_beyond_the_limit_whether_announced_or_not() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n")
        .await;
    connection.send("y".repeat(10_000)).await;
    assert_eq!(connection.reply().await.body, "10000");
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10001\r\n\r\n")
        .await;
    assert_eq!(connection.reply().await.code(), "body_too_large");

    let mut connection = server.connect().await;
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..11 {
        connection
            .try_send(format!("3e8\r\n{}\r\n", "z".repeat(1000)))
            .await
            .ok();
    }
    let reply = connection.reply().await;
    assert_eq!((reply.status(), reply.code().as_str()), (413, "body_too_large"));
    assert_eq!(reply.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_answered() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    let head = "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ";
    connection.send(format!("{head}3\r\n\r\n")).await;
    assert_eq!(connection.reply().await.status(), 100);
    connection.send("abc").await;
    assert_eq!(connection.reply().await.body, "3");
    connection.send(format!("{head}10001\r\n\r\n")).await;
    assert_eq!(connection.reply().await.status(), 413);
}

/// Without listening on for a moment, the reset of the connection would overtake the reply.
#[tokio::test]
async fn a_client_that_sends_on_still_reads_why_it_was_refused() {
    let server = Running::with(short());
    for _ in 0..20 {
        let mut connection = server.connect().await;
        connection
            .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
            .await;
        let body = vec![b'y'; 3_000_000];
        connection.try_send(&body).await.ok();
        assert_eq!(connection.reply().await.status(), 413);
    }
}

#[tokio::test]
async fn a_body_that_is_not_framed_is_refused() {
    let server = Running::with(short());
    let mut connection = server.connect().await;
    connection
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        .await;
    assert_eq!(connection.reply().await.status(), 400);
    assert_eq!(server.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn bodies_together_are_bounded() {
    let server = Running::with(short());
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let mut connection = server.connect().await;
        connection
            .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10000\r\n\r\n")
            .await;
        connection.send("y".repeat(9_999)).await;
        waiting.push(connection);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut late = server.connect().await;
    late.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
        .await;
    late.send("y".repeat(9_000)).await;
    let reply = late.reply().await;
    assert_eq!((reply.status(), reply.code().as_str()), (503, "busy"));
    assert!(reply.header("retry-after").is_some());
    for connection in &mut waiting {
        connection.send("y").await;
        assert_eq!(connection.reply().await.body, "10000");
    }
    let mut again = server.connect().await;
    again
        .send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n")
        .await;
    again.send("y".repeat(9_000)).await;
    assert_eq!(again.reply().await.body, "9000");
}

#[tokio::test]
async fn a_large_reply_arrives_whole() {
    let server = Running::with(short());
    assert_eq!(server.get("/size/5000000").await.body.len(), 5_000_000);
}
