//! Drives the real loop's body with keys, answers and time, and looks at a real terminal's screen.

use crate::server::Server;
use scm_protocol::events;
use scm_protocol::ids::SystemId;
use scm_tls::Trust;
use scmtui::clock::Moment;
use scmtui::config::Context;
use scmtui::console::Console;
use scmtui::keys::{Key, Press};
use scmtui::message::{Call, Effect, Msg, Reply};
use scmtui::model::{Settings, State};
use scmtui::terminal::TerminalEvent;
use scmtui::update;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::num::NonZero;
use std::rc::Rc;

/// What the console wrote, write by write.
#[derive(Clone, Default)]
pub(crate) struct Sink(Rc<RefCell<Vec<Vec<u8>>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A console, a server and a terminal.
pub(crate) struct Driver {
    pub(crate) console: Console<Sink>,
    pub(crate) server: Server,
    pub(crate) now: Moment,
    pub(crate) terminal: vt100::Parser,
    /// Calls that are not answered yet.
    pub(crate) calls: VecDeque<(u64, Call)>,
    pub(crate) copied: Vec<String>,
    pub(crate) quit: bool,
    sink: Sink,
    /// Bytes and writes since they were last taken.
    written: (usize, usize),
}

/// A server of that name.
pub(crate) fn context(name: &str, production: bool) -> Context {
    Context {
        name: name.to_owned(),
        url: format!("https://{name}.example:8443"),
        trust: Trust::System,
        token_file: None,
        read_only: false,
        production,
        organization: None,
        ssh_key: None,
    }
}

fn parser(columns: u16, rows: u16) -> vt100::Parser {
    vt100::Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), 0)
}

impl Driver {
    /// A console before its first frame.
    pub(crate) fn start(server: Server, settings: Settings, (columns, rows): (u16, u16)) -> Self {
        let contexts = vec![context("prod-eu", true), context("lab", false)];
        let mut state = State::new(settings, (columns, rows), contexts, 0);
        state.nonce = "test".to_owned();
        let first = update::start(&mut state);
        let sink = Sink::default();
        let mut driver = Driver {
            console: Console::new(state, sink.clone()).unwrap(),
            server,
            now: Moment(1_000),
            terminal: parser(columns, rows),
            calls: VecDeque::new(),
            copied: Vec::new(),
            quit: false,
            sink,
            written: (0, 0),
        };
        driver.perform(first);
        driver.draw();
        driver
    }

    /// A console at 80×24 after the login, with everything read.
    pub(crate) fn logged_in(server: Server) -> Self {
        let mut driver = Self::start(server, Settings::default(), (80, 24));
        driver.log_in();
        driver
    }

    pub(crate) fn log_in(&mut self) {
        self.settle();
        self.keys("j d o e Tab s e c r e t Enter");
        self.settle();
        self.advance(1_000);
    }

    /// Presses keys by their names, drawing after each as the loop does.
    pub(crate) fn keys(&mut self, names: &str) {
        for name in names.split_whitespace() {
            self.key(name.parse().unwrap());
        }
    }

    /// Types text.
    pub(crate) fn text(&mut self, text: &str) {
        text.chars().for_each(|c| self.key(Key::Char(c)));
    }

    pub(crate) fn key(&mut self, key: Key) {
        self.take(Msg::Terminal(TerminalEvent::Key(Press { key, at: self.now })));
        self.draw();
    }

    /// Takes a message in without drawing.
    pub(crate) fn take(&mut self, msg: Msg) {
        let effects = self.console.take(msg, self.now).unwrap();
        self.collect();
        self.perform(effects);
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Quit => self.quit = true,
                Effect::Copy(text) => self.copied.push(text.to_string()),
                Effect::Call { generation, call } => self.calls.push_back((generation, call)),
                Effect::Repaint => self.console.repaint().unwrap(),
                Effect::Suspend => {}
            }
        }
    }

    /// The terminal has another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        let (height, width) = (NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap());
        self.terminal.screen_mut().set_size(height, width);
        self.take(Msg::Terminal(TerminalEvent::Resize(columns, rows)));
        self.draw();
    }

    /// Draws if the loop would.
    pub(crate) fn draw(&mut self) {
        self.console.draw_if_due(self.now).unwrap();
        self.collect();
    }

    fn collect(&mut self) {
        for bytes in self.sink.0.borrow_mut().drain(..) {
            self.written.0 += bytes.len();
            self.written.1 += 1;
            self.terminal.process(&bytes);
        }
    }

    /// Bytes and writes since the last time.
    pub(crate) fn written(&mut self) -> (usize, usize) {
        std::mem::take(&mut self.written)
    }

    /// An answer, or anything that the server says by itself.
    pub(crate) fn say(&mut self, reply: Reply) {
        let generation = self.console.state.generation;
        self.take(Msg::Reply { generation, reply });
        self.draw();
    }

    /// A change event.
    pub(crate) fn change(&mut self, updated: &[i64], listed: &[i64]) {
        let ids = |ids: &[i64]| ids.iter().copied().map(SystemId).collect();
        self.say(Reply::Change(events::Change {
            updated: ids(updated),
            listed: ids(listed),
            ..events::Change::default()
        }));
    }

    /// The server says that jobs went on.
    pub(crate) fn jobs_changed(&mut self) {
        self.say(Reply::Change(events::Change {
            jobs: true,
            ..events::Change::default()
        }));
        self.settle();
        self.draw();
    }

    /// Answers the oldest call.
    pub(crate) fn answer_one(&mut self) -> bool {
        let Some((generation, call)) = self.calls.pop_front() else {
            return false;
        };
        for reply in self.server.answer(call) {
            self.take(Msg::Reply { generation, reply });
            self.draw();
        }
        true
    }

    /// Answers all calls, and those that follow from the answers.
    pub(crate) fn settle(&mut self) {
        while self.answer_one() {}
    }

    /// Time passes, and the loop wakes when it asked to.
    pub(crate) fn advance(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        while let Some(at) = self.console.wake_at(self.now).filter(|at| *at <= until) {
            // Time moves on even where a timer is due at once, or a broken one would hang the test.
            self.now = at.max(self.now.plus(1));
            self.take(Msg::Tick);
            self.settle();
            self.draw();
        }
        self.now = self.now.max(until);
        self.server.clock = self.server.clock.plus(i64::try_from(millis).unwrap());
    }

    /// The terminal's screen.
    pub(crate) fn screen(&self) -> String {
        let lines: Vec<String> = self
            .terminal
            .screen()
            .rows(0, self.terminal.screen().size().1.get())
            .map(|row| row.trim_end().to_owned())
            .collect();
        lines.join("\n")
    }

    /// The host name in the row with the cursor, as the terminal shows it; none where something lies over a part of it.
    pub(crate) fn shown_under_cursor(&self) -> Option<String> {
        let row = self
            .screen()
            .lines()
            .skip(3)
            .find(|line| line.starts_with('>'))
            .map(str::to_owned)?;
        row.split_whitespace()
            .find(|word| {
                let number = word.strip_prefix("host-").unwrap_or_default();
                number.len() >= 3 && number.bytes().all(|digit| digit.is_ascii_digit())
            })
            .map(str::to_owned)
    }
}
