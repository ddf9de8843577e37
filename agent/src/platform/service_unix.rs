//! What a service manager (systemd) is told. Without one, nothing happens.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// How a person starts the agent.
pub const HOW_TO_START: &str = "systemctl enable --now scmclient";
/// How a person stops it.
pub const HOW_TO_STOP: &str = "systemctl stop scmclient";

/// By which a service manager tells a process how to talk to it.
pub const VARIABLES: [&str; 3] = ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Says to the service manager that the agent works. Nothing happens where there is none.
///
/// # Errors
/// As the operating system says.
pub fn ready() -> io::Result<()> {
    sd_notify::notify(&[sd_notify::NotifyState::Ready])
}

/// Says to the service manager that the agent was asked to stop.
///
/// # Errors
/// As the operating system says.
pub fn stopping() -> io::Result<()> {
    sd_notify::notify(&[sd_notify::NotifyState::Stopping])
}

/// A sign of life for the service manager.
///
/// # Errors
/// As the operating system says.
pub fn alive() -> io::Result<()> {
    sd_notify::notify(&[sd_notify::NotifyState::Watchdog])
}

/// How often the service manager wants a sign of life at least; none when it wants none.
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Does the agent's work. A service manager needs nothing special for it.
pub fn supervised(work: impl FnOnce() -> anyhow::Result<u8> + Send + 'static) -> anyhow::Result<ExitCode> {
    work().map(ExitCode::from)
}

/// Where the log goes, if not to the standard error, which the service manager keeps.
pub fn log_file(_state_folder: &Path) -> Option<PathBuf> {
    None
}

/// Says to a program that runs in this one's place, or on trial, what it has to know of the service manager.
pub fn pass_on(_command: &mut Command) {}
