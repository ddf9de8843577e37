//! The real agent.

use super::process::{Process, binary, prefixed};
use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a test wants of an agent.
pub struct AgentBuilder {
    url: String,
    server_lines: String,
    /// Whole sections for further servers.
    others: String,
    /// Sections for what a server may have run.
    actions: String,
    prefix: Vec<String>,
}

impl AgentBuilder {
    pub(super) fn new(url: &str, ca_file: &Path) -> Self {
        AgentBuilder {
            url: url.to_owned(),
            server_lines: format!("ca_file = \"{}\"\n", ca_file.display()),
            others: String::new(),
            actions: String::new(),
            prefix: Vec::new(),
        }
    }

    /// Sections `[[action]]`.
    pub fn actions(mut self, text: &str) -> Self {
        self.actions += text;
        self
    }

    /// Another line of `[server]`.
    pub fn server_line(mut self, line: &str) -> Self {
        self.server_lines += &format!("{line}\n");
        self
    }

    /// Reports to the server of another builder as well.
    pub fn also(mut self, other: &AgentBuilder) -> Self {
        self.others += &format!("\n[[server]]\nurl = \"{}\"\n{}", other.url, other.server_lines);
        self
    }

    /// Trust exactly as this line says, in place of the CA file.
    pub fn trust(mut self, line: &str) -> Self {
        self.server_lines = format!("{line}\n");
        self
    }

    /// Words before the agent's command line, for example those of `faketime`.
    pub fn prefix(mut self, words: &[&str]) -> Self {
        self.prefix = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self) -> Result<Agent> {
        let folder = tempfile::Builder::new().prefix("scm-agent-").tempdir()?;
        let mut agent = Agent {
            process: None,
            folder,
            url: self.url,
            server_lines: self.server_lines,
            others: self.others,
            actions: self.actions,
            prefix: self.prefix,
        };
        agent.write_config()?;
        agent.start()?;
        Ok(agent)
    }
}

/// An agent in a folder of its own. Its state folder is made by itself.
pub struct Agent {
    // Declared before the folder: stopped before its files go.
    process: Option<Process>,
    folder: TempDir,
    url: String,
    server_lines: String,
    others: String,
    actions: String,
    prefix: Vec<String>,
}

impl Agent {
    /// Starts it (again).
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let program = binary("scmclient")?;
        let mut command = prefixed(&self.prefix, &program);
        command.args(["run", "--config"]).arg(self.config());
        self.process = Some(Process::start(
            "the agent",
            command,
            &self.folder.path().join("log"),
        )?);
        Ok(())
    }

    /// Another machine with a copy of its state folder, not started yet.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy(&self) -> Result<Agent> {
        let folder = tempfile::Builder::new().prefix("scm-copy-").tempdir()?;
        let copy = Agent {
            process: None,
            folder,
            url: self.url.clone(),
            server_lines: self.server_lines.clone(),
            others: self.others.clone(),
            actions: self.actions.clone(),
            prefix: self.prefix.clone(),
        };
        fs::create_dir(copy.state())?;
        fs::set_permissions(copy.state(), Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(self.state())? {
            let path = entry?.path();
            // A file may be renamed away meanwhile, as when a disk is copied under a running machine.
            let temporary = path.extension().is_some_and(|kind| kind == "tmp");
            if let (false, Some(name)) = (temporary, path.file_name()) {
                fs::copy(&path, copy.state().join(name))?;
            }
        }
        copy.write_config()?;
        Ok(copy)
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the agent does not run")
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end, or not with success.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process()?.stop()?;
        self.process = None;
        ensure!(status.success(), "the agent ended with {status}");
        Ok(())
    }

    /// Points it at another address, for its next start.
    ///
    /// # Errors
    /// When its configuration cannot be written.
    pub fn write_config(&self) -> Result<()> {
        let section = if self.others.is_empty() {
            "[server]"
        } else {
            "[[server]]"
        };
        let text = format!(
            "{section}\nurl = \"{}\"\n{}{}\n[agent]\nstate_folder = \"{}\"\n\n[log]\nlevel = \"debug\"\n\n{}",
            self.url,
            self.server_lines,
            self.others,
            self.state().display(),
            self.actions,
        );
        fs::write(self.config(), text)?;
        Ok(fs::set_permissions(self.config(), Permissions::from_mode(0o600))?)
    }

    /// What `scmclient status` prints.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn status(&self) -> Result<String> {
        let mut command = Command::new(binary("scmclient")?);
        let output = command.args(["status", "--config"]).arg(self.config()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Its identity: every file of its state folder whose change would make it another agent, or trust another server.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn identity(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut files = self.state_files(".key")?;
        files.extend(self.state_files(".id")?);
        files.extend(self.state_files(".pub")?);
        Ok(files)
    }

    /// Its private key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn private_key(&self) -> Result<SigningKey> {
        let (_, pem) = self.state_file(".key")?;
        let pem = String::from_utf8(pem)?;
        let der = STANDARD.decode(pem.lines().nth(1).context("no key")?)?;
        let seed = der.last_chunk::<32>().context("no key")?;
        Ok(SigningKey::from_bytes(seed))
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("scmclient.config")
    }

    /// The files of its state folder that end so, with their content.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn state_files(&self, ending: &str) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(self.state())? {
            let path = entry?.path();
            if path.to_string_lossy().ends_with(ending) {
                found.push((path.clone(), fs::read(&path)?));
            }
        }
        found.sort();
        Ok(found)
    }

    /// The only file of its state folder that ends so.
    ///
    /// # Errors
    /// When there is none, or more.
    pub fn state_file(&self, ending: &str) -> Result<(PathBuf, Vec<u8>)> {
        let mut found = self.state_files(ending)?;
        ensure!(found.len() == 1, "{} files end in {ending}", found.len());
        found.pop().context("no file")
    }
}
