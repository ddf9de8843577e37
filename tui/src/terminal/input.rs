//! Reading keys on a thread of its own, so that nothing delays them and each carries the moment it was read.

use super::TerminalEvent;
use crate::clock::Clock;
use crate::keys::{Key, Press};
use crossterm::event::{Event, read};
use std::io;

/// Reads until the terminal ends, passing each event to `send`, which answers whether anyone still listens.
///
/// # Errors
/// When the thread cannot be started.
pub fn read_keys(clock: Clock, send: impl Fn(TerminalEvent) -> bool + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("keys".to_owned())
        .spawn(move || {
            loop {
                let Ok(event) = read() else {
                    send(TerminalEvent::Terminate);
                    return;
                };
                if let Some(event) = translate(event, clock)
                    && !send(event)
                {
                    return;
                }
            }
        })?;
    Ok(())
}

fn translate(event: Event, clock: Clock) -> Option<TerminalEvent> {
    match event {
        Event::Key(event) => {
            Key::from_event(&event).map(|key| TerminalEvent::Key(Press { key, at: clock.now() }))
        }
        Event::Paste(text) => Some(TerminalEvent::Paste(text)),
        Event::Resize(columns, rows) => Some(TerminalEvent::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) => None,
    }
}
