//! The signed wire against an attacker in the middle, replays and wrong clocks (H6 to H9).

use anyhow::{Context, Result};
use scm_protocol::ids::UnixMillis;
use scm_protocol::refusal::RefusalCode;
use scm_protocol::systems::{SystemStatus, SystemSummary};
use scm_tests::clock;
use scm_tests::programs::{Agent, Direction, Message, Proxy, Server, eventually, faketime};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// A server, a proxy in front of it, and a real agent behind that, approved.
struct Scene {
    server: Server,
    proxy: Proxy,
    agent: Agent,
    system: SystemSummary,
}

impl Scene {
    async fn set() -> Result<Self> {
        let server = Server::start_default().await?;
        let proxy = Proxy::start(server.endpoint()?).await?;
        let agent = proxy.agent().start()?;
        let admin = server.admin()?;
        // No certificate passes a proxy that ends TLS with an authority of its own.
        admin
            .change_setting("certificates.required", false.into())
            .await?;
        let pending = admin.await_status(SystemStatus::Pending).await?;
        admin.decide(pending.id, "approve").await?;
        let system = admin
            .await_system("telemetry", |system| {
                system.status == SystemStatus::Active && system.cpu_percent.is_some()
            })
            .await?;
        eventually("the agent to pin the key", 20, async || {
            Ok((agent.state_files(".pub")?.len() == 2).then_some(()))
        })
        .await?;
        Ok(Scene {
            server,
            proxy,
            agent,
            system,
        })
    }

    async fn last_seen(&self) -> Result<Option<UnixMillis>> {
        Ok(self
            .server
            .admin()?
            .system(self.system.id)
            .await?
            .summary
            .last_seen_ms)
    }

    /// After an attack that changed nothing: the same system, the same keys, and it goes on by itself.
    async fn assert_unharmed(&self, identity: &[(std::path::PathBuf, Vec<u8>)]) -> Result<()> {
        assert_eq!(
            self.agent.identity()?,
            identity,
            "the attack changed the agent's identity"
        );
        self.proxy.tamper(|_| {});
        let since = self.last_seen().await?;
        eventually("the agent to go on after the attack", 60, async || {
            Ok((self.last_seen().await? > since).then_some(()))
        })
        .await?;
        let systems = self.server.admin()?.systems().await?;
        assert_eq!(systems.len(), 1);
        assert_eq!(
            (systems[0].id, systems[0].status),
            (self.system.id, SystemStatus::Active)
        );
        assert_eq!(self.agent.identity()?, identity);
        Ok(())
    }

    /// Waits until so many more messages passed in that direction.
    async fn await_passed(&self, direction: Direction, count: usize) -> Result<()> {
        let passed = || {
            self.proxy
                .passed()
                .iter()
                .filter(|message| message.direction == direction)
                .count()
        };
        let until = passed() + count;
        eventually("messages to pass", 90, async || {
            Ok((passed() >= until).then_some(()))
        })
        .await
    }
}

/// Flips one bit: each time another, in the body or in one of the signature's fields.
fn flip(message: &mut Message, turn: usize) {
    let head = message.head();
    let field = ["signature:", "content-digest:", "signature-input:"][turn % 3];
    let at = match head.to_ascii_lowercase().find(field) {
        // Past the label, where a changed bit leaves a header that HTTP still takes.
        Some(start) if turn.is_multiple_of(2) => start + field.len() + 14 + turn % 20,
        _ if message.body_start() < message.bytes.len() => {
            message.body_start() + (turn * 7) % (message.bytes.len() - message.body_start())
        }
        _ => return,
    };
    message.bytes[at] ^= 1 << (turn % 3);
}

