//! What bad input gets: a clear error, and a server that is none the worse for it.

use anyhow::{Context, Result};
use scm_protocol::agent::MAX_BODY_BYTES;
use scm_protocol::ids::SystemId;
use scm_protocol::problem::Problem;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::signature::OwnedSignatureFields;
use scm_tests::http::{Endpoint, Reply};
use scm_tests::programs::Server;
use scm_tests::signed::Signed;
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

async fn send(endpoint: &Endpoint, bytes: &[u8]) -> Result<Reply> {
    timeout(Duration::from_secs(20), endpoint.connect().await?.exchange(bytes)).await?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_over_the_limit_is_413() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.active_rogue().await?;
    let request = rogue.checkin_with(vec![b' '; MAX_BODY_BYTES + 1], 0);
    let (reply, refusal) = rogue.refused(&request).await?;
    assert_eq!((reply.status, refusal.code), (413, RefusalCode::InvalidRequest));
    assert!(refusal.detail.contains("65536"), "{}", refusal.detail);

    let endpoint = server.endpoint()?;
    let declared = b"POST /api/v1/sessions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999999999\r\n\r\n";
    let reply = send(&endpoint, declared).await?;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.json::<Problem>()?.code, "body_too_large");
    server.assert_healthy().await
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
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_json_is_400_and_names_the_place() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.active_rogue().await?;
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
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_type_or_value_is_422_and_names_the_field() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.active_rogue().await?;
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
    server.assert_healthy().await
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
    server.assert_healthy().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_system_gets_a_signed_refusal() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.active_rogue().await?;
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
    let mut rogue = server.active_rogue().await?;
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
    server.assert_healthy().await
}
