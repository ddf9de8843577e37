//! The server behind a reverse proxy (T4): a real nginx, and header fields that nobody should believe.

use anyhow::{Context, Result};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Nginx, Rogue, Server, eventually};
use scm_tests::signed::Signed;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

/// A server that listens for a proxy at `listen`, beside its own TLS.
async fn server(listen: &str, trusted: &str) -> Result<Server> {
    let section = format!("[proxy]\nlisten = \"{listen}\"\ntrusted = [{trusted}]");
    Server::builder().sections(&section).start().await
}

/// The serial number of the agent's certificate, once it is another than `before`.
async fn serial(agent: &scm_tests::programs::Agent, before: &str) -> Result<String> {
    eventually("the agent's certificate", 60, async || {
        let Some((_, content)) = agent.state_files(".crt")?.pop() else {
            return Ok(None);
        };
        let text = String::from_utf8(content)?;
        let serial = text.lines().find_map(|line| line.strip_prefix("serial: "));
        Ok(serial.filter(|serial| *serial != before).map(str::to_owned))
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_lives_behind_nginx_with_its_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let socket = folder.path().join("server.sock");
    let server = server(&format!("unix:{}", socket.display()), "").await?;
    let crl = server.state().join("pki/crl.pem");
    eventually("the list of revoked certificates", 10, async || {
        Ok(crl.is_file().then_some(()))
    })
    .await?;
    let mut nginx = Nginx::start(&server, &socket).await?;
    let admin = server.admin()?;
    let mut agent = nginx.agent().start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    assert_eq!(pending.address, "127.0.0.1");
    admin.decide(pending.id, "approve").await?;
    let first = serial(&agent, "").await?;
    let seen = async || {
        let since = admin.system(pending.id).await?.summary.last_seen_ms;
        let next = |system: &scm_protocol::systems::SystemSummary| system.last_seen_ms > since;
        admin.await_system("another check-in", next).await
    };
    // Required from its issue on: only with the certificate that nginx passes on do these arrive.
    seen().await?;
    seen().await?;
    assert!(!server.log().contains("was refused for its client certificate"));
    let identity = agent.identity()?;

    admin.decide(pending.id, "revoke").await?;
    eventually("the agent to be told", 20, async || {
        Ok(agent.status()?.contains("revoked").then_some(()))
    })
    .await?;
    agent.stop()?;
    listed(&crl, &first).await?;
    nginx.reload().await?;
    admin.decide(pending.id, "restore").await?;
    // nginx itself refuses the withdrawn certificate now, and the agent helps itself to another.
    agent.start()?;
    serial(&agent, &first).await?;
    seen().await?;
    assert!(nginx.log().contains("certificate revoked"), "{}", nginx.log());
    assert_eq!(agent.identity()?, identity);
    assert_eq!(admin.systems().await?.len(), 1);
    Ok(())
}

/// Waits until a serial number is on the list in that file.
async fn listed(crl: &Path, serial: &str) -> Result<()> {
    eventually("the revocation in the file", 20, async || {
        let output = std::process::Command::new("openssl")
            .args(["crl", "-noout", "-text", "-in"])
            .arg(crl)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
        Ok(text.contains(serial).then_some(()))
    })
    .await
}

/// Sends a signed request in plain text from a loopback address, with further header fields; status and body.
async fn plain(
    from: &str,
    to: SocketAddr,
    request: &Signed,
    rogue: &Rogue,
    fields: &str,
) -> Result<(u16, String)> {
    let text = String::from_utf8(request.bytes(&rogue.endpoint))?;
    let text = text.replacen("\r\n", &format!("\r\nconnection: close\r\n{fields}"), 1);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from.parse::<IpAddr>()?, 0))?;
    let mut stream = socket.connect(to).await?;
    stream.write_all(text.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    let status = reply.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, reply))
}

fn escaped(pem: &str) -> String {
    pem.replace('+', "%2B").replace('\n', "%0A").replace(' ', "%20")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoofed_fields_change_nothing_and_those_of_a_trusted_proxy_count() -> Result<()> {
    let server = server("127.0.0.1:0", "\"127.0.0.5/32\"").await?;
    let admin = server.admin()?;
    let listening = std::fs::read_to_string(server.state().join("listening"))?;
    let proxied: SocketAddr = listening
        .lines()
        .find_map(|line| line.strip_prefix("http://"))
        .context("no plaintext address")?
        .parse()?;
    let forwarded = "x-forwarded-for: 198.51.100.1, 203.0.113.7\r\n";
    let mut id = 0;
    for (from, expected) in [("127.0.0.9", "127.0.0.9"), ("127.0.0.5", "203.0.113.7")] {
        let rogue = server.rogue()?;
        let registration = rogue.registration(&format!("host-{expected}"))?;
        let (status, reply) = plain(from, proxied, &registration, &rogue, forwarded).await?;
        assert_eq!(status, 200, "{reply}");
        let system = admin
            .await_system("the registration", |system| system.id.0 > id)
            .await?;
        assert_eq!(system.address, expected, "registered from {from}");
        id = system.id.0;
    }

    let mut rogue = server.active_rogue().await?;
    let issued = rogue.certificate().await?;
    let fields = format!(
        "{forwarded}x-client-verify: SUCCESS\r\nx-client-cert: {}\r\n",
        escaped(&issued.certificate)
    );
    // Straight to the server's own TLS, and in plain text from an address that is not trusted.
    let checkin = rogue.checkin()?;
    let text = String::from_utf8(checkin.bytes(&rogue.endpoint))?;
    let spoofed = text.replacen("\r\n", &format!("\r\n{fields}"), 1);
    let reply = rogue.connect().await?.exchange(spoofed.as_bytes()).await?;
    let refusal: scm_protocol::refusal::Refusal = reply.json()?;
    assert_eq!(refusal.code, RefusalCode::CertificateRequired);
    let checkin = rogue.checkin()?;
    let (status, reply) = plain("127.0.0.9", proxied, &checkin, &rogue, &fields).await?;
    assert_eq!(status, 403, "{reply}");
    assert!(reply.contains("certificate_required"), "{reply}");
    assert_eq!(admin.system(rogue.system).await?.summary.address, "127.0.0.1");

    // The same from the trusted proxy: believed, and the certificate judged all the same.
    let (status, reply) = plain("127.0.0.5", proxied, &checkin, &rogue, &fields).await?;
    assert_eq!(status, 200, "{reply}");
    assert_eq!(admin.system(rogue.system).await?.summary.address, "203.0.113.7");
    let other = server.active_rogue().await?;
    let unverified = fields.replace("SUCCESS", "FAILED:certificate has expired");
    for (rogue, fields) in [(&mut rogue, unverified), (&mut { other }, fields)] {
        let checkin = rogue.checkin()?;
        let (status, reply) = plain("127.0.0.5", proxied, &checkin, rogue, &fields).await?;
        assert_eq!(status, 403, "{reply}");
        assert!(reply.contains("certificate_invalid"), "{reply}");
    }
    server.assert_healthy().await
}
