//! Held check-ins (T7): how long from an approval until the agent has heard of it, and what a connection that waits costs
//! the server.
//!
//! Each agent has a connection of its own, on which the server holds its check-in. The memory is that of the server's
//! process after all of them wait, less that before the first of them connected.

use super::administrator::Administrator;
use super::machine::{Failure, Machine, Surroundings};
use super::server_cost::ServerCost;
use super::tally::Tally;
use anyhow::{Context, Result, ensure};
use scm_protocol::ids::SystemId;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a check-in asks to be held; longer than a server does.
const HOLD_SECS: u32 = 60;
/// Longest that one exchange may take, the hold included.
const PATIENCE: Duration = Duration::from_secs(90);
/// After the last check-in was sent: until the server has stored and held it, and its memory has come to rest.
const SETTLE: Duration = Duration::from_secs(5);
/// Pause between two approvals: one at a time, as an administrator would.
const BETWEEN: Duration = Duration::from_millis(5);

/// What was measured.
pub(super) struct Held {
    /// From the request of an approval until its agent had read that it is active.
    pub(super) told: Tally,
    /// The approvals themselves.
    pub(super) approved: Tally,
    /// What the connections cost.
    pub(super) memory: Value,
}

/// Lets every machine wait on a connection of its own, then approves them one after the other.
///
/// # Errors
/// When the server does not hold or not approve, or an agent is never told.
pub(super) async fn measure(
    around: &Arc<Surroundings>,
    machines: Vec<Machine>,
    administrator: &mut Administrator,
    server_process: Option<u32>,
) -> Result<Held> {
    let read = || server_process.map(ServerCost::read).transpose();
    let before = read()?;
    let count = machines.len();
    let sent = Arc::new(AtomicUsize::new(0));
    let mut waiting = JoinSet::new();
    let mut keys = Vec::with_capacity(count);
    for machine in machines {
        keys.push((
            machine.system.context("an agent without id")?,
            machine.public_key(),
        ));
        let (around, sent) = (around.clone(), sent.clone());
        waiting.spawn(async move { wait(machine, &around, &sent).await });
    }
    while sent.load(Ordering::SeqCst) < count {
        ensure!(!waiting.is_empty(), "the agents do not wait");
        sleep(Duration::from_millis(50)).await;
    }
    sleep(SETTLE).await;
    let after = read()?;

    let mut approved = Tally::new()?;
    let mut asked: HashMap<SystemId, Instant> = HashMap::with_capacity(count);
    let began = Instant::now();
    for (system, key) in keys {
        let at = Instant::now();
        asked.insert(system, at);
        administrator
            .approve_one(system, key.fingerprint(), &mut approved)
            .await;
        sleep(BETWEEN).await;
    }
    approved.took(began.elapsed());
    let mut told = Tally::new()?;
    while let Some(outcome) = waiting.join_next().await {
        match outcome.context("an agent broke down")? {
            Ok((system, at)) => match asked.get(&system) {
                Some(asked) => told.succeeded(at.saturating_duration_since(*asked)),
                None => told.failed("active before it was approved"),
            },
            Err(failure) => told.failed(&failure.kind),
        }
    }
    told.took(began.elapsed());
    let memory = match before.zip(after) {
        Some((before, after)) => {
            let grown = after.resident_kib.saturating_sub(before.resident_kib);
            json!({
                "connections": count,
                "resident_kib_before": before.resident_kib,
                "resident_kib_held": after.resident_kib,
                "bytes_per_connection": grown * 1024 / (count.max(1) as u64),
            })
        }
        None => Value::Null,
    };
    Ok(Held {
        told,
        approved,
        memory,
    })
}

/// Checks in, on one connection, until it is told that it is active: when that was.
async fn wait(
    mut machine: Machine,
    around: &Surroundings,
    sent: &AtomicUsize,
) -> Result<(SystemId, Instant), Failure> {
    let mut counted = false;
    let mut connection = around
        .endpoint
        .connect()
        .await
        .map_err(|_| Failure::connection())?;
    loop {
        if !counted {
            sent.fetch_add(1, Ordering::SeqCst);
            counted = true;
        }
        let exchange = machine.wait_for_news(HOLD_SECS, around, &mut connection);
        timeout(PATIENCE, exchange)
            .await
            .map_err(|_| Failure::timeout())??;
        if let (true, Some(system)) = (machine.active, machine.system) {
            return Ok((system, Instant::now()));
        }
    }
}
