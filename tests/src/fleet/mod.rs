//! The fleet simulator: any number of signed agents with keys of their own, over real TLS, against a running server.
//!
//! Phases: register, approve (where asked), first check-in (where the server's key is learned), check-ins. Each is tallied
//! by itself. In place of them, all agents may connect at once (a stampede). All on one thread: it is meant to run on one processor with the server on another.

pub mod acknowledged;
mod administrator;
mod held;
pub mod identities;
mod machine;
mod options;
mod report;
mod server_cost;
mod skew;
mod stampede;
mod tally;
mod upgrades;
mod vitals;
mod worker;

pub use options::Options;
pub use server_cost::ServerCost;

use crate::http::Endpoint;
use acknowledged::AckLog;
use administrator::Administrator;
use anyhow::{Context, Result, ensure};
use machine::{Machine, Surroundings};
use report::Report;
use scm_tls::Trust;
use skew::Skew;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tally::Tally;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use worker::{Pace, Worker};

/// Tries for each registration and first check-in.
const TRIES: u32 = 5;

/// Runs the simulator as its command line says.
///
/// # Errors
/// When it cannot start, or the server does not take the fleet.
pub async fn run(options: Options) -> Result<()> {
    let endpoint = Endpoint::new(&options.server, &Trust::CaFile(options.ca_file.clone()))?;
    let around = Arc::new(Surroundings {
        endpoint,
        organization: options.organization.clone(),
        enrollment_token: token(options.enrollment_token.as_deref())?,
        verify: !options.no_verify,
        acks: AckLog::open(options.ack_log.as_deref())?,
        fail_upgrades: options.fail_upgrades,
    });
    let mut fleet = Fleet::new(options, around)?;
    let outcome = fleet.live().await;
    fleet.save()?;
    outcome?;
    fleet.report.print(&fleet.options)
}

fn token(path: Option<&Path>) -> Result<Option<String>> {
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path);
        text.with_context(|| format!("cannot read {}", path.display()))
    };
    Ok(path.map(read).transpose()?.map(|text| text.trim().to_owned()))
}

/// Fleets up to this size find room among those that may wait by default.
const DEFAULT_ROOM: usize = 5_000;

struct Fleet {
    options: Options,
    around: Arc<Surroundings>,
    workers: Vec<Worker>,
    stop: watch::Receiver<bool>,
    report: Report,
}

impl Fleet {
    fn new(options: Options, around: Arc<Surroundings>) -> Result<Self> {
        let machines = (0..options.agents).map(|index| Machine::new(&options.hostname_prefix, index));
        let mut machines = machines.collect::<Result<Vec<_>>>()?;
        for (index, machine) in machines.iter_mut().enumerate() {
            machine.clock = Skew::of(index, options.clock_skew);
        }
        if let Some(path) = &options.identities {
            identities::load(path, &mut machines)?;
        }
        let stop = stop_on_signals()?;
        let count = options.connection_count();
        let mut shares = vec![Vec::new(); count];
        for (index, machine) in machines.into_iter().enumerate() {
            shares[index % count].push(machine);
        }
        let workers = shares
            .into_iter()
            .map(|machines| Worker::new(around.clone(), machines, options.patience(), stop.clone()))
            .collect::<Result<_>>()?;
        Ok(Fleet {
            options,
            around,
            workers,
            stop,
            report: Report::default(),
        })
    }

    async fn live(&mut self) -> Result<()> {
        self.make_room().await?;
        if self.options.stampede {
            return self.stampede().await;
        }
        let registering = self.phase(|_| Pace::OnceEach { tries: TRIES }).await?;
        self.report.add("register", registering);
        let registered = self
            .machines()
            .iter()
            .filter(|machine| machine.system.is_some())
            .count();
        ensure!(
            registered == self.options.agents || *self.stop.borrow(),
            "only {registered} of {} agents are registered: {}",
            self.options.agents,
            self.report.json()
        );
        self.save()?;
        if self.options.held {
            return self.hold().await;
        }
        self.administer().await?;
        if self.options.load_time() == Some(Duration::ZERO) {
            return Ok(());
        }
        let first = self.phase(|_| Pace::OnceEach { tries: TRIES }).await?;
        self.report.add("first check-in", first);
        self.load().await
    }

    /// A fleet larger than what may wait for approval by default needs the setting raised.
    async fn make_room(&self) -> Result<()> {
        match &self.options.admin_token {
            Some(token) if self.options.agents > DEFAULT_ROOM => {
                let mut administrator = Administrator::new(self.around.endpoint.clone(), token)?;
                administrator.make_room(self.options.agents).await
            }
            _ => Ok(()),
        }
    }

