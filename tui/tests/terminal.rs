//! The real program in a real terminal: whatever ends it, the terminal is given back.

#![expect(clippy::unwrap_used, reason = "what fails here is a failed test")]

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const SIZE: PtySize = PtySize {
    rows: 24,
    cols: 80,
    pixel_width: 0,
    pixel_height: 0,
};
/// The last thing that a restored terminal is told: leave the alternate screen.
const LEFT: &str = "\x1b[?1049l";

struct Terminal {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Receiver<Vec<u8>>,
    seen: String,
    _home: tempfile::TempDir,
}

impl Terminal {
    fn run(mut command: CommandBuilder) -> Self {
        let home = tempfile::tempdir().unwrap();
        command.env("HOME", home.path());
        command.env("XDG_STATE_HOME", home.path());
        command.env("XDG_CONFIG_HOME", home.path());
        command.env("LC_ALL", "C.UTF-8");
        command.env("TERM", "xterm-256color");
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Terminal {
            master: pair.master,
            child,
            output,
            seen: String::new(),
            _home: home,
        }
    }

    /// The console, at a server that is not there.
    fn console() -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_scmtui"));
        command.args(["--server", "https://127.0.0.1:9"]);
        let mut terminal = Self::run(command);
        terminal.wait_for("127.0.0.1:9");
        terminal
    }

    fn wait_for(&mut self, text: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.seen.contains(text) {
            let left = until.saturating_duration_since(Instant::now());
            let bytes = self
                .output
                .recv_timeout(left)
                .unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill")
                .args([name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn is_cooked(&self) -> bool {
        let flags = format!("{:?}", self.master.get_termios().unwrap().local_flags);
        flags.contains("ECHO ") && flags.contains("ICANON")
    }

    /// Waits for the end and answers how long it took.
    fn ended(&mut self) -> Duration {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < Duration::from_secs(10), "it goes on");
            std::thread::sleep(Duration::from_millis(5));
        }
        started.elapsed()
    }

    fn assert_restored(&mut self) {
        self.wait_for(LEFT);
        assert!(self.seen.contains("\x1b[?25h"), "the cursor is visible");
        // The mode follows the sequence.
        let until = Instant::now() + Duration::from_secs(5);
        while !self.is_cooked() {
            assert!(Instant::now() < until, "the terminal does not echo again");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn signals_restore_the_terminal() {
    for signal in ["-TERM", "-HUP", "-INT"] {
        let mut terminal = Terminal::console();
        assert!(!terminal.is_cooked());
        terminal.signal(signal);
        let took = terminal.ended();
        assert!(took < Duration::from_secs(2), "{signal} took {took:?}");
        terminal.assert_restored();
    }
}

#[test]
fn a_key_quits_and_restores_the_terminal() {
    let mut terminal = Terminal::console();
    terminal.master.take_writer().unwrap().write_all(b"\x03").unwrap();
    terminal.ended();
    terminal.assert_restored();
}

#[test]
fn a_hang_up_ends_it_within_two_seconds() {
    let terminal = Terminal::console();
    let Terminal {
        master,
        mut child,
        output,
        ..
    } = terminal;
    drop(master);
    drop(output);
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "it outlives its terminal"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_suspension_gives_the_terminal_back_for_a_while() {
    let mut terminal = Terminal::console();
    terminal.signal("-TSTP");
    terminal.assert_restored();
    terminal.seen.clear();
    terminal.signal("-CONT");
    // The whole screen is painted again.
    terminal.wait_for("127.0.0.1:9");
    assert!(!terminal.is_cooked());
    terminal.signal("-TERM");
    terminal.ended();
}

/// Set in the process that `a_panic_restores_the_terminal` starts of itself.
const PANICS: &str = "SCM_TEST_PANICS";

/// What that process does in a terminal of its own.
fn panic_in_a_session() {
    let _session = scmtui::terminal::Session::take().unwrap();
    std::thread::spawn(|| panic!("on another thread")).join().ok();
    println!("it went on");
}

#[test]
fn a_panic_restores_the_terminal() {
    if std::env::var_os(PANICS).is_some() {
        return panic_in_a_session();
    }
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args(["--exact", "a_panic_restores_the_terminal", "--nocapture"]);
    command.env(PANICS, "1");
    let mut terminal = Terminal::run(command);
    terminal.ended();
    terminal.assert_restored();
    terminal.wait_for("on another thread");
    assert!(!terminal.seen.contains("it went on"), "{}", terminal.seen);
    let message = terminal.seen.find("on another thread").unwrap();
    assert!(
        message > terminal.seen.rfind(LEFT).unwrap(),
        "the message is on the restored screen"
    );
}
