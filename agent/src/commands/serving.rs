//! One serving: a worker per server until a signal, or until a new program is to be tried.

use super::run::{Former, Life};
use crate::actions::{Offer, protected};
use crate::clock::SystemClock;
use crate::identity::StateFolder;
use crate::platform::service;
use crate::pulse::{LONGEST_ATTEMPT, Pulse};
use crate::random::random_hex;
use crate::stop::Stop;
use crate::upgrade::{OnTrial, Ready, Record, Upgrades};
use crate::wire::Client;
use crate::worker::{Surroundings, Worker};
use anyhow::{Context, bail};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long workers may take to end once asked; whatever they do then can be cut off without harm.
const FAREWELL: Duration = Duration::from_millis(700);
/// How long they may take before a new program is tried, which needs what they hold.
const HANDOVER: Duration = Duration::from_secs(60);

/// What the main thread waits for.
pub(super) enum Event {
    /// To stop, and why.
    Signal(&'static str),
    /// A worker ended, however it did.
    WorkerEnded,
    /// A new program is to be tried.
    Ready(Box<Ready>),
}

/// How a serving ended.
pub(super) enum Served {
    /// The agent was asked to stop.
    Stopped,
    /// All workers ended, so that a new program can be tried.
    Ready(Box<Ready>, Box<Former>),
}

/// A started worker, as the main thread sees it.
struct Started {
    client: Client,
    pulse: Arc<Pulse>,
}

/// Serves.
///
/// # Errors
/// When nothing can be started, or no worker is left.
pub(super) fn serve(
    life: &Life,
    folder: Arc<StateFolder>,
    record: Record,
    trial: Option<OnTrial>,
) -> anyhow::Result<Served> {
    let stop = Arc::new(Stop::default());
    let sender = life.sender.clone();
    let upgrades = Upgrades::new(
        life.policy.clone(),
        record,
        folder.clone(),
        Arc::new(SystemClock),
        move |ready| {
            // Nobody listens any more when the process ends.
            let _ = sender.send(Event::Ready(Box::new(ready)));
        },
    );
    let upgrades = Arc::new(upgrades);
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        stop: stop.clone(),
        folder: folder.clone(),
        boot_id: random_hex()?,
        offer: Arc::new(Offer::new(
            life.config.actions.clone(),
            protected(&life.path, &life.config.state_folder),
        )),
        upgrades: upgrades.clone(),
        trial,
        config: life.path.clone(),
    };
    let workers = start_workers(life, &around)?;
    drop(around);
    told(service::ready());
    let ready = wait(&stop, &workers, &life.events)?;
    Ok(match ready {
        None => Served::Stopped,
        Some(ready) => {
            let record = upgrades.record();
            // What is left of it holds the lock, too.
            drop(upgrades);
            Served::Ready(ready, Box::new(Former { folder, record }))
        }
    })
}

/// The service manager is told; one that does not listen is no reason not to work.
pub(super) fn told(outcome: std::io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

fn start_workers(life: &Life, around: &Surroundings) -> anyhow::Result<Vec<Started>> {
    let config = &life.config;
    let mut started = Vec::with_capacity(config.servers.len());
    for server in &config.servers {
        let client = Client::new(server, config.proxy.as_ref()).map_err(anyhow::Error::msg)?;
        let worker = Worker::new(around.clone(), server.clone(), client.clone(), config.telemetry)?;
        let pulse = worker.pulse();
        started.push(Started { client, pulse });
        let farewell = Farewell(life.sender.clone());
        let work = move || {
            let _farewell = farewell;
            worker.run();
        };
        thread::Builder::new()
            .name(format!("server {}", server.tag))
            .spawn(work)
            .context("cannot start a thread")?;
    }
    Ok(started)
}

/// Tells the main thread that a worker ended, however it did.
struct Farewell(Sender<Event>);

impl Drop for Farewell {
    fn drop(&mut self) {
        // Nobody listens any more when the process ends.
        let _ = self.0.send(Event::WorkerEnded);
    }
}

/// Waits for a signal (none), or for a new program that is to be tried.
fn wait(stop: &Stop, workers: &[Started], events: &Receiver<Event>) -> anyhow::Result<Option<Box<Ready>>> {
    let mut working = workers.len();
    while working > 0 {
        let (ready, most) = match next_event(workers, events)? {
            Event::WorkerEnded => {
                working -= 1;
                continue;
            }
            Event::Signal(name) => {
                tracing::info!(signal = name, "stopping");
                told(service::stopping());
                (None, FAREWELL)
            }
            Event::Ready(ready) => {
                tracing::info!(upgrade.version = %ready.job.order.version, "pausing for the trial of a new program");
                (Some(ready), HANDOVER)
            }
        };
        stop.request();
        for worker in workers {
            worker.client.shut_down();
        }
        return Ok(if say_farewell(working, events, most) {
            None
        } else {
            ready
        });
    }
    bail!("no server can be served, see the log")
}

/// The next event; meanwhile the service manager gets its signs of life, as long as every worker moves.
fn next_event(workers: &[Started], events: &Receiver<Event>) -> anyhow::Result<Event> {
    const NONE_LEFT: &str = "no worker is left";
    let Some(period) = service::watchdog_period() else {
        return events.recv().context(NONE_LEFT);
    };
    loop {
        match workers
            .iter()
            .any(|worker| worker.pulse.is_stuck(LONGEST_ATTEMPT))
        {
            true => tracing::error!("a worker hangs: the service manager gets no sign of life"),
            false => told(service::alive()),
        }
        match events.recv_timeout(period / 3) {
            Err(RecvTimeoutError::Timeout) => {}
            other => return other.context(NONE_LEFT),
        }
    }
}

/// Waits for the workers' ends, for so long at most. Whether the agent was asked to stop meanwhile.
fn say_farewell(mut working: usize, events: &Receiver<Event>, most: Duration) -> bool {
    let until = Instant::now() + most;
    let mut signalled = false;
    while working > 0 {
        let left = until.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::WorkerEnded) => working -= 1,
            Ok(Event::Signal(_)) => signalled = true,
            Ok(Event::Ready(_)) => {}
            Err(_) => {
                tracing::debug!("a worker was still busy");
                return signalled;
            }
        }
    }
    tracing::info!("stopped");
    signalled
}
