//! `scmclient run`: one worker per server until a signal.

use crate::actions::{Offer, protected};
use crate::clock::SystemClock;
use crate::config::{self, Config};
use crate::identity::StateFolder;
use crate::platform::{StopSignals, service};
use crate::pulse::{LONGEST_ATTEMPT, Pulse};
use crate::random::random_hex;
use crate::stop::Stop;
use crate::wire::Client;
use crate::worker::{Surroundings, Worker};
use anyhow::{Context, bail};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// How long workers may take to end once asked; whatever they do then can be cut off without harm.
const FAREWELL: Duration = Duration::from_millis(700);

/// A started worker, as the main thread sees it.
struct Started {
    client: Client,
    pulse: Arc<Pulse>,
}

/// What the main thread waits for.
enum Event {
    Signal(&'static str),
    WorkerEnded,
}

/// Runs until a signal, or until no worker is left.
pub(super) fn run(path: &Path) -> anyhow::Result<()> {
    let config = config::load(path)?;
    log_to_stderr(&config)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (sender, events) = mpsc::channel();
    listen_for_signals(sender.clone())?;
    let stop = Arc::new(Stop::default());
    let folder = StateFolder::open(&config.state_folder)?;
    let around = Surroundings {
        clock: Arc::new(SystemClock),
        stop: stop.clone(),
        folder: Arc::new(folder),
        boot_id: random_hex()?,
        offer: Arc::new(Offer::new(
            config.actions.clone(),
            protected(path, &config.state_folder),
        )),
    };
    tracing::info!(agent.version = env!("CARGO_PKG_VERSION"), config.file = %path.display(), "started");
    let workers = start_workers(&config, &around, &sender)?;
    drop(sender);
    told(service::ready());
    wait(&stop, &workers, &events)
}

/// The service manager is told; one that does not listen is no reason not to work.
fn told(outcome: std::io::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}

fn log_to_stderr(config: &Config) -> anyhow::Result<()> {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_max_level(config.log_level)
        .finish();
    tracing::subscriber::set_global_default(subscriber).context("cannot log")
}

fn listen_for_signals(sender: Sender<Event>) -> anyhow::Result<()> {
    let mut signals = StopSignals::listen().context("cannot listen for signals")?;
    let listen = move || while sender.send(Event::Signal(signals.wait())).is_ok() {};
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(listen)
        .context("cannot start a thread")?;
    Ok(())
}

fn start_workers(
    config: &Config,
    around: &Surroundings,
    sender: &Sender<Event>,
) -> anyhow::Result<Vec<Started>> {
    let mut started = Vec::with_capacity(config.servers.len());
    for server in &config.servers {
        let client = Client::new(server, config.proxy.as_ref()).map_err(anyhow::Error::msg)?;
        let worker = Worker::new(around.clone(), server.clone(), client.clone(), config.telemetry)?;
        let pulse = worker.pulse();
        started.push(Started { client, pulse });
        let farewell = Farewell(sender.clone());
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

fn wait(stop: &Stop, workers: &[Started], events: &Receiver<Event>) -> anyhow::Result<()> {
    let mut working = workers.len();
    while working > 0 {
        match next_event(workers, events)? {
            Event::WorkerEnded => working -= 1,
            Event::Signal(name) => {
                tracing::info!(signal = name, "stopping");
                told(service::stopping());
                stop.request();
                for worker in workers {
                    worker.client.shut_down();
                }
                say_farewell(working, events);
                return Ok(());
            }
        }
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

fn say_farewell(mut working: usize, events: &Receiver<Event>) {
    let until = Instant::now() + FAREWELL;
    while working > 0 {
        let left = until.saturating_duration_since(Instant::now());
        match events.recv_timeout(left) {
            Ok(Event::WorkerEnded) => working -= 1,
            Ok(Event::Signal(_)) => {}
            Err(_) => {
                tracing::debug!("a worker was still busy");
                return;
            }
        }
    }
    tracing::info!("stopped");
}
