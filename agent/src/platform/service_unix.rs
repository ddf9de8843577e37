//! What a service manager (systemd) is told. Without one, nothing happens.

use std::io;
use std::time::Duration;

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
