//! New keys on both sides (H14): no machine registers anew, whatever is lost on the way.

use anyhow::{Context, Result};
use scm_protocol::certificates::CertificateStatus;
use scm_protocol::commands::CommandState;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::refusal::RefusalCode;
use scm_protocol::rotation::{SigningKeyRotated, SigningKeyShown};
use scm_protocol::systems::{StatusChange, SystemDetail, SystemStatus};
use scm_tests::programs::{
    Admin, Agent, Commanded, Database, Direction, Programs, Proxy, Server, eventually, showing,
};
use serde_json::json;
use std::process::Command;

/// The key of a server that an agent pinned.
fn pinned(agent: &Agent) -> Result<Option<PublicKey>> {
    let files = agent.state_files(".pub")?;
    let of_server = |path: &std::path::Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("server_"))
    };
    let found = files.into_iter().find(|(path, _)| of_server(path));
    found
        .map(|(_, text)| Ok(String::from_utf8(text)?.trim().parse()?))
        .transpose()
}

async fn await_pinned(agent: &Agent, key: Option<&Fingerprint>) -> Result<()> {
    eventually("the agent to pin the server's key", 60, async || {
        let pinned = pinned(agent)?.map(|pinned| pinned.fingerprint());
        Ok(pinned
            .filter(|pinned| key.is_none_or(|key| pinned == key))
            .map(drop))
    })
    .await
}

/// The one agent, once it is active.
async fn activate(admin: &Admin, agent: &Agent) -> Result<SystemDetail> {
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    await_pinned(agent, None).await?;
    admin.system(pending.id).await
}

async fn await_other_key(admin: &Admin, before: &SystemDetail) -> Result<SystemDetail> {
    eventually("the server to know another key", 120, async || {
        let now = admin.system(before.summary.id).await?;
        Ok(Some(now).filter(|now| now.fingerprint != before.fingerprint))
    })
    .await
}

/// Checked in after `since` as the same system, the only one there is.
async fn goes_on(admin: &Admin, since: &SystemDetail) -> Result<()> {
    eventually("further check-ins", 120, async || {
        let now = admin.system(since.summary.id).await?.summary;
        Ok(
            (now.last_seen_ms > since.summary.last_seen_ms && now.status == SystemStatus::Active)
                .then_some(()),
        )
    })
    .await?;
    assert_eq!(admin.systems().await?.len(), 1, "it registered anew");
    Ok(())
}

async fn ask(admin: &Admin, system: &SystemDetail) -> Result<u16> {
    let body = StatusChange {
        fingerprint: system.fingerprint,
        expected_status: SystemStatus::Active,
    };
    let path = format!("/api/v1/systems/{}/rotate-key", system.summary.id);
    Ok(admin.send("POST", &path, Some(&body)).await?.status().as_u16())
}

