//! A restart stampede (T8): every agent connects at once, on a connection of its own, as after an outage of the server or of
//! the network in front of it.
//!
//! Who is put off or gets no connection waits as an agent does: as long as it was asked to and a little more, or with a
//! ceiling that doubles with each failure. Latency counts from the beginning, so that the largest is the time until all were
//! served. Each agent keeps its connection until the end where there are descriptors for all of them.

use super::machine::{Failure, Machine, Surroundings};
use super::tally::Tally;
use crate::http::Connection;
use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// The ceiling of the wait after the first failure, as an agent has it.
const BASE_MS: u64 = 2_000;
/// The longest wait after a failure.
const CAP_MS: u64 = 300_000;
/// Descriptors for everything else.
const OTHERS: u64 = 128;

/// What came of it.
pub(super) struct Stampede {
    /// From the beginning until each was served.
    pub(super) served: Tally,
    /// The rest, for the report.
    pub(super) outcome: Value,
    /// The machines, in the order in which they came.
    pub(super) machines: Vec<Machine>,
}

/// What all of them share.
struct Crowd {
    around: Arc<Surroundings>,
    served: Mutex<Tally>,
    /// Connections at once.
    room: Arc<Semaphore>,
    keep: bool,
    patience: Duration,
    began: Instant,
}

/// Lets everybody connect, and waits until all were served or the fleet is stopped.
///
/// # Errors
/// When an agent breaks down.
pub(super) async fn run(
    around: Arc<Surroundings>,
    machines: Vec<Machine>,
    patience: Duration,
    stop: &watch::Receiver<bool>,
) -> Result<Stampede> {
    let count = machines.len();
    let room = descriptors(count);
    let identities: Vec<_> = machines.iter().map(|machine| machine.system).collect();
    let crowd = Arc::new(Crowd {
        around,
        served: Mutex::new(Tally::new()?),
        room: Arc::new(Semaphore::new(room)),
        keep: room >= count,
        patience,
        began: Instant::now(),
    });
    let mut running = JoinSet::new();
    for (index, machine) in machines.into_iter().enumerate() {
        let (crowd, mut stop) = (Arc::clone(&crowd), stop.clone());
        running.spawn(async move {
            let mut machine = machine;
            let connection = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => None,
                connection = crowd.serve(&mut machine, index as u64) => connection,
            };
            (index, machine, connection)
        });
    }
    let mut done = Vec::with_capacity(count);
    while let Some(one) = running.join_next().await {
        done.push(one.context("an agent broke down")?);
    }
    let kept = done
        .iter()
        .filter(|(_, _, connection)| connection.is_some())
        .count();
    done.sort_by_key(|(index, ..)| *index);
    let machines: Vec<Machine> = done.into_iter().map(|(_, machine, _)| machine).collect();
    let anew = machines
        .iter()
        .zip(&identities)
        .filter(|(machine, before)| machine.system != **before);
    let mut served = crowd
        .served
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    served.took(crowd.began.elapsed());
    let outcome = json!({
        "agents": count,
        "served": served.count(),
        "all_served_secs": crowd.began.elapsed().as_secs_f64(),
        "registered_anew": anew.count(),
        "connections_kept": kept,
    });
    Ok(Stampede {
        served,
        outcome,
        machines,
    })
}

impl Crowd {
    /// Tries until it is served; its connection, where it may keep it.
    async fn serve(&self, machine: &mut Machine, index: u64) -> Option<Connection> {
        let mut failures = 0;
        loop {
            let failure = match self.attempt(machine).await {
                Ok(connection) => {
                    self.tally().succeeded(self.began.elapsed());
                    return connection;
                }
                Err(failure) => failure,
            };
            failures += 1;
            self.tally().failed(&failure.kind);
            sleep(wait(&failure, failures, index)).await;
        }
    }

    async fn attempt(&self, machine: &mut Machine) -> Result<Option<Connection>, Failure> {
        // Closed again only with the end of the fleet.
        let permit = self.room.acquire().await.map_err(|_| Failure::connection())?;
        let exchange = async {
            let connected = self.around.endpoint.connect().await;
            let mut connection = connected.map_err(|_| Failure::connection())?;
            machine.turn(&self.around, &mut connection).await?;
            Ok(connection)
        };
        let connection = timeout(self.patience, exchange)
            .await
            .unwrap_or_else(|_| Err(Failure::timeout()))?;
        if !self.keep {
            return Ok(None);
        }
        permit.forget();
        Ok(Some(connection))
    }

    fn tally(&self) -> std::sync::MutexGuard<'_, Tally> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to stay away.
fn wait(failure: &Failure, failures: u32, index: u64) -> Duration {
    let chance = mixed(index << 8 | u64::from(failures));
    let millis = match failure.wait {
        Some(asked) => {
            let asked = u64::try_from(asked.as_millis()).unwrap_or(CAP_MS);
            asked + chance % (asked / 4 + 1000)
        }
        None => {
            let ceiling = (BASE_MS << (failures - 1).min(20)).min(CAP_MS);
            200 + chance % ceiling
        }
    };
    Duration::from_millis(millis)
}

/// SplitMix64.
fn mixed(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// For how many connections there are descriptors, after the limit was raised as far as it goes.
fn descriptors(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = wanted as u64 + OTHERS;
    let reachable = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    let current = limit.current.map_or(reachable, |current| {
        let raised = Rlimit {
            current: Some(reachable.max(current)),
            maximum: limit.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            reachable.max(current)
        } else {
            current
        }
    });
    usize::try_from(current.saturating_sub(OTHERS))
        .unwrap_or(wanted)
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_put_off_comes_no_sooner_and_not_all_at_once() {
        let put_off = Failure {
            wait: Some(Duration::from_secs(5)),
            ..Failure::connection()
        };
        let waits: std::collections::HashSet<Duration> =
            (0..100).map(|index| wait(&put_off, 1, index)).collect();
        assert!(waits.len() > 50 && waits.iter().all(|wait| *wait >= Duration::from_secs(5)));
        let first = (0..100).map(|index| wait(&Failure::connection(), 1, index));
        assert!(first.max() < Some(Duration::from_millis(2_201)));
        assert!(wait(&Failure::connection(), 60, 7) <= Duration::from_millis(CAP_MS + 200));
    }
}
