//! One of the programs in the background, its output in a file.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A running program; killed when dropped.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints is appended to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let file = File::options().append(true).create(true).open(log);
        let file = file.with_context(|| format!("cannot write {}", log.display()))?;
        let errors = file.try_clone()?;
        let child = command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn();
        let child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails when it has ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}\n{}", self.name, self.log()),
        }
    }

    /// Its exit status, once it has ended.
    ///
    /// # Errors
    /// When the operating system does not say.
    pub fn finished(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends SIGTERM.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Lets it do nothing until [`Process::resume`].
    ///
    /// # Errors
    /// When it has ended before.
    pub fn pause(&mut self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it has ended before.
    pub fn resume(&mut self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    pub(super) fn signal(&mut self, signal: Signal) -> Result<()> {
        self.must_run()?;
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end within 30 s.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.terminate()?;
        self.wait_for_the_end()
    }

    pub(super) fn wait_for_the_end(&mut self) -> Result<ExitStatus> {
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("{} does not stop\n{}", self.name, self.log())
    }

    /// SIGKILL: it has no chance to do anything.
    ///
    /// # Errors
    /// When the operating system does not let us.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
        // Captured by the test runner, which shows it when the test fails.
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(60)..].join("\n");
        eprintln!("--- the end of what {} printed\n{tail}\n---", self.name);
    }
}

/// A program's command line with words before it.
pub(super) fn prefixed(words: &[String], program: &Path) -> Command {
    match words.split_first() {
        None => Command::new(program),
        Some((first, rest)) => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    }
}

/// The built program of that name.
///
/// # Errors
/// When it has not been built.
pub fn binary(name: &str) -> Result<PathBuf> {
    let folder = match env::var_os("SCM_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = env::current_exe()?;
            let folder = test.parent().and_then(Path::parent);
            folder
                .context("the tests run outside of cargo's target folder")?
                .to_owned()
        }
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is missing: `cargo xtask test` builds it", path.display());
    }
    Ok(path)
}
