//! Windows: being a service. Started by hand in a console, nothing of it happens.
//!
//! The process that the service control manager knows is always the installed program. A newer one that runs in its place, or
//! is on trial, is its child; the child does not talk to the manager, and writes the same log.

use super::windows::{Asked, ask_to_stop};
use crate::upgrade::Role;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// How a person starts the agent.
pub const HOW_TO_START: &str = "sc start scmclient";
/// How a person stops it.
pub const HOW_TO_STOP: &str = "sc stop scmclient";

/// By which a service manager tells a process how to talk to it: here, none.
pub const VARIABLES: [&str; 0] = [];

/// What the service is called.
const NAME: &str = "scmclient";
/// By which a child knows that a service is above it, and its log goes into the file.
const BELOW_SERVICE: &str = "SCMCLIENT_BELOW_SERVICE";
const LOG_FILE: &str = "log\\scmclient.log";

/// Says to the service manager that the agent works.
///
/// # Errors
/// As the operating system says.
pub fn ready() -> io::Result<()> {
    scm_windows::service::running()?;
    if scm_windows::service::is_one() {
        scm_windows::service::restart_after_failures(NAME)?;
    }
    Ok(())
}

/// Says to the service manager that the agent was asked to stop.
///
/// # Errors
/// As the operating system says.
pub fn stopping() -> io::Result<()> {
    scm_windows::service::stopping()
}

/// A sign of life: this service manager wants none.
///
/// # Errors
/// None.
pub fn alive() -> io::Result<()> {
    Ok(())
}

/// None: this service manager wants no signs of life.
pub fn watchdog_period() -> Option<Duration> {
    None
}

/// Does the agent's work, as a service where the service manager started this process.
///
/// # Errors
/// Whatever the work ends with.
pub fn supervised(work: impl FnOnce() -> anyhow::Result<u8> + Send + 'static) -> anyhow::Result<ExitCode> {
    if Role::of_this_process() != Role::Installed {
        return work().map(ExitCode::from);
    }
    let work = std::sync::Arc::new(std::sync::Mutex::new(Some(work)));
    let taken = {
        let work = work.clone();
        move || work.lock().ok().and_then(|mut work| work.take())
    };
    let as_service = {
        let taken = taken.clone();
        move || {
            // As soon as possible, for what may go wrong at the start; why it cannot be done is said by `ready`, to the log.
            let _ = scm_windows::service::restart_after_failures(NAME);
            match taken().map(|work| work()) {
                Some(Ok(code)) => u32::from(code),
                Some(Err(_)) | None => 1,
            }
        }
    };
    let ended = scm_windows::service::run(NAME, as_service, || ask_to_stop(Asked::ServiceManager))?;
    match (ended, taken()) {
        (None, Some(work)) => work().map(ExitCode::from),
        (code, _) => Ok(ExitCode::from(u8::try_from(code.unwrap_or(1)).unwrap_or(1))),
    }
}

/// Where the log goes, if not to the standard error: a service has none.
pub fn log_file(state_folder: &Path) -> Option<PathBuf> {
    let below = std::env::var_os(BELOW_SERVICE).is_some();
    (below || scm_windows::service::is_one()).then(|| state_folder.join(LOG_FILE))
}

/// Says to a program that runs in this one's place, or on trial, what it has to know of the service manager.
pub fn pass_on(command: &mut Command) {
    if scm_windows::service::is_one() || std::env::var_os(BELOW_SERVICE).is_some() {
        command.env(BELOW_SERVICE, "1");
    }
}
