//! One agent with several servers, some of which are hostile: nothing that they do reaches what it is to the honest one (H10).

use anyhow::Result;
use scm_protocol::ids::SystemId;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Admin, Agent, Hostile, Proxy, Server, Trick, eventually};

/// Approved by this server's administrator, with its key pinned.
async fn approved(admin: &Admin, agent: &Agent) -> Result<SystemId> {
    let pending = admin.await_status(SystemStatus::Pending).await?;
    let pinned = pinned(agent)?;
    admin.decide(pending.id, "approve").await?;
    eventually("a pinned key", 60, async || {
        Ok((self::pinned(agent)? > pinned).then_some(()))
    })
    .await?;
    Ok(pending.id)
}

/// How many servers' keys are pinned.
fn pinned(agent: &Agent) -> Result<usize> {
    let files = agent.state_files(".pub")?;
    let of_server = |path: &std::path::Path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("server_"))
    };
    Ok(files.iter().filter(|(path, _)| of_server(path)).count())
}

/// Checks in again, as the only system that this server knows.
async fn goes_on(admin: &Admin, id: SystemId) -> Result<()> {
    let since = admin.system(id).await?.summary.last_seen_ms;
    eventually("further check-ins", 90, async || {
        let now = admin.system(id).await?.summary;
        Ok((now.last_seen_ms > since && now.status == SystemStatus::Active).then_some(()))
    })
    .await?;
    assert_eq!(admin.systems().await?.len(), 1);
    Ok(())
}

/// Wrong signature, 404, redirects, endless body, slow body, and one with another authority than the pinned one: all at
/// once, beside the honest server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_servers_touch_nothing_of_the_honest_one() -> Result<()> {
    let honest = Server::start_default().await?;
    let trap = Hostile::start(Trick::NotFound).await?;
    let liar = Hostile::start(Trick::WrongSignature).await?;
    let nobody = Hostile::start(Trick::NotFound).await?;
    let sender = Hostile::start(Trick::Redirect(format!("{}/agent/v1/register", trap.url()))).await?;
    let endless = Hostile::start(Trick::EndlessBody).await?;
    let slow = Hostile::start(Trick::SlowBody).await?;
    let stranger = Hostile::start(Trick::WrongSignature).await?;
    let other_pin = format!("ca_pin = \"sha256:{}\"", "07".repeat(32));
    let agent = honest
        .agent()
        .also(&liar.agent())
        .also(&nobody.agent())
        .also(&sender.agent())
        .also(&endless.agent())
        .also(&slow.agent())
        .also(&stranger.agent().trust(&other_pin))
        .start()?;
    let admin = honest.admin()?;
    let id = approved(&admin, &agent).await?;

    eventually("each of them to have been tried", 120, async || {
        let tried = [&nobody, &sender, &endless, &slow]
            .iter()
            .all(|server| server.requests() >= 1);
        let log = agent.log();
        let seen_through = log.contains("server_key_unproven") && log.contains("0707");
        Ok((tried && seen_through).then_some(()))
    })
    .await?;
    eventually(
        "the endless and the slow reply to be broken off",
        120,
        async || Ok((endless.broken_off() >= 1 && slow.broken_off() >= 1).then_some(())),
    )
    .await?;
    goes_on(&admin, id).await?;

    assert_eq!(trap.requests(), 0, "no redirect is followed");
    assert_eq!(
        stranger.requests(),
        0,
        "whoever has another authority is told nothing"
    );
    assert_eq!(pinned(&agent)?, 1, "only the honest server's key is pinned");
    let bounded = 16 * 1024 * 1024 * endless.requests();
    assert!(
        endless.sent() < bounded,
        "{} bytes of an endless body were taken",
        endless.sent()
    );
    assert_eq!(agent.state_files(".key")?.len(), 7, "a key pair for each of them");
    Ok(())
}

/// A server that the agent knows turns hostile: what it was to the agent stays, and the other server sees nothing of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_turns_hostile_costs_nothing() -> Result<()> {
    let honest = Server::start_default().await?;
    let other = Server::start_default().await?;
    // No certificate passes a proxy that ends TLS with an authority of its own.
    other
        .admin()?
        .change_setting("certificates.required", false.into())
        .await?;
    let proxy = Proxy::start(other.endpoint()?).await?;
    let agent = honest.agent().also(&proxy.agent()).start()?;
    let here = approved(&honest.admin()?, &agent).await?;
    let there = approved(&other.admin()?, &agent).await?;
    let identity = agent.identity()?;
    let trap = Hostile::start(Trick::NotFound).await?;
    let moved = format!(
        "HTTP/1.1 308 Permanent Redirect\r\nlocation: {}/agent/v1/checkin\r\ncontent-length: 0\r\n\r\n",
        trap.url()
    );
    let replies = [
        moved.into_bytes(),
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec(),
    ];
    for reply in replies {
        let before = proxy.passed().len();
        proxy.tamper(move |message| {
            if message.head().starts_with("HTTP/") {
                message.bytes.clone_from(&reply);
            }
        });
        // A request, its reply, and the request after it, which shows that the reply was read.
        eventually("hostile replies", 120, async || {
            Ok((proxy.passed().len() >= before + 4).then_some(()))
        })
        .await?;
        assert_eq!(agent.identity()?, identity);
    }
    goes_on(&honest.admin()?, here).await?;
    proxy.tamper(|_| {});
    goes_on(&other.admin()?, there).await?;
    assert_eq!(trap.requests(), 0, "no redirect is followed");
    assert_eq!(agent.identity()?, identity);
    Ok(())
}
