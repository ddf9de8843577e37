//! The real server.

mod commands;
mod others;

use super::faketime::shifted;
use super::{Admin, AgentBuilder, Database, Process, Rogue, binary, eventually};
use crate::http::Endpoint;
use anyhow::{Context, Result};
use scm_tls::Trust;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a test wants of a server.
pub struct ServerBuilder {
    database: Database,
    database_url: Option<String>,
    interval_secs: u32,
    limits: String,
    sections: String,
}

impl ServerBuilder {
    /// Where its data is; SQLite.
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// The URL of a database that there is, in place of one of its own.
    pub fn database_url(mut self, url: &str) -> Self {
        self.database_url = Some(url.to_owned());
        self
    }

    /// Seconds between check-ins, pending or not; 1.
    pub fn interval_secs(mut self, secs: u32) -> Self {
        self.interval_secs = secs;
        self
    }

    /// Lines of `[limits]`; the defaults.
    pub fn limits(mut self, lines: &str) -> Self {
        self.limits = lines.to_owned();
        self
    }

    /// Further sections of the configuration.
    pub fn sections(mut self, text: &str) -> Self {
        self.sections = text.to_owned();
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start(self) -> Result<Server> {
        let (folder, state) = folders()?;
        let database_url = match self.database_url {
            Some(url) => url,
            None => self.database.create(&state)?,
        };
        let mut server = Server {
            process: None,
            folder,
            database_url,
            interval_secs: self.interval_secs,
            limits: self.limits,
            sections: self.sections,
            port: 0,
            clock: None,
        };
        server.start().await?;
        Ok(server)
    }
}

/// A folder of its own, and the state folder in it.
fn folders() -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::Builder::new().prefix("scm-server-").tempdir()?;
    let state = folder.path().join("state");
    fs::create_dir(&state)?;
    fs::set_permissions(&state, Permissions::from_mode(0o700))?;
    Ok((folder, state))
}

/// A server in a folder of its own.
pub struct Server {
    // Declared before the folder: stopped before its files go.
    process: Option<Process>,
    folder: TempDir,
    database_url: String,
    interval_secs: u32,
    limits: String,
    sections: String,
    port: u16,
    clock: Option<&'static str>,
}

impl Server {
    /// One to be set up differently.
    pub fn builder() -> ServerBuilder {
        ServerBuilder {
            database: Database::Sqlite,
            database_url: None,
            interval_secs: 1,
            limits: String::new(),
            sections: String::new(),
        }
    }

    /// One with SQLite and an interval of a second.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start_default() -> Result<Server> {
        Server::builder().start().await
    }

    /// Starts it (again, on the port that it had), and waits until it is ready.
    ///
    /// # Errors
    /// When it is not within half a minute.
    pub async fn start(&mut self) -> Result<()> {
        let bound = self.state().join("listening");
        let _ = fs::remove_file(&bound);
        fs::write(self.config(), self.config_text())?;
        let mut command = Command::new(binary("scmserver")?);
        command.args(["run", "--config"]).arg(self.config());
        if let Some(shift) = self.clock {
            command.envs(shifted(shift)?);
        }
        let mut process = Process::start("the server", command, &self.folder.path().join("log"))?;
        let port = eventually("the server's address", 30, async || {
            process.must_run()?;
            Ok(fs::read_to_string(&bound).ok().and_then(|text| port(&text)))
        });
        self.port = port.await?;
        self.process = Some(process);
        let endpoint = self.endpoint()?;
        eventually("the server to be ready", 30, async || {
            let Ok(mut connection) = endpoint.connect().await else {
                return Ok(None);
            };
            let reply = connection
                .exchange(&endpoint.request("GET", "/readyz", &[], b""))
                .await?;
            Ok((reply.status == 200).then_some(()))
        })
        .await
    }

    /// Starts it (again) with its wall clock shifted, for example by `+2d`.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub async fn start_with_clock(&mut self, shift: &'static str) -> Result<()> {
        self.clock = Some(shift);
        self.start().await
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.process()?.kill()?;
        self.process = None;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end, or not with success.
    pub fn stop(&mut self) -> Result<()> {
        let status = self.process()?.stop()?;
        self.process = None;
        anyhow::ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }

    /// Its process.
    ///
    /// # Errors
    /// When it does not run.
    pub fn process(&mut self) -> Result<&mut Process> {
        self.process.as_mut().context("the server does not run")
    }

    /// Everything it logged, over all its runs.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// `https://…`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Certificate of its private authority.
    pub fn ca_file(&self) -> PathBuf {
        self.state().join("pki/ca.pem")
    }

    /// The local administrator's token.
    pub fn token_file(&self) -> PathBuf {
        self.state().join("local-admin.token")
    }

    /// Where and how to connect.
    ///
    /// # Errors
    /// When its authority cannot be read.
    pub fn endpoint(&self) -> Result<Endpoint> {
        Endpoint::new(&self.url(), &Trust::CaFile(self.ca_file()))
    }

    /// A client with the local administrator's rights.
    ///
    /// # Errors
    /// When the token cannot be read.
    pub fn admin(&self) -> Result<Admin> {
        let token = fs::read_to_string(self.token_file()).context("the local administrator's token")?;
        Admin::new(&self.url(), &self.ca_file(), Some(token.trim()))
    }

    /// A client with that token, or with none.
    ///
    /// # Errors
    /// When the authority cannot be read.
    pub fn client(&self, token: Option<&str>) -> Result<Admin> {
        Admin::new(&self.url(), &self.ca_file(), token)
    }

    /// A real agent for it.
    pub fn agent(&self) -> AgentBuilder {
        AgentBuilder::new(&self.url(), &self.ca_file())
    }

    /// A client that signs as an agent does and does what none would.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn rogue(&self) -> Result<Rogue> {
        Rogue::new(self.endpoint()?)
    }

    /// A rogue that is registered and approved.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn active_rogue(&self) -> Result<Rogue> {
        let mut rogue = self.rogue()?;
        rogue.register("rogue").await?;
        self.admin()?.decide(rogue.system, "approve").await?;
        Ok(rogue)
    }

    /// It still does its work, and nothing in it broke.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn assert_healthy(&self) -> Result<()> {
        let mut rogue = self.rogue()?;
        rogue.register("healthy").await?;
        let checkin = rogue.checkin()?;
        rogue.accepted(&checkin).await?;
        let log = self.log();
        for broken in ["panicked", "internal error", "server failed"] {
            anyhow::ensure!(!log.contains(broken), "the log says `{broken}`");
        }
        Ok(())
    }

    /// Its resident memory, in KiB.
    ///
    /// # Errors
    /// When it does not run.
    pub fn resident_kib(&mut self) -> Result<u64> {
        Ok(crate::fleet::ServerCost::read(self.process()?.id())?.resident_kib)
    }
}

fn port(listening: &str) -> Option<u16> {
    let line = listening.lines().next().filter(|_| listening.ends_with('\n'))?;
    line.rsplit_once(':')?.1.parse().ok()
}

/// The permission bits of a file or folder.
///
/// # Errors
/// When it is not there.
pub fn mode(path: &Path) -> Result<u32> {
    let metadata = fs::metadata(path).with_context(|| format!("{}", path.display()))?;
    Ok(metadata.permissions().mode() & 0o7777)
}