/// An administrator asks, then the machine's own; the id stays, and the former key speaks no more.
async fn another_key(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let agent = server.agent().start()?;
    let first = activate(&admin, &agent).await?;
    let former = agent.copy()?;
    assert_eq!(ask(&admin, &first).await?, 204);
    let second = await_other_key(&admin, &first).await?;
    assert!(second.key_since_ms.is_some() && second.key_rotation_asked_ms.is_none());
    goes_on(&admin, &second).await?;
    assert_eq!(ask(&admin, &first).await?, 409, "of the key that was shown");
    eventually("the words in `scmclient status`", 60, async || {
        Ok(agent.status()?.contains(&second.fingerprint_words).then_some(()))
    })
    .await?;

    let scmclient = std::env::var_os("SCM_BIN_DIR").map(std::path::PathBuf::from);
    let scmclient = scmclient.context("SCM_BIN_DIR")?.join("scmclient");
    let rotate = Command::new(scmclient)
        .arg("rotate")
        .arg("--config")
        .arg(agent.config())
        .output()?;
    assert!(
        rotate.status.success(),
        "{}",
        String::from_utf8_lossy(&rotate.stderr)
    );
    let third = await_other_key(&admin, &second).await?;
    goes_on(&admin, &third).await?;
    assert!(agent.state_files(".rotate")?.is_empty() && agent.state_files(".next")?.is_empty());

    // A machine with the former key is nobody, and takes nothing away.
    let mut former = former;
    former.start()?;
    eventually("the former key to be refused", 60, async || {
        Ok(former.log().contains("bad_signature").then_some(()))
    })
    .await?;
    goes_on(&admin, &admin.system(third.summary.id).await?).await?;
    let actions: Vec<String> = admin
        .audit()
        .await?
        .items
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    for (action, times) in [("systems.rotate", 2), ("systems.rotate_key", 1)] {
        assert_eq!(
            actions.iter().filter(|other| *other == action).count(),
            times,
            "{action}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_gets_another_key_under_its_id_on_sqlite() -> Result<()> {
    another_key(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_gets_another_key_under_its_id_on_postgres() -> Result<()> {
    another_key(Database::Postgres).await
}

/// A certificate is for one key: with the new key comes another, and the former one is worth nothing, whoever shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_key_gets_a_new_certificate() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let agent = server.agent().start()?;
    let first = activate(&admin, &agent).await?;
    let certificate = async |before: &str| {
        eventually("a certificate", 60, async || {
            let certificate = admin.system(first.summary.id).await?.certificate;
            Ok(certificate.filter(|certificate| {
                certificate.status == CertificateStatus::Valid && certificate.serial != before
            }))
        })
        .await
    };
    let former = certificate("").await?;
    let (_, pem) = eventually("its file", 60, async || Ok(agent.state_files(".crt")?.pop())).await?;
    let former_key = agent.private_key()?;

    assert_eq!(ask(&admin, &first).await?, 204);
    let second = await_other_key(&admin, &first).await?;
    let newer = certificate(&former.serial).await?;
    goes_on(&admin, &second).await?;
    eventually("the new certificate's file", 60, async || {
        let text = agent.state_files(".crt")?.pop().map(|(_, content)| content);
        let text = text.map(|content| String::from_utf8_lossy(&content).into_owned());
        Ok(text.filter(|text| text.contains(&newer.serial)).map(drop))
    })
    .await?;

    let mut thief = server.rogue()?;
    thief.system = first.summary.id;
    thief.sequence = 1 << 40;
    let pem = String::from_utf8(pem)?;
    thief.endpoint = showing(&server.url(), &server.ca_file(), &pem, &former_key)?;
    thief.key = agent.private_key()?;
    let request = thief.checkin()?;
    let (reply, refusal) = thief.refused(&request).await?;
    assert_eq!(
        (reply.status, refusal.code),
        (403, RefusalCode::CertificateInvalid)
    );
    thief.key = former_key;
    let request = thief.checkin()?;
    let (reply, refusal) = thief.refused(&request).await?;
    assert_eq!((reply.status, refusal.code), (401, RefusalCode::BadSignature));
    goes_on(&admin, &admin.system(first.summary.id).await?).await
}

/// The server took the new key and its reply is lost; the agent is killed, too. It finds out which key is the one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_and_a_kill_leave_one_key() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    // The proxy ends TLS, so no certificate reaches the server.
    admin
        .change_setting("certificates.required", false.into())
        .await?;
    let proxy = Proxy::start(server.endpoint()?).await?;
    let mut agent = proxy.agent().start()?;
    let first = activate(&admin, &agent).await?;
    proxy.tamper(|message| {
        if message.direction == Direction::ToAgent && message.body().contains("\"public_key\"") {
            message.bytes = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n".to_vec();
        }
    });
    assert_eq!(ask(&admin, &first).await?, 204);
    let second = await_other_key(&admin, &first).await?;
    agent.process()?.kill()?;
    assert_eq!(
        agent.state_files(".key.next")?.len(),
        1,
        "the next key was on disk before it was offered"
    );
    agent.start()?;
    goes_on(&admin, &second).await?;
    eventually("the agent to keep the new key alone", 120, async || {
        let one = agent.state_files(".next")?.is_empty() && agent.state_files(".key")?.len() == 1;
        Ok((one && agent.status()?.contains(&second.fingerprint_words)).then_some(()))
    })
    .await?;
    assert_eq!(
        admin.system(first.summary.id).await?.fingerprint,
        second.fingerprint
    );

    // The other way round: the offer never arrives, and the present key goes on being the one.
    proxy.tamper(|message| {
        if message.direction == Direction::ToServer && message.head().starts_with("POST /agent/v1/rotate") {
            let elsewhere = message.head().replace("/rotate", "/nowhere") + &message.body();
            message.bytes = elsewhere.into_bytes();
        }
    });
    assert_eq!(ask(&admin, &second).await?, 204);
    eventually("an attempt that was lost", 60, async || {
        Ok((agent.state_files(".next")?.len() == 1).then_some(()))
    })
    .await?;
    goes_on(&admin, &admin.system(first.summary.id).await?).await?;
    proxy.tamper(|_| {});
    let third = await_other_key(&admin, &second).await?;
    goes_on(&admin, &third).await
}

async fn shown(admin: &Admin) -> Result<Fingerprint> {
    Ok(admin
        .get::<SigningKeyShown>("/api/v1/organization/signing-key")
        .await?
        .fingerprint)
}

async fn rotate_server(admin: &Admin) -> Result<SigningKeyRotated> {
    let body = json!({ "fingerprint": shown(admin).await? });
    let response = admin
        .send("POST", "/api/v1/organization/rotate-signing-key", Some(&body))
        .await?;
    Ok(response.error_for_status()?.json().await?)
}

async fn overlap(admin: &Admin, days: i64) -> Result<()> {
    let body = json!({ "value": days });
    let changed = admin
        .send("PUT", "/api/v1/settings/signing.overlap_days", Some(&body))
        .await?;
    assert_eq!(changed.status(), 204);
    Ok(())
}

/// The organization's key is replaced: agents follow while they run, after the overlap, over several steps, and with the
/// pin of a former key in their configuration. Nobody registers anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_follow_the_servers_key() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let first = shown(&admin).await?;
    let mut agent = server
        .agent()
        .server_line(&format!("server_key_pin = \"{first}\""))
        .start()?;
    let system = activate(&admin, &agent).await?;
    assert_eq!(pinned(&agent)?.map(|key| key.fingerprint()), Some(first));

    // While it runs, with an overlap.
    let second = rotate_server(&admin).await?;
    await_pinned(&agent, Some(&second.fingerprint)).await?;
    goes_on(&admin, &admin.system(system.summary.id).await?).await?;
    let stale = json!({ "fingerprint": first });
    let again = admin
        .send("POST", "/api/v1/organization/rotate-signing-key", Some(&stale))
        .await?;
    assert_eq!(
        again.status(),
        409,
        "the key that was shown is not the present one"
    );

    // While it is away, twice, with no overlap: the keys that it knew are destroyed.
    agent.stop()?;
    overlap(&admin, 0).await?;
    rotate_server(&admin).await?;
    let last = rotate_server(&admin).await?;
    agent.start()?;
    await_pinned(&agent, Some(&last.fingerprint)).await?;
    goes_on(&admin, &admin.system(system.summary.id).await?).await?;
    assert!(
        !agent.log().contains("reply_signature_wrong"),
        "a reply was not believed"
    );

    // A machine that is installed with the former pin.
    let late = server
        .agent()
        .server_line(&format!("server_key_pin = \"{first}\""))
        .start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    await_pinned(&late, Some(&last.fingerprint)).await?;
    let actions: Vec<String> = admin
        .audit()
        .await?
        .items
        .into_iter()
        .map(|entry| entry.action)
        .collect();
    let rotations = actions
        .iter()
        .filter(|action| *action == "organizations.rotate_signing_key");
    assert_eq!(rotations.count(), 3);
    Ok(())
}

/// The key changes while a program runs: its agent learns of it beside the reply to a report, and obeys the new key from
/// then on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_go_on_under_another_signing_key() -> Result<()> {
    let mut programs = Programs::new()?;
    let go = programs.path("go");
    let lines = format!("while [ ! -e {} ]; do sleep 0.05; done", go.display());
    programs.add("slow", &lines, "")?;
    programs.add_trace("append", "")?;
    let world = Commanded::start(Server::start_default().await?, programs).await?;
    overlap(&world.admin, 0).await?;
    let id = world.run("slow", None).await?;
    world.until(id, CommandState::Running).await?;
    let second = rotate_server(&world.admin).await?;
    await_pinned(&world.agent, Some(&second.fingerprint)).await?;
    assert_eq!(world.command(id).await?.state, CommandState::Running);
    std::fs::write(&go, "")?;
    world.until(id, CommandState::Completed).await?;
    rotate_server(&world.admin).await?;
    let id = world.run("append", Some("a")).await?;
    world.until(id, CommandState::Completed).await?;
    assert_eq!(world.programs.traces(), ["a"]);
    let log = world.agent.log();
    for wrong in ["command_forged", "reply_signature_wrong"] {
        assert!(!log.contains(wrong), "{wrong}");
    }
    Ok(())
}

