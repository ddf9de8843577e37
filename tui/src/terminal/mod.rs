//! The terminal: taken over once, given back by one routine whatever happens.
//!
//! [`restore`] runs on drop, on a panic of any thread, on SIGTERM and SIGHUP, before a suspension and when the terminal
//! hangs up. It may run twice without harm.

mod clipboard;
mod input;
mod screen;
mod signals;

use crate::keys::Press;
use ratatui::layout::Size;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

pub use clipboard::{Multiplexer, copy_sequence};
pub use input::read_keys;
pub use screen::Screen;
pub use signals::{stop_here, watch_hang_up, watch_signals};

/// What the terminal and the operating system tell the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// A key.
    Key(Press),
    /// Pasted text (bracketed paste).
    Paste(String),
    /// Another size: columns, rows.
    Resize(u16, u16),
    /// SIGTERM, SIGHUP, SIGINT, SIGQUIT or a terminal that hung up: end now.
    Terminate,
    /// SIGTSTP from outside.
    Suspend,
}

/// Alternate screen, cursor hidden, bracketed paste, cleared.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[m\x1b[2J\x1b[H";
/// The reverse, beginning with the end of a synchronized update that may have been cut off.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[?2004l\x1b[m\x1b[?25h\x1b[?1049l";

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while the console has it.
#[derive(Debug)]
pub struct Session {
    _private: (),
}

impl Session {
    /// Takes the terminal and makes every panic give it back.
    ///
    /// # Errors
    /// When standard input or output is no terminal, or it refuses.
    pub fn take() -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other(
                "scmtui needs a terminal on standard input and output",
            ));
        }
        restore_on_panic();
        enter()?;
        Ok(Session { _private: () })
    }

    /// Gives the terminal to the shell, stops the process, and takes the terminal back when it goes on.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn suspend(&self) -> io::Result<()> {
        restore();
        stop_here()?;
        enter()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

fn enter() -> io::Result<()> {
    TAKEN.store(true, Ordering::SeqCst);
    crossterm::terminal::enable_raw_mode()?;
    let mut out = io::stdout().lock();
    out.write_all(ENTER)?;
    out.flush()
}

/// Gives the terminal back as it was found. Does nothing where it was not taken.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // Best effort: when the terminal is gone there is nobody to tell. The lock on standard output is not taken, because
    // a panicking thread may hold it.
    if let Ok(mut out) = output() {
        drop(out.write_all(LEAVE));
    }
    drop(crossterm::terminal::disable_raw_mode());
}

/// Standard output without Rust's line buffer: a frame is one write.
///
/// # Errors
/// When the descriptor cannot be duplicated.
pub fn output() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

/// Columns and rows; 80×24 where the terminal does not say.
pub fn size() -> Size {
    match crossterm::terminal::size() {
        Ok((width, height)) if width > 0 && height > 0 => Size { width, height },
        _ => Size {
            width: 80,
            height: 24,
        },
    }
}

/// A panic of any thread ends the program with the terminal restored and the message readable.
fn restore_on_panic() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        restore();
        previous(info);
        std::process::exit(101);
    }));
}
