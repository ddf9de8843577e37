//! Client certificates with the real programs (T3): issued, shown, renewed, refused, withdrawn, listed.

use anyhow::{Context, Result, ensure};
use scm_protocol::certificates::CertificateStatus;
use scm_protocol::ids::SystemId;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::{SystemStatus, SystemSummary};
use scm_tests::programs::{Agent, Database, Forge, Rogue, Server, eventually, mode, showing};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

/// A real agent that was approved and has its certificate.
async fn certified(server: &Server) -> Result<(Agent, SystemSummary)> {
    let admin = server.admin()?;
    let agent = server.agent().start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    await_certificate(&agent, "").await?;
    Ok((agent, pending))
}

/// Waits for a certificate of another serial number than `before`; gives its own.
async fn await_certificate(agent: &Agent, before: &str) -> Result<String> {
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

async fn await_checkin(server: &Server, id: SystemId) -> Result<()> {
    let admin = server.admin()?;
    let since = admin.system(id).await?.summary.last_seen_ms;
    admin
        .await_system("another check-in", |system| {
            system.id == id && system.last_seen_ms > since
        })
        .await?;
    Ok(())
}

fn openssl(arguments: &[&str]) -> Result<String> {
    let output = Command::new("openssl").args(arguments).output();
    let output = output.context("openssl is missing: `cargo xtask test` installs it")?;
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    ensure!(output.status.success(), "openssl {arguments:?}: {text}");
    Ok(text)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path")
}

async fn issue_after_approval(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let (agent, system) = certified(&server).await?;
    let (path, _) = agent.state_file(".crt")?;
    assert_eq!(mode(&path)?, 0o600);
    let ca = server.ca_file();
    let verified = openssl(&[
        "verify",
        "-purpose",
        "sslclient",
        "-CAfile",
        text(&ca)?,
        text(&path)?,
    ])?;
    assert!(verified.contains("OK"), "{verified}");
    assert!(
        openssl(&[
            "verify",
            "-purpose",
            "sslserver",
            "-CAfile",
            text(&ca)?,
            text(&path)?
        ])
        .is_err()
    );
    let shown = openssl(&["x509", "-noout", "-text", "-in", text(&path)?])?;
    let urn = format!("URI:urn:openscm:organization:default:system:{}", system.id);
    for expected in [urn.as_str(), "TLS Web Client Authentication", "ED25519"] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
    let days = |days: u64| (days * 86_400).to_string();
    openssl(&["x509", "-noout", "-checkend", &days(89), "-in", text(&path)?])?;
    assert!(openssl(&["x509", "-noout", "-checkend", &days(91), "-in", text(&path)?]).is_err());

    let admin = server.admin()?;
    let detail = admin.system(system.id).await?;
    let certificate = detail
        .certificate
        .context("the console is told of no certificate")?;
    assert_eq!(certificate.status, CertificateStatus::Valid);
    assert_eq!(certificate.serial, await_certificate(&agent, "").await?);
    let audit = admin.audit().await?;
    let entry = audit
        .items
        .iter()
        .find(|entry| entry.action == "certificates.issue")
        .context("no audit entry")?;
    assert_eq!(entry.target, format!("system:{}", system.id));
    assert_eq!(entry.detail["serial"], json!(certificate.serial));
    // From now on nothing is taken without it: that check-ins go on shows that the agent shows it.
    await_checkin(&server, system.id).await?;
    await_checkin(&server, system.id).await?;
    assert!(!server.log().contains("was refused for its client certificate"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_follows_the_approval_on_sqlite() -> Result<()> {
    issue_after_approval(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_follows_the_approval_on_postgres() -> Result<()> {
    issue_after_approval(Database::Postgres).await
}

/// The server's clock goes on by minutes while it is away; the agent follows the server's clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_renewed_in_time_and_after_its_end() -> Result<()> {
    let mut server = Server::builder()
        .sections("[certificates]\nlifetime_hours = 1")
        .start()
        .await?;
    let (agent, system) = certified(&server).await?;
    let identity = agent.identity()?;
    let mut serial = await_certificate(&agent, "").await?;
    for (later, action) in [
        ("+30m", None),
        ("+45m", Some("certificates.renew")),
        ("+4h", Some("certificates.issue")),
    ] {
        server.stop()?;
        server.start_with_clock(later).await?;
        await_checkin(&server, system.id).await?;
        let Some(action) = action else {
            await_checkin(&server, system.id).await?;
            assert_eq!(await_certificate(&agent, "").await?, serial, "renewed too early");
            continue;
        };
        let next = await_certificate(&agent, &serial).await?;
        let audit = server.admin()?.audit().await?;
        let newest = audit
            .items
            .iter()
            .find(|entry| entry.action.starts_with("certificates."));
        let newest = newest.context("no audit entry")?;
        assert_eq!(newest.action, action, "{later}");
        assert_eq!(newest.detail["serial"], json!(next));
        if action == "certificates.renew" {
            assert_eq!(
                newest.detail["shown"],
                json!(serial),
                "it renews with the one it has"
            );
        }
        await_checkin(&server, system.id).await?;
        serial = next;
    }
    assert_eq!(agent.identity()?, identity);
    assert_eq!(server.admin()?.systems().await?.len(), 1);
    Ok(())
}

/// A real agent with somebody else's, an old or a foreign certificate: refused, and it helps itself to the right one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wrong_certificate_costs_an_agent_its_identity() -> Result<()> {
    let server = Server::start_default().await?;
    let (mut agent, system) = certified(&server).await?;
    let identity = agent.identity()?;
    let (stolen, foreign) = (Forge::stolen(&server.state())?, Forge::foreign()?);
    let key = agent.private_key()?;
    let wrong = [
        ("expired", stolen.certificate(&key, system.id, (-60, -1))?),
        (
            "not of this server's authority",
            foreign.certificate(&key, system.id, (-60, 60))?,
        ),
        (
            "names another system",
            stolen.certificate(&key, SystemId(system.id.0 + 1), (-60, 60))?,
        ),
    ];
    for (what, pem) in wrong {
        agent.stop()?;
        let (path, content) = agent.state_file(".crt")?;
        let content = String::from_utf8(content)?;
        let (head, _) = content.split_once("-----BEGIN").context("no certificate")?;
        let serial = await_certificate(&agent, "").await?;
        fs::write(&path, format!("{head}{pem}"))?;
        agent.start()?;
        await_certificate(&agent, &serial)
            .await
            .with_context(|| format!("a certificate that is {what}"))?;
        await_checkin(&server, system.id).await?;
        assert_eq!(agent.identity()?, identity, "{what}");
    }
    assert!(server.log().contains("was refused for its client certificate"));
    // Lost, or damaged beyond reading: the same. With these, an hour's worth of certificates is used up.
    for content in [None, Some("garbage")] {
        agent.stop()?;
        let serial = await_certificate(&agent, "").await?;
        let (path, _) = agent.state_file(".crt")?;
        match content {
            None => fs::remove_file(&path)?,
            Some(garbage) => fs::write(&path, garbage)?,
        }
        agent.start()?;
        await_certificate(&agent, &serial).await?;
        await_checkin(&server, system.id).await?;
    }
    assert_eq!(agent.identity()?, identity);
    assert_eq!(server.admin()?.systems().await?.len(), 1);
    Ok(())
}

/// A rogue whose connections show this certificate.
fn shows(server: &Server, rogue: Rogue, pem: &str) -> Result<Rogue> {
    let endpoint = showing(&server.url(), &server.ca_file(), pem, &rogue.key)?;
    Ok(Rogue { endpoint, ..rogue })
}

async fn assert_refused(rogue: &mut Rogue, code: RefusalCode) -> Result<()> {
    let checkin = rogue.checkin()?;
    let (reply, refusal) = rogue.refused(&checkin).await?;
    assert_eq!(
        (reply.status, refusal.code),
        (code.status(), code),
        "{}",
        refusal.detail
    );
    assert_eq!(refusal.system_id, Some(rogue.system));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_issued_only_the_right_certificate_will_do() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.active_rogue().await?;
    let checkin = rogue.checkin()?;
    let key = rogue
        .accepted(&checkin)
        .await?
        .server_public_key
        .context("no key")?;
    let issued = rogue.certificate().await?;
    let plain = server.endpoint()?;

    let checkin = rogue.checkin()?;
    let (reply, refusal) = rogue.refused(&checkin).await?;
    assert_eq!(
        (reply.status, refusal.code),
        (403, RefusalCode::CertificateRequired)
    );
    checkin.verify(&reply, &key)?;

    let mut rogue = shows(&server, rogue, &issued.certificate)?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;

    let (stolen, foreign) = (Forge::stolen(&server.state())?, Forge::foreign()?);
    let id = rogue.system;
    for pem in [
        stolen.certificate(&rogue.key, id, (-60, -1))?,
        stolen.certificate(&rogue.key, id, (10, 60))?,
        stolen.certificate(&rogue.key, SystemId(id.0 + 1), (-60, 60))?,
        stolen.certificate(&rogue.key, id, (-60, 60))?,
        foreign.certificate(&rogue.key, id, (-60, 60))?,
    ] {
        rogue = shows(&server, rogue, &pem)?;
        assert_refused(&mut rogue, RefusalCode::CertificateInvalid).await?;
        let request = rogue.certificate_request();
        let (reply, refusal) = rogue.refused(&request).await?;
        assert_eq!(refusal.code, RefusalCode::CertificateInvalid);
        request.verify(&reply, &key)?;
    }
    // Another system's own, with its own key, on the connection of this one's requests.
    let mut other = server.active_rogue().await?;
    let theirs = other.certificate().await?;
    let connection = showing(&server.url(), &server.ca_file(), &theirs.certificate, &other.key)?;
    rogue.endpoint = connection;
    assert_refused(&mut rogue, RefusalCode::CertificateInvalid).await?;
    // A foreign certificate registers nobody either.
    let stranger = server.rogue()?;
    let pem = foreign.certificate(&stranger.key, SystemId(1), (-60, 60))?;
    let stranger = shows(&server, stranger, &pem)?;
    let (_, refusal) = stranger.refused(&stranger.registration("stranger")?).await?;
    assert_eq!(refusal.code, RefusalCode::CertificateInvalid);

    rogue = shows(&server, rogue, &issued.certificate)?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;

    // Renewed: the former counts until the next renewal with the new one.
    let renewed = rogue.certificate().await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    rogue = shows(&server, rogue, &renewed.certificate)?;
    let newest = rogue.certificate().await?;
    rogue = shows(&server, rogue, &issued.certificate)?;
    assert_refused(&mut rogue, RefusalCode::CertificateInvalid).await?;
    rogue = shows(&server, rogue, &newest.certificate)?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;

    // The organization may do without.
    admin
        .change_setting("certificates.required", false.into())
        .await?;
    rogue.endpoint = plain;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_everybody_is_issued_a_certificate_and_nobody_many() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    let request = rogue.certificate_request();
    let (reply, refusal) = rogue.refused(&request).await?;
    assert_eq!((reply.status, refusal.code), (422, RefusalCode::InvalidRequest));

    server.admin()?.decide(rogue.system, "approve").await?;
    let request = rogue.certificate_request();
    assert_eq!(rogue.send(&request).await?.status, 200);
    let (_, refusal) = rogue.refused(&request).await?;
    assert_eq!(
        refusal.code,
        RefusalCode::Replayed,
        "a captured request was taken twice"
    );
    let forged = rogue.certificate_request().altered(|_, body| body.push(b' '));
    assert_eq!(rogue.refused(&forged).await?.1.code, RefusalCode::BadSignature);
    for _ in 0..5 {
        rogue.certificate().await?;
    }
    let request = rogue.certificate_request();
    let (reply, refusal) = rogue.refused(&request).await?;
    assert_eq!(refusal.code, RefusalCode::RateLimited);
    assert!(reply.header("retry-after").is_some());
    Ok(())
}

/// Everything about a revocation: the next request, a resumed session, the list, the others, and the way back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_is_felt_by_the_next_request_and_by_nobody_else() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let (mut one, mut other) = (server.active_rogue().await?, server.active_rogue().await?);
    let (ones, others) = (one.certificate().await?, other.certificate().await?);
    one = shows(&server, one, &ones.certificate)?;
    other = shows(&server, other, &others.certificate)?;
    let (mut first, mut second) = (one.connect().await?, other.connect().await?);
    for (rogue, connection) in [(&mut one, &mut first), (&mut other, &mut second)] {
        let request = rogue.checkin()?.bytes(&rogue.endpoint);
        assert_eq!(connection.exchange(&request).await?.status, 200);
    }
    admin.decide(one.system, "revoke").await?;
    let request = one.checkin()?.bytes(&one.endpoint);
    let reply = first.exchange(&request).await?;
    assert!(reply.text().contains("\"revoked\""), "{}", reply.text());
    let mut resumed = one.connect().await?;
    let kind = resumed.stream().get_ref().1.handshake_kind();
    assert_eq!(kind, Some(rustls::HandshakeKind::Resumed));
    let request = one.checkin()?.bytes(&one.endpoint);
    assert!(resumed.exchange(&request).await?.text().contains("\"revoked\""));
    let request = other.checkin()?.bytes(&other.endpoint);
    assert_eq!(second.exchange(&request).await?.status, 200, "the other felt it");

    revoked_are_listed(&server, &ones.certificate, &others.certificate).await?;
    let detail = admin.system(one.system).await?;
    assert_eq!(
        detail.certificate.context("no certificate")?.status,
        CertificateStatus::Revoked
    );
    let audit = admin.audit().await?;
    let entry = audit
        .items
        .iter()
        .find(|entry| entry.action == "certificates.revoke");
    assert_eq!(
        entry.context("no audit entry")?.detail["serials"],
        json!([ones.serial])
    );

    admin.decide(one.system, "restore").await?;
    assert_refused(&mut one, RefusalCode::CertificateInvalid).await?;
    one.endpoint = server.endpoint()?;
    let again = one.certificate().await?;
    one = shows(&server, one, &again.certificate)?;
    let checkin = one.checkin()?;
    one.accepted(&checkin).await?;

    // Deleted: its row is gone, its certificate stays on the list.
    admin.decide(one.system, "delete").await?;
    assert_refused(&mut one, RefusalCode::UnknownSystem).await?;
    revoked_are_listed(&server, &again.certificate, &others.certificate).await
}

/// By the word of openssl: `revoked` is on the list, `valid` is not, and the list is signed by the authority.
async fn revoked_are_listed(server: &Server, revoked: &str, valid: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = |name: &str| folder.path().join(name);
    fs::write(file("revoked.pem"), revoked)?;
    fs::write(file("valid.pem"), valid)?;
    let ca = server.ca_file();
    for (name, form) in [("crl.pem", "PEM"), ("crl.der", "DER")] {
        let response = server
            .client(None)?
            .send("GET", &format!("/api/v1/pki/{name}"), None::<&()>)
            .await?;
        ensure!(response.status().is_success(), "{name}: {}", response.status());
        fs::write(file(name), response.bytes().await?)?;
        let list = file(name);
        let verified = openssl(&[
            "crl",
            "-noout",
            "-verify",
            "-inform",
            form,
            "-CAfile",
            text(&ca)?,
            "-in",
            text(&list)?,
        ])?;
        assert!(verified.contains("verify OK"), "{verified}");
        let shown = openssl(&["crl", "-noout", "-text", "-inform", form, "-in", text(&list)?])?;
        assert!(
            shown.contains("X509v3 CRL Number") && shown.contains("Next Update"),
            "{shown}"
        );
    }
    let check = |list: &Path, certificate: &str| {
        let certificate = file(certificate);
        openssl(&[
            "verify",
            "-crl_check",
            "-CAfile",
            text(&ca)?,
            "-CRLfile",
            text(list)?,
            text(&certificate)?,
        ])
    };
    check(&file("crl.pem"), "valid.pem")?;
    let refused = check(&file("crl.pem"), "revoked.pem")
        .err()
        .map(|error| error.to_string());
    let refused = refused.context("a revoked certificate passed")?;
    assert!(refused.contains("certificate revoked"), "{refused}");
    // The file for a proxy on the same machine follows.
    let beside = server.state().join("pki/crl.pem");
    eventually("the file of revoked certificates", 10, async || {
        Ok(check(&beside, "revoked.pem").is_err().then_some(()))
    })
    .await?;
    check(&beside, "valid.pem")?;
    Ok(())
}
