//! From first contact to active and back: the real agent against the real server.

use anyhow::{Context, Result};
use scm_protocol::identity::PublicKey;
use scm_protocol::systems::{Presence, SystemStatus};
use scm_tests::programs::{Agent, Database, Direction, Proxy, Rogue, Server, eventually, mode};
use std::fs;

/// What no log and no reply may ever show.
const TOKEN: &str = "oscm_dGhpcyBpcyBhIHNlY3JldCBvZiBhIHRlc3QsIG5ldmVyIHNob3du";

/// An approved system of one's own, to learn the server's key from.
async fn approved_rogue(server: &Server) -> Result<(Rogue, PublicKey)> {
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    server.admin()?.decide(rogue.system, "approve").await?;
    let checkin = rogue.checkin()?;
    let key = rogue
        .accepted(&checkin)
        .await?
        .server_public_key
        .context("no server key")?;
    Ok((rogue, key))
}

async fn await_pinned(agent: &Agent) -> Result<()> {
    eventually("the agent to pin the server's key", 30, async || {
        Ok((!agent
            .state_files(".pub")?
            .iter()
            .all(|(path, _)| !is_server_key(path)))
        .then_some(()))
    })
    .await
}

fn is_server_key(path: &std::path::Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("server_"))
}

async fn install_to_active(database: Database) -> Result<()> {
    let server = Server::builder().database(database).start().await?;
    let admin = server.admin()?;
    let mut agent = server
        .agent()
        .server_line(&format!("enrollment_token = \"{TOKEN}\""))
        .start()?;

    let pending = admin.await_status(SystemStatus::Pending).await?;
    let hostname = fs::read_to_string("/proc/sys/kernel/hostname")?;
    assert_eq!(pending.hostname, hostname.trim());
    let card = admin.system(pending.id).await?;
    eventually("the words in `scmclient status`", 10, async || {
        Ok(agent.status()?.contains(&card.fingerprint_words).then_some(()))
    })
    .await?;
    private_files_are_private(&agent)?;
    assert!(
        !agent
            .state_files(".pub")?
            .iter()
            .any(|(path, _)| is_server_key(path))
    );

    admin.decide(pending.id, "approve").await?;
    await_pinned(&agent).await?;
    let live = admin
        .await_system("telemetry of the active system", |system| {
            system.status == SystemStatus::Active
                && system.cpu_percent.is_some()
                && system.presence == Presence::Online
        })
        .await?;
    assert_eq!(live.id, pending.id);
    assert!(live.mem_total_bytes.is_some() && live.disk_total_bytes.is_some() && live.uptime_secs.is_some());
    private_files_are_private(&agent)?;

    let before = agent.identity()?;
    agent.stop()?;
    agent.start()?;
    let last_seen = live.last_seen_ms;
    admin
        .await_system("a check-in after the restart", |system| {
            system.last_seen_ms > last_seen
        })
        .await?;
    assert_eq!(agent.identity()?, before);
    assert_eq!(admin.systems().await?.len(), 1);

    let audit = admin.audit().await?;
    let approval = audit
        .items
        .iter()
        .find(|entry| entry.action == "systems.approve")
        .context("no audit entry")?;
    assert_eq!(approval.target, format!("system:{}", pending.id));
    let everything = format!(
        "{}{}{}",
        server.log(),
        agent.log(),
        serde_json::to_string(&audit)?
    );
    assert!(
        !everything.contains(&TOKEN[5..]),
        "the enrollment token was shown"
    );
    Ok(())
}

