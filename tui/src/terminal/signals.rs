//! Signals, suspension and hang-up.
//!
//! A hang-up is watched for by itself: without a controlling terminal there is no SIGHUP, and a reader at the end of a
//! terminal would spin.

use super::{TerminalEvent, restore};
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use std::io;
use std::time::Duration;

/// How long the console may take to end by itself after a hang-up or a signal.
const GRACE: Duration = Duration::from_secs(1);

/// Passes signals on as events.
///
/// # Errors
/// When the handlers or the thread cannot be set up.
pub fn watch_signals(send: impl Fn(TerminalEvent) -> bool + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGTSTP])?;
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if signal == SIGTSTP {
                    send(TerminalEvent::Suspend);
                } else {
                    end(&send);
                }
            }
        })?;
    Ok(())
}

/// Watches standard input for its end.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch_hang_up(send: impl Fn(TerminalEvent) -> bool + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("hang-up".to_owned())
        .spawn(move || {
            loop {
                let stdin = io::stdin();
                // No flag is asked for: hang-up and error are always reported, input never is, so this sleeps.
                let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
                match poll(&mut watched, None) {
                    Ok(_)
                        if watched[0]
                            .revents()
                            .intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) =>
                    {
                        end(&send);
                        return;
                    }
                    Ok(_) | Err(rustix::io::Errno::INTR) => {}
                    Err(_) => return,
                }
            }
        })?;
    Ok(())
}

/// Asks the console to end and makes sure that it does, even where it hangs in a write.
fn end(send: &impl Fn(TerminalEvent) -> bool) {
    send(TerminalEvent::Terminate);
    std::thread::sleep(GRACE);
    restore();
    std::process::exit(1);
}

/// Stops this process as SIGTSTP does by default; returns when it goes on.
///
/// # Errors
/// When the signal cannot be raised.
pub fn stop_here() -> io::Result<()> {
    signal_hook::low_level::emulate_default_handler(SIGTSTP)
}
