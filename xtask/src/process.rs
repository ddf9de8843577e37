//! A program in the background: its output in a file, stopped when its owner goes, whatever the reason.

use crate::signals;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to stop by itself.
const GRACE: Duration = Duration::from_secs(10);

/// A running program.
pub(crate) struct Program {
    name: String,
    child: Child,
    log: Option<PathBuf>,
}

impl Program {
    /// Starts `command` in a process group of its own, so that a Ctrl-C at the terminal reaches only this process, which
    /// then stops the others in order.
    pub(crate) fn background(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone().context("cannot share a log file")?;
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0);
        let child = spawn(name, &mut command)?;
        Ok(Program {
            name: name.to_owned(),
            child,
            log: Some(log.to_owned()),
        })
    }

    /// Starts `command` on this terminal.
    pub(crate) fn foreground(name: &str, mut command: Command) -> Result<Self> {
        let child = spawn(name, &mut command)?;
        Ok(Program {
            name: name.to_owned(),
            child,
            log: None,
        })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, once it has ended.
    pub(crate) fn finished(&mut self) -> Result<Option<ExitStatus>> {
        self.child
            .try_wait()
            .with_context(|| format!("cannot ask for {}", self.name))
    }

    /// Fails when it has ended, with the end of its log.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        let Some(status) = self.finished()? else {
            return Ok(());
        };
        bail!("{} ended: {status}\n{}", self.name, self.log_tail());
    }

    /// Waits until it ends, or stops it when a signal comes.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.finished()? {
                return Ok(status);
            }
            if signals::asked_to_stop() {
                self.stop();
                bail!("stopped by a signal");
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGKILL: it has no chance to do anything.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// SIGTERM, some patience, SIGKILL.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::TERM);
        let end = Instant::now() + GRACE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() >= end {
                eprintln!("{} does not stop, killing it", self.name);
                self.signal(Signal::KILL);
                let _ = self.child.wait();
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last lines that it wrote.
    pub(crate) fn log_tail(&self) -> String {
        let text = self.log.as_deref().map(fs::read_to_string);
        let text = text.and_then(Result::ok).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn signal(&mut self, signal: Signal) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop();
    }
}

fn spawn(name: &str, command: &mut Command) -> Result<Child> {
    command
        .spawn()
        .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))
}

/// Runs `command` on this terminal to its end.
///
/// # Errors
/// When it cannot start, fails, or a signal stops it.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let shown = shown(&command);
    println!("+ {shown}");
    command.stdin(Stdio::null());
    let status = Program::foreground(&shown, command)?.wait()?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs `command` on this terminal to its end, with `input` to read.
///
/// # Errors
/// When it cannot start or fails.
pub(crate) fn run_with_input(mut command: Command, input: &str) -> Result<()> {
    let shown = shown(&command);
    println!("+ {shown}");
    let mut child = spawn(&shown, command.stdin(Stdio::piped()))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input.as_bytes())
            .with_context(|| format!("`{shown}` reads nothing"))?;
    }
    let status = child
        .wait()
        .with_context(|| format!("cannot wait for `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// What `command` prints, when it succeeds.
pub(crate) fn output(mut command: Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The command line, for a person.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

/// `PATH` with another folder before the others.
pub(crate) fn path_with(folder: &Path) -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}