/// H1: keys 0600, their folder 0700.
fn private_files_are_private(agent: &Agent) -> Result<()> {
    assert_eq!(mode(&agent.state())?, 0o700);
    let (key, content) = agent.state_file(".key")?;
    assert_eq!(mode(&key)?, 0o600);
    assert!(content.starts_with(b"-----BEGIN PRIVATE KEY-----"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_approved_on_sqlite() -> Result<()> {
    install_to_active(Database::Sqlite).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_is_approved_on_postgres() -> Result<()> {
    install_to_active(Database::Postgres).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_keeps_its_secrets_to_itself() -> Result<()> {
    let server = Server::start_default().await?;
    assert_eq!(mode(&server.token_file())?, 0o600);
    assert_eq!(mode(&server.state().join("setup-code"))?, 0o600);
    assert_eq!(mode(&server.state())?, 0o700);
    let token = fs::read_to_string(server.token_file())?;
    assert!(
        !server.log().contains(token.trim()),
        "the local administrator's token was logged"
    );
    Ok(())
}

/// H12, H3: rejected and deleted agents come back as somebody new, with an id that nobody had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rejected_and_deleted_agents_come_back_with_new_ids() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let agent = server.agent().start()?;
    let first = admin.await_status(SystemStatus::Pending).await?;

    admin.decide(first.id, "reject").await?;
    let second = admin
        .await_system("the agent to come back", |system| system.id != first.id)
        .await?;
    assert_eq!(second.status, SystemStatus::Pending);
    assert!(second.id > first.id);

    admin.decide(second.id, "approve").await?;
    await_pinned(&agent).await?;
    admin.decide(second.id, "delete").await?;
    let third = admin
        .await_system("the agent to come back", |system| system.id > second.id)
        .await?;
    assert_eq!(
        third.status,
        SystemStatus::Pending,
        "a deleted system needs a new approval"
    );
    assert_eq!(admin.systems().await?.len(), 1);
    Ok(())
}

/// H12: a denied key is out for good, whatever its agent does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_key_cannot_register_again() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    admin.decide(rogue.system, "deny").await?;

    let checkin = rogue.checkin()?;
    let (_, refusal) = rogue.refused(&checkin).await?;
    assert_eq!(refusal.code.as_str(), "denied");
    let (_, refusal) = rogue.refused(&rogue.registration("somebody-else")?).await?;
    assert_eq!(refusal.code.as_str(), "denied");
    let systems = admin.systems().await?;
    assert_eq!(
        systems.iter().map(|system| system.status).collect::<Vec<_>>(),
        [SystemStatus::Denied]
    );
    Ok(())
}

/// H12: revoked at once, history kept, restored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_system_is_cut_off_at_once_and_can_be_restored() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let (mut rogue, key) = approved_rogue(&server).await?;

    admin.decide(rogue.system, "revoke").await?;
    let checkin = rogue.checkin()?;
    let (reply, refusal) = rogue.refused(&checkin).await?;
    assert_eq!(refusal.code.as_str(), "revoked");
    checkin.verify(&reply, &key)?;

    admin.decide(rogue.system, "restore").await?;
    let checkin = rogue.checkin()?;
    rogue.accepted(&checkin).await?;
    assert_eq!(
        admin.system(rogue.system).await?.summary.status,
        SystemStatus::Active
    );
    Ok(())
}

/// The fingerprint and the status that were on the screen are what is decided on, or nothing is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_on_something_else_than_was_shown_is_refused() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    let path = format!("/api/v1/systems/{}/approve", rogue.system);
    let seen = admin.system(rogue.system).await?;

    let other = serde_json::json!({ "fingerprint": "0".repeat(64), "expected_status": "pending" });
    assert_eq!(admin.send("POST", &path, Some(&other)).await?.status(), 409);
    let outdated = serde_json::json!({ "fingerprint": seen.fingerprint, "expected_status": "revoked" });
    assert_eq!(admin.send("POST", &path, Some(&outdated)).await?.status(), 409);
    assert_eq!(
        admin.system(rogue.system).await?.summary.status,
        SystemStatus::Pending
    );
    Ok(())
}

/// T2: a wrong pin of the authority, and the agent says nothing at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_pin_of_the_authority_refuses_the_server() -> Result<()> {
    let server = Server::start_default().await?;
    let wrong = format!("ca_pin = \"sha256:{}\"", "07".repeat(32));
    let agent = server.agent().trust(&wrong).start()?;
    eventually("the agent to refuse", 20, async || {
        Ok(agent.log().contains("0707").then_some(()))
    })
    .await?;
    assert_eq!(server.admin()?.systems().await?, []);
    Ok(())
}

/// H5: the delivered key is held against the pin.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_delivered_key_is_held_against_its_pin() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let (rogue, key) = approved_rogue(&server).await?;
    let right = format!("server_key_pin = \"{}\"", key.fingerprint());
    let agent = server.agent().server_line(&right).start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    await_pinned(&agent).await?;

    let wrong = format!("server_key_pin = \"{}\"", rogue_fingerprint(&rogue));
    let agent = server.agent().server_line(&wrong).start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    eventually("the agent to refuse the key", 20, async || {
        Ok(agent.log().contains("security").then_some(()))
    })
    .await?;
    assert!(
        !agent
            .state_files(".pub")?
            .iter()
            .any(|(path, _)| is_server_key(path))
    );
    Ok(())
}

fn rogue_fingerprint(rogue: &Rogue) -> String {
    PublicKey::from(rogue.key.verifying_key())
        .fingerprint()
        .to_string()
}

/// H4: nothing that a pending agent gets holds the server's key, or anything but "pending".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_agent_is_told_nothing() -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let (_, key) = approved_rogue(&server).await?;
    let proxy = Proxy::start(server.endpoint()?).await?;
    let agent = proxy.agent().start()?;
    let replies = eventually("four replies to the pending agent", 30, async || {
        let passed = proxy.passed();
        let replies: Vec<_> = passed
            .into_iter()
            .filter(|message| message.direction == Direction::ToAgent)
            .collect();
        Ok((replies.len() >= 4).then_some(replies))
    })
    .await?;
    let (_, private_key) = agent.state_file(".key")?;
    let private_key = String::from_utf8(private_key)?;
    let secret = private_key.lines().nth(1).context("no key")?;
    for message in proxy.passed() {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        assert!(
            !text.contains(&key.to_string()),
            "a pending agent was given the server's key"
        );
        assert!(!text.contains(secret), "the private key left the machine");
    }
    let allowed = [
        "status",
        "next_checkin_secs",
        "server_time_ms",
        "system_id",
        "organization",
    ];
    for reply in replies {
        let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&reply.body())?;
        assert_eq!(members["status"], "pending");
        let strange: Vec<_> = members
            .keys()
            .filter(|key| !allowed.contains(&key.as_str()))
            .collect();
        assert!(strange.is_empty(), "a pending agent is told {strange:?}");
    }
    let pending = admin.await_status(SystemStatus::Pending).await?;
    assert!(pending.last_seen_ms.is_some(), "its check-ins keep it listed");
    Ok(())
}
