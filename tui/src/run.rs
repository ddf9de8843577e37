//! The program: one thread for the state and the screen, one each for keys, signals, hang-up and the server.

use crate::client::Client;
use crate::clock::Clock;
use crate::console::Console;
use crate::message::{Effect, Msg};
use crate::model::{Settings, State};
use crate::terminal::{self, Multiplexer, Session, TerminalEvent};
use crate::{cli::Args, update};
use anyhow::Context as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use zeroize::Zeroizing;

/// Runs the console until it ends.
///
/// # Errors
/// When the configuration is wrong or the terminal cannot be used.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let clock = Clock::start();
    let (contexts, chosen) = args.contexts(config_path())?;
    let log_file = crate::log::start(args.log_file.clone());
    let settings = settings(args);
    let (sender, receiver) = channel();
    let events = |sender: Sender<Msg>| move |event: TerminalEvent| sender.send(Msg::Terminal(event)).is_ok();
    // Before the terminal is taken: from then on no signal may end the program without giving it back.
    terminal::watch_signals(events(sender.clone()))?;
    let session = Session::take().context("cannot take the terminal")?;
    terminal::watch_hang_up(events(sender.clone()))?;
    let size = terminal::size();
    let mut state = State::new(settings, (size.width, size.height), contexts, chosen);
    state.nonce = nonce()?;
    let effects = update::start(&mut state);
    let mut console = Console::new(state, terminal::output()?)?;
    console.draw_if_due(clock.now())?;
    terminal::read_keys(clock, events(sender.clone()))?;
    let client = Client::start(
        Arc::new(move |msg| sender.send(msg).is_ok()),
        log_file.path.clone(),
    )?;
    let mut program = Program {
        console,
        client,
        session,
        clock,
    };
    // An output that fails is a terminal that is gone: there is nobody to tell.
    if let Err(error) = program.follow(&receiver, effects) {
        tracing::warn!("the terminal is gone: {error}");
    }
    Ok(())
}

struct Program {
    console: Console<std::fs::File>,
    client: Client,
    session: Session,
    clock: Clock,
}

impl Program {
    fn follow(&mut self, messages: &Receiver<Msg>, first: Vec<Effect>) -> std::io::Result<()> {
        if self.perform(first)? {
            return Ok(());
        }
        loop {
            let Some(msg) = self.wait(messages) else {
                return Ok(());
            };
            let mut next = Some(msg);
            while let Some(msg) = next {
                let effects = self.console.take(msg, self.clock.now())?;
                if self.perform(effects)? {
                    return Ok(());
                }
                next = messages.try_recv().ok();
            }
            self.console.draw_if_due(self.clock.now())?;
        }
    }

    /// The next message; a tick when a timer or a frame comes first; none when nobody can send any more.
    fn wait(&self, messages: &Receiver<Msg>) -> Option<Msg> {
        let now = self.clock.now();
        let Some(at) = self.console.wake_at(now) else {
            return messages.recv().ok();
        };
        match messages.recv_timeout(at.wait_from(now)) {
            Ok(msg) => Some(msg),
            Err(RecvTimeoutError::Timeout) => Some(Msg::Tick),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Does what `update` asks for; answers whether to end.
    fn perform(&mut self, effects: Vec<Effect>) -> std::io::Result<bool> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Call { generation, call } => self.client.call(generation, call),
                Effect::Repaint => self.console.repaint()?,
                Effect::Copy(text) => {
                    let sequence = Zeroizing::new(terminal::copy_sequence(&text, multiplexer()));
                    self.console.send(&sequence)?;
                }
                Effect::Suspend => {
                    self.session.suspend()?;
                    let size = terminal::size();
                    let resized = TerminalEvent::Resize(size.width, size.height);
                    self.console.take(Msg::Terminal(resized), self.clock.now())?;
                    self.console.repaint()?;
                }
            }
        }
        Ok(false)
    }
}

/// 128 random bits.
fn nonce() -> anyhow::Result<String> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).context("no random numbers")?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn multiplexer() -> Multiplexer {
    let (tmux, sty, term) = (variable("TMUX"), variable("STY"), variable("TERM"));
    Multiplexer::detect(tmux.as_deref(), sty.as_deref(), term.as_deref())
}

/// ASCII by wish, on the Linux console, and where the locale is not UTF-8; the rest by the usual variables.
fn settings(args: &Args) -> Settings {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable)
        .unwrap_or_default()
        .to_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8");
    let linux = variable("TERM").is_some_and(|term| term == "linux");
    Settings {
        ascii: args.ascii || linux || !utf8,
        mono: variable("NO_COLOR").is_some(),
        accessible: variable("ACCESSIBLE").is_some_and(|value| value != "0"),
        ssh_agent: variable("SSH_AUTH_SOCK").is_some(),
    }
}

fn config_path() -> Option<PathBuf> {
    use etcetera::BaseStrategy;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("openscm").join("scmtui.config"))
}
