//! What bad input gets: a clear error, and a server that is none the worse for it.

use anyhow::{Context, Result, ensure};
use scm_protocol::agent::MAX_BODY_BYTES;
use scm_protocol::ids::SystemId;
use scm_protocol::problem::Problem;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::signature::OwnedSignatureFields;
use scm_tests::http::{Endpoint, Reply};
use scm_tests::programs::{Rogue, Server};
use scm_tests::signed::Signed;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// A system whose check-ins are taken.
async fn active(server: &Server) -> Result<Rogue> {
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    server.admin()?.decide(rogue.system, "approve").await?;
    Ok(rogue)
}

/// The server still does its work, and nothing in it broke.
async fn assert_healthy(server: &Server) -> Result<()> {
    let mut rogue = server.rogue()?;
    rogue.register("healthy").await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    let log = server.log();
    for broken in ["panicked", "internal error", "server failed"] {
        assert!(!log.contains(broken), "the log says `{broken}`");
    }
    Ok(())
}

async fn send(endpoint: &Endpoint, bytes: &[u8]) -> Result<Reply> {
    timeout(Duration::from_secs(20), endpoint.connect().await?.exchange(bytes)).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_413() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = active(&server).await?;
    let request = rogue.checkin_with(vec![b' '; MAX_BODY_BYTES + 1], 0);
    let (reply, refusal) = rogue.refused(&request).await?;
    assert_eq!((reply.status, refusal.code), (413, RefusalCode::InvalidRequest));
    assert!(refusal.detail.contains("65536"), "{}", refusal.detail);

    let endpoint = server.endpoint()?;
    let declared = b"POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999999\r\n\r\n";
    let reply = send(&endpoint, declared).await?;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json::<Problem>()?.code, "body_too_large");
    assert_healthy(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_chunked_body_is_413() -> Result<()> {
    let server = Server::start_default().await?;
    let mut connection = server.endpoint()?.connect().await?;
    let head = b"POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(head).await?;
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![b'x'; 0x10000]);
    chunk.extend(b"\r\n");
    for _ in 0..64 {
        if connection.send(&chunk).await.is_err() {
            break;
        }
    }
    let end = timeout(Duration::from_secs(20), connection.receive()).await?;
    // The reply may be lost when the connection is reset under what is still being sent; the server must be well.
    if let Ok(reply) = end {
        assert_eq!(reply.status, 413);
    }
    assert_healthy(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_json_is_400_and_names_the_place() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = active(&server).await?;
    for body in [
        &b"{\n  \"boot_id\": }"[..],
        b"",
        b"\xff\xfe",
        b"{\"boot_id\":\"x\"",
        b"{\"agent_version\":\"1\",\"boot_id\":\"x\"} x",
    ] {
        let request = rogue.checkin_with(body.to_vec(), 0);
        let (reply, refusal) = rogue.refused(&request).await?;
        assert_eq!(
            (reply.status, refusal.code),
            (400, RefusalCode::InvalidRequest),
            "{}",
            reply.text()
        );
        assert!(
            refusal.detail.contains("line") && refusal.detail.contains("column"),
            "{}",
            refusal.detail
        );
    }
    let endpoint = server.endpoint()?;
    let request = endpoint.request("POST", "/api/v1/sessions", &[], b"{\"username\":\n oops}");
    let reply = send(&endpoint, &request).await?;
    let problem: Problem = reply.json()?;
    assert_eq!((reply.status, problem.code.as_str()), (400, "malformed_request"));
    assert!(problem.detail.contains("line 2"), "{}", problem.detail);
    assert_eq!(
        server.admin()?.system(rogue.system).await?.summary.last_seen_ms,
        None
    );
    assert_healthy(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_type_or_value_is_422_and_names_the_field() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = active(&server).await?;
    let good = json!({ "agent_version": "0.1.0", "boot_id": "x" });
    let cases = [
        (
            "telemetry.cpu_percent",
            json!({ "telemetry": { "cpu_percent": "hot" } }),
        ),
        (
            "telemetry.cpu_percent",
            json!({ "telemetry": { "cpu_percent": 101.5 } }),
        ),
        (
            "telemetry.uptime_secs",
            json!({ "telemetry": { "uptime_secs": -1 } }),
        ),
        (
            "telemetry.mem_used_bytes",
            json!({ "telemetry": { "mem_used_bytes": 1e30 } }),
        ),
        (
            "facts.hostname",
            json!({ "facts": { "hostname": "x".repeat(300) } }),
        ),
        (
            "facts.hostname",
            json!({ "facts": { "hostname": "a\u{1b}[2Jb" } }),
        ),
        ("agent_version", json!({ "agent_version": 7 })),
        ("boot_id", json!({ "boot_id": ["x"] })),
    ];
    for (field, change) in cases {
        let mut body = good.clone();
        for (key, value) in change.as_object().context("object")? {
            body[key] = value.clone();
        }
        let request = rogue.checkin_with(serde_json::to_vec(&body)?, 0);
        let (reply, refusal) = rogue.refused(&request).await?;
        assert_eq!(
            (reply.status, refusal.code),
            (422, RefusalCode::InvalidRequest),
            "{body}: {}",
            reply.text()
        );
        assert_eq!(refusal.field.as_deref(), Some(field), "{body}");
    }
    let seen = server.admin()?.system(rogue.system).await?;
    assert_eq!(
        (seen.summary.last_seen_ms, seen.summary.hostname.as_str()),
        (None, "rogue")
    );

    let body = json!({ "username": 7, "password": "x" });
    let reply = server
        .client(None)?
        .send("POST", "/api/v1/sessions", Some(&body))
        .await?;
    assert_eq!(reply.status(), 422);
    assert_eq!(reply.json::<Problem>().await?.field.as_deref(), Some("username"));
    assert_healthy(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_queries_are_refused_by_name() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    for (path, status) in [
        ("/api/v1/systems?limit=many", 422),
        ("/api/v1/systems?limit=-1", 422),
        ("/api/v1/systems/0", 404),
        ("/api/v1/systems/abc", 404),
        ("/api/v1/systems/99999999999999999999", 404),
        ("/api/v1/systems/4711", 404),
        ("/api/v1/nowhere", 404),
        ("/%00", 404),
    ] {
        assert_eq!(admin.status("GET", path).await?, status, "{path}");
    }
    assert_eq!(admin.status("PATCH", "/api/v1/systems").await?, 405);
    assert_healthy(&server).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_system_gets_a_signed_refusal() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = active(&server).await?;
    let checkin = rogue.checkin()?;
    let key = rogue
        .accepted(&checkin)
        .await?
        .server_public_key
        .context("no server key")?;
    rogue.system = SystemId(4711);
    let stranger = rogue.checkin()?;
    let (reply, refusal) = rogue.refused(&stranger).await?;
    assert_eq!((reply.status, refusal.code), (404, RefusalCode::UnknownSystem));
    assert_eq!(refusal.system_id, Some(SystemId(4711)));
    stranger.verify(&reply, &key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_organization_is_named() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.rogue()?;
    rogue.organization = "elsewhere".parse()?;
    let (reply, refusal) = rogue.refused(&rogue.registration("rogue")?).await?;
    assert_eq!(
        (reply.status, refusal.code),
        (404, RefusalCode::UnknownOrganization)
    );
    assert!(refusal.detail.contains("elsewhere"), "{}", refusal.detail);
    assert_eq!(server.admin()?.systems().await?, []);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_rightly_signed_is_401_and_changes_nothing() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = active(&server).await?;
    let good = rogue.checkin()?;
    let registration = rogue.registration("forged")?;
    type Alter = fn(&mut OwnedSignatureFields, &mut Vec<u8>);
    let alterations: [Alter; 7] = [
        |_, body| body.push(b' '),
        |_, body| body.clear(),
        |fields, _| fields.signature.clear(),
        |fields, _| fields.signature_input = fields.signature_input.replace("created=", "created=1"),
        |fields, _| {
            fields.signature_input = fields.signature_input.replace("openscm-agent", "openscm-server");
        },
        |fields, _| fields.content_digest = fields.content_digest.replace("sha-256", "sha-512"),
        |fields, _| fields.signature = format!("scm=:{}==:", "A".repeat(86)),
    ];
    for (number, alter) in alterations.into_iter().enumerate() {
        for request in [&good, &registration] {
            let (reply, refusal) = rogue.refused(&request.altered(alter)).await?;
            assert_eq!(
                (reply.status, refusal.code),
                (401, RefusalCode::BadSignature),
                "alteration {number}"
            );
        }
    }
    let foreign = server.rogue()?;
    let body = br#"{"agent_version":"0.1.0","boot_id":"x"}"#.to_vec();
    let now = scm_tests::clock::now().as_secs();
    let stolen = Signed::checkin(&foreign.key, &rogue.organization, rogue.system, now, 99, body);
    let (reply, refusal) = rogue.refused(&stolen).await?;
    assert_eq!((reply.status, refusal.code), (401, RefusalCode::BadSignature));

    let endpoint = server.endpoint()?;
    for path in ["/agent/v1/checkin", "/agent/v1/register"] {
        let reply = send(&endpoint, &endpoint.request("POST", path, &[], b"{}")).await?;
        assert_eq!(reply.status, 401, "{path}");
    }
    let systems = server.admin()?.systems().await?;
    assert_eq!(systems.len(), 1);
    assert_eq!(systems[0].last_seen_ms, None, "a forged check-in was taken");
    rogue.accepted(&good).await?;
    assert_healthy(&server).await
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
    assert_healthy(&server).await
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
    assert_healthy(&server).await
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
    assert_healthy(&server).await
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
    scm_tests::programs::eventually("room again", 10, async || {
        Ok((send(&endpoint, &health).await?.status == 200).then_some(()))
    })
    .await?;
    assert_healthy(&server).await
}

/// A queue of one and a crowd: everyone is answered, with success or with when to come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_503_and_when_to_come_back() -> Result<()> {
    let server = Server::builder().limits("max_queue = 1").start().await?;
    let mut rogue = active(&server).await?;
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
    assert_healthy(&server).await
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
    assert_healthy(&server).await
}