async fn attack(direction: Direction) -> Result<()> {
    let scene = Scene::set().await?;
    let identity = scene.agent.identity()?;
    let turns = AtomicUsize::new(0);
    scene.proxy.tamper(move |message| {
        if message.direction == direction {
            flip(message, turns.fetch_add(1, Ordering::Relaxed));
        }
    });
    let since = scene.last_seen().await?;
    scene.await_passed(direction, 4).await?;
    match direction {
        Direction::ToServer => {
            // One check-in may have been on its way when the attack began.
            let now = scene.last_seen().await?.context("seen before")?;
            assert!(
                now.since(since.context("seen before")?) < 2000,
                "a changed check-in was taken"
            );
            assert!(
                scene.server.log().contains("security"),
                "the server's security log is silent"
            );
        }
        Direction::ToAgent => {
            assert!(
                scene.agent.log().contains("security"),
                "the agent's security log is silent"
            );
        }
    }
    scene.assert_unharmed(&identity).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_flipped_on_the_way_to_the_server_changes_nothing() -> Result<()> {
    attack(Direction::ToServer).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bit_flipped_on_the_way_to_the_agent_changes_nothing() -> Result<()> {
    attack(Direction::ToAgent).await
}

/// H9: what a proxy says is not what the server says, whatever status it uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsigned_refusals_cost_no_identity() -> Result<()> {
    let scene = Scene::set().await?;
    let identity = scene.agent.identity()?;
    let id = scene.system.id;
    let turns = AtomicUsize::new(0);
    scene.proxy.tamper(move |message| {
        if message.direction == Direction::ToAgent {
            let refusal = format!(
                r#"{{"type":"about:blank","status":404,"code":"unknown_system","detail":"x","server_time_ms":1,"system_id":{id}}}"#
            );
            let (status, body) = match turns.fetch_add(1, Ordering::Relaxed) % 3 {
                0 => ("404 Not Found", "<html>not found</html>".to_owned()),
                1 => ("404 Not Found", refusal),
                _ => ("403 Forbidden", r#"{"code":"denied"}"#.to_owned()),
            };
            message.bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes();
        }
    });
    scene.await_passed(Direction::ToAgent, 4).await?;
    scene.assert_unharmed(&identity).await
}

/// H7: a captured reply answers no other request.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_reply_answers_no_other_request() -> Result<()> {
    let scene = Scene::set().await?;
    let identity = scene.agent.identity()?;
    let captured = scene
        .proxy
        .passed()
        .into_iter()
        .rev()
        .find(|message| message.direction == Direction::ToAgent);
    let captured = captured.context("nothing was captured")?.bytes;
    scene.proxy.tamper(move |message| {
        if message.direction == Direction::ToAgent {
            message.bytes.clone_from(&captured);
        }
    });
    scene.await_passed(Direction::ToAgent, 3).await?;
    assert!(
        scene.agent.log().contains("security"),
        "the agent's security log is silent"
    );
    scene.assert_unharmed(&identity).await
}

/// H7: a check-in of a real agent, captured on the wire and sent again: at once, and after the server was killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_captured_checkin_is_refused_at_once_and_after_a_restart() -> Result<()> {
    let mut scene = Scene::set().await?;
    scene.agent.stop()?;
    let captured = scene.proxy.passed().into_iter().rev().find(|message| {
        message.direction == Direction::ToServer && message.head().contains("/agent/v1/checkin")
    });
    let captured = captured.context("no check-in was captured")?.bytes;
    let last_seen = scene.last_seen().await?;
    for round in ["at once", "later", "after a restart"] {
        if round == "later" {
            sleep(Duration::from_secs(2)).await;
        } else if round == "after a restart" {
            scene.server.kill()?;
            scene.server.start().await?;
        }
        let reply = scene
            .server
            .endpoint()?
            .connect()
            .await?
            .exchange(&captured)
            .await?;
        let refusal: scm_protocol::refusal::Refusal = reply.json()?;
        assert_eq!(
            (reply.status, refusal.code),
            (409, RefusalCode::Replayed),
            "{round}"
        );
        assert_eq!(refusal.system_id, Some(scene.system.id));
        assert_eq!(
            scene.last_seen().await?,
            last_seen,
            "{round}: the replay was taken"
        );
    }
    assert!(scene.server.log().contains("security"));
    scene.agent.start()?;
    eventually("the agent to go on", 30, async || {
        Ok((scene.last_seen().await? > last_seen).then_some(()))
    })
    .await
}

/// H6 to H8, by hand: the refusals are typed, signed, and say how to go on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_and_wrong_clocks_get_signed_refusals() -> Result<()> {
    let server = Server::start_default().await?;
    let mut rogue = server.rogue()?;
    rogue.register("rogue").await?;
    server.admin()?.decide(rogue.system, "approve").await?;
    let first = rogue.checkin()?;
    let key = rogue
        .accepted(&first)
        .await?
        .server_public_key
        .context("no server key")?;

    let (reply, refusal) = rogue.refused(&first).await?;
    assert_eq!(refusal.code, RefusalCode::Replayed);
    assert_eq!(refusal.next_sequence, Some(2));
    first.verify(&reply, &key)?;

    for day in [-86_400, 86_400] {
        let body = br#"{"agent_version":"0.1.0","boot_id":"x"}"#.to_vec();
        let request = rogue.checkin_with(body, day);
        let (reply, refusal) = rogue.refused(&request).await?;
        assert_eq!((reply.status, refusal.code), (401, RefusalCode::StaleClock));
        assert!(clock::now().since(refusal.server_time_ms).abs() < 10_000);
        request.verify(&reply, &key)?;
    }
    let next = rogue.checkin()?;
    let given = rogue.send(&next).await?;
    assert_eq!(
        given.status,
        200,
        "the right time is accepted again: {}",
        given.text()
    );
    next.verify(&given, &key)
}

/// H8: an agent whose host is a day ahead corrects itself, keeps its identity, and the console sees the skew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_clock_costs_no_identity() -> Result<()> {
    wrong_clock("+1d", 86_400_000).await
}

/// The same a day behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_behind_costs_no_identity() -> Result<()> {
    wrong_clock("-1d", -86_400_000).await
}

async fn wrong_clock(offset: &str, skew_ms: i64) -> Result<()> {
    let server = Server::start_default().await?;
    let admin = server.admin()?;
    let words = faketime(offset)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let agent = server.agent().prefix(&words).start()?;
    let pending = admin.await_status(SystemStatus::Pending).await?;
    admin.decide(pending.id, "approve").await?;
    let active = admin
        .await_system("check-ins of the agent with the wrong clock", |system| {
            system.status == SystemStatus::Active
                && system.last_seen_ms.is_some()
                && system.cpu_percent.is_some()
        })
        .await?;
    assert_eq!(active.id, pending.id);
    assert_eq!(admin.systems().await?.len(), 1);
    admin
        .await_system("the skew to be seen", |system| {
            system
                .clock_skew_ms
                .is_some_and(|skew| (skew - skew_ms).abs() < 60_000)
        })
        .await?;
    eventually("the offset in `scmclient status`", 20, async || {
        Ok(agent.status()?.contains("off the server's").then_some(()))
    })
    .await
}