    async fn administer(&mut self) -> Result<()> {
        let Some(token) = &self.options.admin_token else {
            return Ok(());
        };
        let mut administrator = Administrator::new(self.around.endpoint.clone(), token)?;
        if self.options.approve {
            let mut machines: Vec<&mut Machine> = self
                .workers
                .iter_mut()
                .flat_map(|worker| worker.machines.iter_mut())
                .collect();
            let tally = administrator.approve(&mut machines, &self.around.acks).await?;
            self.report.add("approve", tally);
        }
        match self.options.await_listed {
            Some(count) => administrator.await_listed(count).await,
            None => Ok(()),
        }
    }

    /// Every agent waits on a connection of its own, and is approved.
    async fn hold(&mut self) -> Result<()> {
        let token = self.options.admin_token.as_deref();
        let token = token.context("the administrator's token is missing")?;
        let mut administrator = Administrator::new(self.around.endpoint.clone(), token)?;
        // With the workers go the connections that they registered over.
        let workers = std::mem::take(&mut self.workers);
        let machines: Vec<Machine> = workers.into_iter().flat_map(|worker| worker.machines).collect();
        let process = self.options.server_process;
        let held = held::measure(&self.around, machines, &mut administrator, process).await?;
        self.report.add("approve", held.approved);
        self.report.add("told", held.told);
        self.report.held(held.memory);
        Ok(())
    }

    /// Everybody at once.
    async fn stampede(&mut self) -> Result<()> {
        let count = self.workers.len();
        let machines: Vec<Machine> = self.machines().into_iter().cloned().collect();
        let done = stampede::run(self.around.clone(), machines, self.options.patience(), &self.stop).await?;
        for (index, machine) in done.machines.into_iter().enumerate() {
            let worker = self.workers.get_mut(index % count.max(1));
            if let Some(place) = worker.and_then(|worker| worker.machines.get_mut(index / count)) {
                *place = machine;
            }
        }
        self.report.add("stampede", done.served);
        let cost = self.options.server_process.map(ServerCost::read).transpose()?;
        self.report.stampede(done.outcome, cost.as_ref());
        match (&self.options.admin_token, self.options.await_listed) {
            (Some(token), Some(count)) => {
                let mut administrator = Administrator::new(self.around.endpoint.clone(), token)?;
                administrator.await_listed(count).await
            }
            _ => Ok(()),
        }
    }

    async fn load(&mut self) -> Result<()> {
        let began = Instant::now();
        let end = self.options.load_time().map(|time| began + time);
        let cost = |process: Option<u32>| process.map(ServerCost::read).transpose();
        let before = cost(self.options.server_process)?;
        let connections = self.workers.len() as u32;
        let rate = self.options.offered_rate();
        let tally = self
            .phase(|index| match rate {
                None => Pace::Closed { end },
                Some(rate) => Pace::Open {
                    first: began + Duration::from_secs_f64(f64::from(index) / rate),
                    every: Duration::from_secs_f64(f64::from(connections) / rate),
                    end,
                },
            })
            .await?;
        if let Some((before, after)) = before.zip(cost(self.options.server_process).unwrap_or_default()) {
            self.report.server(&before, &after, tally.count());
        }
        self.report.add("check-in", tally);
        Ok(())
    }

    /// Runs every worker at its pace, and tallies.
    async fn phase(&mut self, pace: impl Fn(u32) -> Pace) -> Result<Tally> {
        let began = Instant::now();
        let mut running = JoinSet::new();
        for (index, worker) in std::mem::take(&mut self.workers).into_iter().enumerate() {
            let pace = pace(index as u32);
            running.spawn(async move { (index, worker.run(pace).await) });
        }
        let mut done = running.join_all().await;
        done.sort_by_key(|(index, _)| *index);
        let mut total = Tally::new()?;
        for (_, worker) in &mut done {
            total.add(&std::mem::replace(&mut worker.tally, Tally::new()?));
        }
        total.took(began.elapsed());
        self.workers = done.into_iter().map(|(_, worker)| worker).collect();
        Ok(total)
    }

    /// All machines, in the order in which they were made.
    fn machines(&self) -> Vec<&Machine> {
        let count = self.workers.len();
        (0..self.options.agents)
            .filter_map(|index| {
                self.workers
                    .get(index % count.max(1))?
                    .machines
                    .get(index / count)
            })
            .collect()
    }

    fn save(&self) -> Result<()> {
        self.around.acks.flush()?;
        match &self.options.identities {
            Some(path) => {
                let machines: Vec<Machine> = self.machines().into_iter().cloned().collect();
                identities::save(path, &machines)
            }
            None => Ok(()),
        }
    }
}

fn stop_on_signals() -> Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for signals")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = stop.send(true);
        std::future::pending::<()>().await;
    });
    Ok(stopped)
}