/// What a former key signed in the audit still counts, though its private key is destroyed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_verifies_across_signing_keys() -> Result<()> {
    let mut server = Server::start_default().await?;
    overlap(&server.admin()?, 0).await?;
    let first = shown(&server.admin()?).await?;
    // Its end leaves an anchor, signed by the first key; the next one is signed by the second.
    server.stop()?;
    server.start().await?;
    let second = rotate_server(&server.admin()?).await?;
    assert_ne!(second.fingerprint, first);
    server.stop()?;
    let verified = server.command(&["audit", "verify"])?;
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert!(verified.status.success(), "{said}");
    // Whoever takes the former key out of what vouches for the present one is found out.
    server.database_execute("DELETE FROM signing_key_transitions")?;
    let verified = server.command(&["audit", "verify"])?;
    assert!(!verified.status.success(), "an anchor of an unknown key holds");
    Ok(())
}

/// What one server did, the other signs with, without a restart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_takes_the_new_key_up() -> Result<()> {
    let server = Server::builder().database(Database::Postgres).start().await?;
    let replica = server.replica().await?;
    let agent = replica.agent().start()?;
    let system = activate(&replica.admin()?, &agent).await?;
    let rotated = rotate_server(&server.admin()?).await?;
    await_pinned(&agent, Some(&rotated.fingerprint)).await?;
    assert_eq!(shown(&replica.admin()?).await?, rotated.fingerprint);
    goes_on(
        &replica.admin()?,
        &replica.admin()?.system(system.summary.id).await?,
    )
    .await?;
    let anyone = server.client(None)?;
    assert_eq!(
        anyone.status("GET", "/api/v1/organization/signing-key").await?,
        401
    );
    assert_eq!(
        anyone
            .status("POST", "/api/v1/organization/rotate-signing-key")
            .await?,
        401
    );
    Ok(())
}
