//! Commands under faults: replies that are lost, cut or sent twice, an agent and a server that are killed at any moment.
//!
//! Each command's program leaves a line in a file: no line is ever there twice, and each command ends in a state that fits
//! what is there.

use anyhow::{Result, ensure};
use scm_protocol::commands::{Command, CommandState, SystemActions};
use scm_protocol::ids::CommandId;
use scm_protocol::systems::SystemStatus;
use scm_tests::programs::{Direction, Message, Proxy, Server, eventually};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::sleep;

/// Rounds of faults; each takes about a second.
const ROUNDS: u64 = 14;

/// Numbers that follow from a seed (SplitMix64).
struct Dice(AtomicU64);

impl Dice {
    fn below(&self, bound: u64) -> u64 {
        let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Breaks every third message after its head: what was asked is done, and whoever asked does not learn it.
fn faulty(dice: &Dice, message: &mut Message) {
    let body = message.body_start();
    if message.bytes.len() > body && dice.below(3) == 0 {
        let last = message.bytes.len() - 1;
        let at = body + usize::try_from(dice.below((last - body + 1) as u64)).unwrap_or(0);
        // A request that is changed is refused; a reply that is changed is dropped.
        if message.direction == Direction::ToAgent || dice.below(4) == 0 {
            message.bytes[at] ^= 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_runs_twice_and_nothing_is_lost_in_silence() -> Result<()> {
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let dice = Arc::new(Dice(AtomicU64::new(seed)));
    let folder = tempfile::Builder::new().prefix("scm-faults-").tempdir()?;
    let (program, trace) = (folder.path().join("append"), folder.path().join("trace"));
    fs::write(
        &program,
        format!(
            "#!/bin/sh\necho \"$1\" >> {}\nsleep 0.2\necho done\n",
            trace.display()
        ),
    )?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    let action = format!(
        "[[action]]\nname = \"append\"\nprogram = \"{}\"\narguments = [\"{{word}}\"]\n\n\
         [[action.parameter]]\nname = \"word\"\npattern = \"[0-9]+\"\n",
        program.display()
    );

    let mut server = Server::start_default().await?;
    let mut admin = server.admin()?;
    // The proxy ends TLS, so no certificate reaches the server.
    admin
        .change_setting("certificates.required", false.into())
        .await?;
    let proxy = Proxy::start(server.endpoint()?).await?;
    let mut agent = proxy.agent().actions(&action).start()?;
    let system = admin.await_status(SystemStatus::Pending).await?.id;
    admin.decide(system, "approve").await?;
    eventually("the actions to be reported", 60, async || {
        let actions: SystemActions = admin.get(&format!("/api/v1/systems/{system}/actions")).await?;
        Ok(actions.reported_ms.map(|_| ()))
    })
    .await?;

    let chance = dice.clone();
    proxy.tamper(move |message| faulty(&chance, message));
    let mut commands: BTreeMap<String, CommandId> = BTreeMap::new();
    for round in 0..ROUNDS {
        for part in 0..=dice.below(2) {
            let word = format!("{round}{part}");
            let body = json!({ "action": "append", "parameters": { "word": word } });
            let created: Command = admin
                .call("POST", &format!("/api/v1/systems/{system}/commands"), &body)
                .await?;
            commands.insert(word, created.id);
        }
        sleep(Duration::from_millis(dice.below(900))).await;
        match dice.below(5) {
            0 | 1 => {
                agent.process()?.kill()?;
                agent.start()?;
            }
            2 => {
                server.kill()?;
                server.start().await?;
                admin = server.admin()?;
            }
            _ => {}
        }
        sleep(Duration::from_millis(dice.below(500))).await;
    }
    proxy.tamper(|_| {});

    let mut ends = BTreeMap::new();
    for (word, id) in &commands {
        // One that was handed out and not heard of is handed out again until it is too late to begin it.
        let command = eventually("the end of every command", 180, async || {
            let command: Command = admin.get(&format!("/api/v1/commands/{id}")).await?;
            Ok(command.state.is_over().then_some(command))
        })
        .await?;
        ends.insert(word.clone(), command);
    }
    let traces = fs::read_to_string(&trace).unwrap_or_default();
    for (word, command) in &ends {
        let times = traces.lines().filter(|line| line == word).count();
        let fits = match command.state {
            CommandState::Completed => times == 1,
            // The agent was killed: how far it came is not known, and it says so.
            CommandState::Failed => {
                times <= 1
                    && command
                        .reason
                        .as_deref()
                        .is_some_and(|text| text.contains("not known"))
            }
            CommandState::Expired | CommandState::Refused => times == 0,
            _ => false,
        };
        ensure!(fits, "seed {seed}: {word} ran {times} times: {command:?}");
    }
    let completed = ends
        .values()
        .filter(|command| command.state == CommandState::Completed)
        .count();
    ensure!(completed > 0, "seed {seed}: nothing got through at all: {ends:?}");
    server.assert_healthy().await
}
