//! The real console in tmux, at 80×24, on a socket of its own.

use super::process::binary;
use super::{Server, eventually};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::sleep;

/// A console that a test looks at and types into.
pub struct Console {
    folder: TempDir,
}

impl Console {
    /// Starts one for `server`, logged in by the local administrator's token, in a shell that stays when it ends.
    ///
    /// # Errors
    /// When tmux or the console cannot be started.
    pub async fn start(server: &Server) -> Result<Self> {
        let console = Console::shell(&[]).await?;
        let token = server.token_file();
        console.launch(server, &format!("--local-admin-token '{}'", token.display()))?;
        Ok(console)
    }

    /// Starts one for `server` that finds an SSH agent and nothing else to log in with.
    ///
    /// # Errors
    /// When tmux or the console cannot be started.
    pub async fn start_with_agent(server: &Server, socket: &Path) -> Result<Self> {
        let console = Console::shell(&[format!("SSH_AUTH_SOCK={}", socket.display())]).await?;
        console.launch(server, "")?;
        Ok(console)
    }

    /// A shell in tmux, with an environment of its own.
    async fn shell(environment: &[String]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("scm-console-").tempdir()?;
        let console = Console { folder };
        let mut command = console.tmux();
        command.args(["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24"]);
        command.args([
            "env",
            "-u",
            "NO_COLOR",
            "-u",
            "SSH_AUTH_SOCK",
            "PS1=shell> ",
            "HISTFILE=/dev/null",
            "TERM=screen-256color",
            "LC_ALL=C.UTF-8",
        ]);
        command.arg(format!("HOME={}", console.folder.path().display()));
        for variable in [
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "XDG_DATA_HOME",
            "XDG_CACHE_HOME",
        ] {
            command.arg(format!("{variable}={}", console.folder.path().display()));
        }
        command.args(environment);
        command.args(["bash", "--noprofile", "--norc", "-i"]);
        run(command)?;
        console.await_text("shell>", 10).await?;
        Ok(console)
    }

    fn launch(&self, server: &Server, options: &str) -> Result<()> {
        let start = format!(
            "'{}' --server {} --ca-file '{}' {options}; echo ended: $?",
            binary("scmtui")?.display(),
            server.url(),
            server.ca_file().display(),
        );
        self.type_text(&start)?;
        self.key("Enter")
    }

    /// What is on the screen.
    ///
    /// # Errors
    /// When tmux is gone.
    pub fn screen(&self) -> Result<String> {
        let mut command = self.tmux();
        command.args(["capture-pane", "-p"]);
        run(command)
    }

    /// Presses a key, by tmux' name for it.
    ///
    /// # Errors
    /// When tmux is gone.
    pub fn key(&self, key: &str) -> Result<()> {
        let mut command = self.tmux();
        command.args(["send-keys", key]);
        run(command).map(drop)
    }

    /// Types text.
    ///
    /// # Errors
    /// When tmux is gone.
    pub fn type_text(&self, text: &str) -> Result<()> {
        let mut command = self.tmux();
        command.args(["send-keys", "-l", text]);
        run(command).map(drop)
    }

    /// Waits until the screen shows `text`, and gives the screen.
    ///
    /// # Errors
    /// When it does not; with the screen.
    pub async fn await_text(&self, text: &str, secs: u64) -> Result<String> {
        self.await_screen(&format!("`{text}`"), secs, |screen| screen.contains(text))
            .await
    }

    /// Waits until the screen is as wanted, and gives it.
    ///
    /// # Errors
    /// When it does not become so; with the screen.
    pub async fn await_screen(&self, what: &str, secs: u64, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let seen = eventually(what, secs, async || {
            let screen = self.screen()?;
            Ok(wanted(&screen).then_some(screen))
        });
        let seen = seen.await;
        seen.with_context(|| format!("the screen shows:\n{}", self.screen().unwrap_or_default()))
    }

    /// Gives the console time to take in what was typed, where nothing on the screen tells.
    pub async fn settle(&self) {
        sleep(Duration::from_millis(700)).await;
    }

    /// Process ids of the console itself.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process_id(&self) -> Result<u32> {
        let mut command = self.tmux();
        command.args(["list-panes", "-F", "#{pane_pid}"]);
        let shell = run(command)?;
        let children = format!("/proc/{0}/task/{0}/children", shell.trim());
        let children = std::fs::read_to_string(children)?;
        let first = children
            .split_whitespace()
            .next()
            .context("the console does not run")?;
        Ok(first.parse()?)
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("tmux")
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command
            .arg("-S")
            .arg(self.socket())
            .env_remove("TMUX")
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        eprintln!("--- the screen\n{}\n---", self.screen().unwrap_or_default());
        let mut command = self.tmux();
        command.arg("kill-server");
        let _ = run(command);
    }
}

fn run(mut command: Command) -> Result<String> {
    let output = command.output().context("tmux cannot be started")?;
    ensure!(
        output.status.success(),
        "tmux: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
