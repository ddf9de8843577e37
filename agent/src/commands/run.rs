//! `scmclient run`: serves until a signal, and becomes newer programs on the way.
//!
//! One life of this process is a row of servings: one until a new program is to be tried, the trial, and either another
//! program in this one's place or the next serving. Between two of them the state folder's lock is free for the program on
//! trial.

use super::serving::{Event, Served, serve, told};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config};
use crate::identity::{Error, StateFolder};
use crate::log;
use crate::platform::{self, Became, REPLACES_ITSELF, StopSignals, service};
use crate::random::random_hex;
use crate::upgrade::launch::{self, KILLED, Next};
use crate::upgrade::record::confirm;
use crate::upgrade::trial::{self, Watched};
use crate::upgrade::{OnTrial, Policy, Ready, Record, Role, Step};
use crate::version::VERSION;
use anyhow::{Context, bail, ensure};
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};
use tracing::level_filters::LevelFilter;

/// How long a former program, which was killed, may hold the state folder's lock still.
const LOCK_PATIENCE: Duration = Duration::from_secs(20);
const LOCK_STEP: Duration = Duration::from_millis(100);

/// All that the servings of one process share.
pub(super) struct Life {
    pub(super) config: Config,
    pub(super) path: PathBuf,
    pub(super) policy: Policy,
    pub(super) sender: Sender<Event>,
    pub(super) events: Receiver<Event>,
}

/// What a program exits with that ran as the child of another, and asks that one to run a newer program in its place.
const SUCCEED_ME: u8 = 75;

/// Runs until a signal, or until no worker is left. What this process exits with.
pub(super) fn run(path: &Path) -> anyhow::Result<u8> {
    let ended = prepared(path).and_then(|life| life.run());
    if let Err(error) = &ended
        && service::log_file(&platform::default_state_folder()).is_some()
    {
        // Nobody reads the standard error of such a service.
        tracing::error!("ended: {error:#}");
    }
    ended
}

/// Everything that comes before the first contact.
fn prepared(path: &Path) -> anyhow::Result<Life> {
    let config = config::load(path).inspect_err(|_| {
        if let Some(file) = service::log_file(&platform::default_state_folder()) {
            // There is nowhere else to say so.
            let _ = log::start(LevelFilter::INFO, Some(&file));
        }
    })?;
    let file = service::log_file(&config.state_folder);
    log::start(config.log_level, file.as_deref())?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let (sender, events) = mpsc::channel();
    listen_for_signals(sender.clone())?;
    let policy = Policy::of_this_program(config.upgrade.enabled, config.upgrade.keys.clone());
    Ok(Life {
        config,
        path: path.to_owned(),
        policy,
        sender,
        events,
    })
}

impl Life {
    fn run(&self) -> anyhow::Result<u8> {
        let role = Role::of_this_process();
        tracing::info!(
            agent.version = VERSION, agent.role = ?role, config.file = %self.path.display(), "started"
        );
        match role {
            Role::OnTrial(mark) => self.on_trial(&mark).map(|()| 0),
            role => self.live(&role),
        }
    }

    /// Serves, tries what is to be tried, becomes what proved itself.
    fn live(&self, role: &Role) -> anyhow::Result<u8> {
        if *role == Role::Launched && !REPLACES_ITSELF {
            listen_for_parent(self.sender.clone())?;
        }
        let mut ended = Watched {
            reason: KILLED.to_owned(),
            stopped: false,
        };
        // A program that was launched is the stored one; only after a trial there may be a newer one.
        let mut may_become = *role == Role::Installed;
        loop {
            let folder = Arc::new(self.open_folder(role)?);
            let mut record = launch::settle(&folder, &ended.reason, SystemClock.now())?;
            if ended.stopped {
                return Ok(0);
            }
            if may_become && let Next::Program(path) = launch::next(&folder, &mut record, role, &self.policy)?
            {
                // A signal that came until here would be lost with this program.
                if self.is_asked_to_stop() {
                    return Ok(0);
                }
                // The lock is the other program's from here on.
                drop(folder);
                match self.become_it(role, &path)? {
                    Succession::Over(code) => return Ok(code),
                    Succession::LookAgain => {}
                    Succession::GoOn => may_become = false,
                }
                continue;
            }
            let record = self.without_strangers(&folder, record)?;
            let (ready, former) = match serve(self, folder, record, None)? {
                Served::Stopped => return Ok(0),
                Served::Ready(ready, former) => (ready, former),
            };
            ended = self.try_out(&ready, *former)?;
            may_become = true;
        }
    }

    /// Has the newer program run in this one's place.
    fn become_it(&self, role: &Role, path: &Path) -> anyhow::Result<Succession> {
        if *role == Role::Launched && !REPLACES_ITSELF {
            tracing::info!(program.path = %path.display(), "asking the installed program to run the newer one");
            return Ok(Succession::Over(SUCCEED_ME));
        }
        tracing::info!(program.path = %path.display(), "becoming the newer program");
        match trial::become_program(path, &arguments(), self.pulse()) {
            Became::Failed(error) => {
                tracing::error!(program.path = %path.display(), %error, "the newer program cannot be started: going on as {VERSION}");
                Ok(Succession::GoOn)
            }
            Became::Stopped => Ok(Succession::Over(0)),
            Became::Ended(status) => match status.code() {
                Some(0) => Ok(Succession::Over(0)),
                Some(code) if code == i32::from(SUCCEED_ME) => Ok(Succession::LookAgain),
                _ => bail!("the newer program ended: {status}"),
            },
        }
    }

