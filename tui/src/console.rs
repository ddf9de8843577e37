//! The loop's body: messages in, at most one frame out.
//!
//! Key frames are drawn at once, data frames at most twice a second, and nothing is drawn when nothing changed.

use crate::clock::Moment;
use crate::message::{Effect, Msg};
use crate::model::{Dirty, State};
use crate::terminal::{Screen, TerminalEvent};
use crate::update::{acts_on_the_drawn_row, deadline, update};
use crate::view::view;
use ratatui::Terminal;
use ratatui::layout::Size;
use std::io::{self, Write};

/// Least time between two frames that only show data, in milliseconds.
pub const DATA_FRAME_MS: u64 = 500;

/// The state and the screen that shows it.
pub struct Console<W: Write> {
    /// What the console knows.
    pub state: State,
    terminal: Terminal<Screen<W>>,
    drawn_at: Option<Moment>,
}

impl<W: Write> Console<W> {
    /// A console that draws into `out`.
    ///
    /// # Errors
    /// When the output fails.
    pub fn new(state: State, out: W) -> io::Result<Self> {
        let (width, height) = state.size;
        let terminal = Terminal::new(Screen::new(out, Size { width, height }))?;
        Ok(Console {
            state,
            terminal,
            drawn_at: None,
        })
    }

    /// Takes one message in. A key that acts on the row under the cursor sees that row drawn first.
    ///
    /// # Errors
    /// When the output fails.
    pub fn take(&mut self, msg: Msg, now: Moment) -> io::Result<Vec<Effect>> {
        match &msg {
            Msg::Terminal(TerminalEvent::Key(press))
                if self.state.dirty != Dirty::Clean && acts_on_the_drawn_row(&self.state, press.key) =>
            {
                self.draw(now)?;
            }
            Msg::Terminal(TerminalEvent::Resize(width, height)) => {
                self.terminal.backend_mut().set_size(Size {
                    width: *width,
                    height: *height,
                });
            }
            _ => {}
        }
        Ok(update(&mut self.state, msg, now))
    }

    /// When the loop must wake by itself; none while nothing waits.
    pub fn wake_at(&self, now: Moment) -> Option<Moment> {
        let frame = match (self.state.dirty, self.drawn_at) {
            (Dirty::Clean, _) => None,
            (Dirty::Data, Some(drawn)) => Some(drawn.plus(DATA_FRAME_MS).max(now)),
            _ => Some(now),
        };
        frame.into_iter().chain(deadline(&self.state)).min()
    }

    /// Draws if the time for it has come.
    ///
    /// # Errors
    /// When the output fails.
    pub fn draw_if_due(&mut self, now: Moment) -> io::Result<()> {
        let due = match self.state.dirty {
            Dirty::Clean => false,
            Dirty::Key => true,
            Dirty::Data => self
                .drawn_at
                .is_none_or(|drawn| now.since(drawn) >= DATA_FRAME_MS),
        };
        if due { self.draw(now) } else { Ok(()) }
    }

    fn draw(&mut self, now: Moment) -> io::Result<()> {
        let state = &self.state;
        self.terminal.draw(|frame| view(state, frame))?;
        self.state.drawn(now);
        self.drawn_at = Some(now);
        Ok(())
    }

    /// Paints everything anew with the next frame: the screen may show anything.
    ///
    /// # Errors
    /// When the output fails.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.terminal.backend_mut().forget();
        self.terminal.clear()?;
        self.state.mark(Dirty::Key);
        Ok(())
    }

    /// Sends a sequence that is no part of a frame.
    ///
    /// # Errors
    /// When the output fails.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.terminal.backend_mut().send(bytes)
    }
}