    /// Proves itself under the eyes of the program before it, which goes on in either case.
    fn on_trial(&self, mark: &str) -> anyhow::Result<()> {
        listen_for_parent(self.sender.clone())?;
        let folder = Arc::new(self.open_folder(&Role::OnTrial(mark.to_owned()))?);
        let record = Record::open(&folder, SystemClock.now())?;
        let job = record.job.as_ref().filter(|job| {
            job.step
                == Step::Trial {
                    mark: mark.to_owned(),
                }
        });
        let job = job.context("this program was started to be tried, but no such trial is recorded")?;
        ensure!(
            job.order.version == VERSION,
            "this program is {VERSION}, {} was to be tried",
            job.order.version
        );
        let proven = {
            let (folder, mark, sender) = (folder.clone(), mark.to_owned(), self.sender.clone());
            move || match confirm(&folder, &mark) {
                Ok(()) => {
                    let _ = sender.send(Event::Signal("the trial is passed"));
                }
                Err(error) => tracing::error!(%error, "that the trial is passed cannot be recorded"),
            }
        };
        let trial = OnTrial::new(job.server.clone(), proven);
        match serve(self, folder, record, Some(trial))? {
            Served::Stopped => Ok(()),
            Served::Ready(..) => bail!("a program on trial takes no orders"),
        }
    }

    /// The state folder with its lock. Where a trial is recorded, who held it may be about to end.
    fn open_folder(&self, role: &Role) -> Result<StateFolder, Error> {
        let path = &self.config.state_folder;
        let recorded = || {
            let job = Record::peek(&StateFolder::peek(path)).job;
            job.is_some_and(|job| matches!(job.step, Step::Trial { .. }))
        };
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            match StateFolder::open(path) {
                Err(Error::Locked { .. })
                    if Instant::now() < until && (*role != Role::Installed || recorded()) =>
                {
                    thread::sleep(LOCK_STEP);
                }
                other => return other,
            }
        }
    }

    /// The record without an order of a server that is not configured any more: nobody would carry it out.
    fn without_strangers(&self, folder: &StateFolder, record: Record) -> Result<Record, Error> {
        let configured = |tag: &str| {
            self.config
                .servers
                .iter()
                .any(|server| server.tag.to_string() == tag)
        };
        if record.job.as_ref().is_none_or(|job| configured(&job.server)) {
            return Ok(record);
        }
        let record = Record { job: None, ..record };
        record.write(folder)?;
        Ok(record)
    }

    /// The trial of a program; the lock is free meanwhile.
    fn try_out(&self, ready: &Ready, former: Former) -> anyhow::Result<Watched> {
        let mark = random_hex()?;
        let version = &ready.job.order.version;
        let folder = Arc::into_inner(former.folder)
            .context("a worker did not end in time; the upgrade is begun anew after a restart")?;
        trial::begin(&folder, former.record, &ready.job, &mark)?;
        drop(folder);
        let ordered = ready.job.order.deadline_secs;
        let secs = self
            .config
            .upgrade
            .trial_secs
            .map_or(ordered, |local| ordered.min(local));
        tracing::info!(upgrade.version = %version, upgrade.deadline_secs = secs, "a new program is on trial");
        let watched = trial::watch(
            ready,
            (&mark, Duration::from_secs(u64::from(secs))),
            &self.config.state_folder,
            &arguments(),
            self.pulse(),
        );
        Ok(watched)
    }

    /// Whether a signal came that nobody has heard yet.
    fn is_asked_to_stop(&self) -> bool {
        self.events.try_iter().any(|event| match event {
            Event::Signal(name) => {
                tracing::info!(signal = name, "stopping");
                true
            }
            Event::WorkerEnded | Event::Ready(_) => false,
        })
    }

    /// Keeps the service manager calm; whether the agent is to stop.
    fn pulse(&self) -> impl FnMut(Duration) -> bool + '_ {
        let period = service::watchdog_period().map(|period| period / 3);
        let mut told_at = Instant::now();
        let mut stop = false;
        move |most| {
            if period.is_some_and(|period| told_at.elapsed() >= period) {
                told(service::alive());
                told_at = Instant::now();
            }
            match self.events.recv_timeout(most) {
                Ok(Event::Signal(name)) => {
                    tracing::info!(signal = name, "stopping");
                    told(service::stopping());
                    stop = true;
                }
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => thread::sleep(most),
            }
            stop
        }
    }
}

/// What follows once another program was to take this one's place.
enum Succession {
    /// This process has nothing more to do: what it exits with.
    Over(u8),
    /// A newer one still may have to run.
    LookAgain,
    /// It did not come to it: this program goes on.
    GoOn,
}

/// What a serving leaves for a trial.
pub(super) struct Former {
    pub(super) folder: Arc<StateFolder>,
    pub(super) record: Record,
}

/// What this program was called with.
fn arguments() -> Vec<OsString> {
    std::env::args_os().skip(1).collect()
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

/// The parent holds the other end of the standard input, and never writes: it ends when the parent does, however that comes.
fn listen_for_parent(sender: Sender<Event>) -> anyhow::Result<()> {
    let listen = move || {
        let mut byte = [0];
        while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
        let _ = sender.send(Event::Signal("the end of the program before"));
    };
    thread::Builder::new()
        .name("parent".to_owned())
        .spawn(listen)
        .context("cannot start a thread")?;
    Ok(())
}
