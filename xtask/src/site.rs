//! A throw-away site: one folder, a server in it, and whatever runs against it. Everything is stopped and the folder
//! removed when it is dropped, unless it is to be kept.

use crate::process::Program;
use crate::signals::wait_for;
use anyhow::{Context, Result, ensure};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// Shows how output comes while a program runs.
const COUNT: &str =
    "#!/bin/sh\nfor number in 1 2 3 4 5 6 7 8 9 10; do\n    echo \"$number of 10\"\n    sleep 1\ndone\n";

/// The service as it is packaged: a site's server has its environment.
const UNIT: &str = include_str!("../../packaging/linux/scmserver.service");

/// What differs between sites.
pub(crate) struct Settings {
    /// Shown in the console's header.
    pub name: &'static str,
    /// Seconds between check-ins, pending or not.
    pub interval_secs: u32,
    /// `[log] level`.
    pub log_level: &'static str,
    /// Words in front of the server's command line, for example to bind it to one processor.
    pub server_prefix: &'static [&'static str],
    /// `[database] url`; an SQLite file of its own without it.
    pub database: Option<String>,
}

/// A running server and what belongs to it.
pub(crate) struct Site {
    // In the order in which they are to be dropped: clients, server, files.
    clients: Vec<Program>,
    server: Program,
    server_prefix: &'static [&'static str],
    url: String,
    programs: PathBuf,
    folder: TempDir,
}

impl Site {
    /// Makes the folder and starts the server of `programs` in it.
    pub(crate) fn start(programs: &Path, settings: &Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("openscm-").tempdir()?;
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700))?;
        let state = folder.path().join("server");
        fs::create_dir(&state)?;
        fs::set_permissions(&state, Permissions::from_mode(0o700))?;
        let config = folder.path().join("scmserver.config");
        fs::write(&config, server_config(settings, &state))?;
        let (server, url) = start_server(programs, folder.path(), settings.server_prefix)?;
        Ok(Site {
            clients: Vec::new(),
            server,
            server_prefix: settings.server_prefix,
            url,
            programs: programs.to_owned(),
            folder,
        })
    }

    /// Kills the server, as a crash would, and starts it again.
    pub(crate) fn crash_and_start(&mut self) -> Result<()> {
        self.server.kill();
        fs::remove_file(self.folder.path().join("server/listening"))?;
        (self.server, self.url) = start_server(&self.programs, self.folder.path(), self.server_prefix)?;
        Ok(())
    }

    /// Starts an agent for this machine.
    pub(crate) fn start_agent(&mut self) -> Result<()> {
        let state = self.folder.path().join("agent");
        fs::create_dir(&state)?;
        fs::set_permissions(&state, Permissions::from_mode(0o700))?;
        let config = agent_config(&self.url, &self.ca_file(), &state);
        fs::write(self.agent_config(), config + &self.actions()?)?;
        let mut command = self.program("scmclient");
        command.args(["run", "--config"]).arg(self.agent_config());
        self.start_client("the agent", command, "agent.log")
    }

    /// What the agent lets the server run: something that takes ten seconds, and something that takes a value.
    fn actions(&self) -> Result<String> {
        let count = self.folder.path().join("count-to-ten");
        fs::write(&count, COUNT)?;
        fs::set_permissions(&count, Permissions::from_mode(0o700))?;
        Ok(format!(
            "\n[[action]]\n\
             name = \"count\"\n\
             description = \"Count to ten, a number each second\"\n\
             program = \"{}\"\n\n\
             [[action]]\n\
             name = \"greet\"\n\
             description = \"Say hello to somebody\"\n\
             program = \"/bin/echo\"\n\
             arguments = [\"hello,\", \"{{name}}\"]\n\
             requires_confirmation = true\n\n\
             [[action.parameter]]\n\
             name = \"name\"\n\
             description = \"letters and spaces\"\n\
             pattern = \"[A-Za-z][A-Za-z ]{{0,30}}\"\n",
            count.display()
        ))
    }

    /// Starts a program that belongs to the site, its output in `log`.
    pub(crate) fn start_client(&mut self, name: &str, command: Command, log: &str) -> Result<()> {
        let program = Program::background(name, command, &self.folder.path().join(log))?;
        self.clients.push(program);
        Ok(())
    }

    /// One of the programs, with nothing on its command line yet.
    pub(crate) fn program(&self, name: &str) -> Command {
        Command::new(self.programs.join(name))
    }

    /// The fleet simulator, pointed at the server with the local administrator's rights.
    pub(crate) fn fleet(&self) -> Command {
        self.as_fleet(self.program("fleet"))
    }

    /// Completes a command line that ends in the fleet simulator.
    pub(crate) fn as_fleet(&self, mut command: Command) -> Command {
        command
            .args(["--server", &self.url])
            .arg("--ca-file")
            .arg(self.ca_file());
        command.arg("--admin-token").arg(self.token_file());
        command
    }

    /// Fails when the server or one of the others has ended.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        self.server.must_run()?;
        self.clients.iter_mut().try_for_each(Program::must_run)
    }

    /// Waits until `log` holds `text`.
    pub(crate) fn wait_for_log(&mut self, log: &str, text: &str, limit: Duration) -> Result<()> {
        let path = self.folder.path().join(log);
        let what = format!("`{text}` in {}", path.display());
        wait_for(&what, limit, || {
            self.must_run()?;
            Ok(fs::read_to_string(&path)
                .is_ok_and(|log| log.contains(text))
                .then_some(()))
        })
    }

    /// `https://…` of the server.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The server's process id.
    pub(crate) fn server_id(&self) -> u32 {
        self.server.id()
    }

    /// The folder of everything.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the programs.
    pub(crate) fn programs(&self) -> &Path {
        &self.programs
    }

    /// Certificate of the server's private authority.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("server/pki/ca.pem")
    }

    /// The local administrator's token.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.folder.path().join("server/local-admin.token")
    }

    /// Configuration of the agent for this machine.
    pub(crate) fn agent_config(&self) -> PathBuf {
        self.folder.path().join("scmclient.config")
    }

    /// Leaves the folder where it is when the site is dropped.
    pub(crate) fn keep(&mut self) {
        self.folder.disable_cleanup(true);
    }
}

/// Starts the server of a site; where it listens.
fn start_server(programs: &Path, folder: &Path, prefix: &[&str]) -> Result<(Program, String)> {
    let mut words = prefix.iter();
    let mut command = match words.next() {
        Some(first) => Command::new(first),
        None => Command::new(programs.join("scmserver")),
    };
    if !prefix.is_empty() {
        command.args(words).arg(programs.join("scmserver"));
    }
    command.envs(unit_environment());
    command
        .args(["run", "--config"])
        .arg(folder.join("scmserver.config"));
    let mut server = Program::background("the server", command, &folder.join("server.log"))?;
    let bound = folder.join("server/listening");
    let port = wait_for("the server", Duration::from_secs(60), || {
        server.must_run()?;
        Ok(fs::read_to_string(&bound).ok().and_then(|text| port(&text)))
    })?;
    Ok((server, format!("https://localhost:{port}")))
}

fn unit_environment() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = UNIT.lines();
    lines.filter_map(|line| line.strip_prefix("Environment=")?.split_once('='))
}

fn server_config(settings: &Settings, state: &Path) -> String {
    format!(
        "[server]\n\
         name = \"{name}\"\n\
         listen = \"127.0.0.1:0\"\n\
         state_folder = \"{state}\"\n\
         hostnames = [\"localhost\", \"127.0.0.1\"]\n\n\
         [agents]\n\
         checkin_interval_secs = {interval}\n\
         pending_interval_secs = {interval}\n\n\
         {database}\
         [log]\n\
         level = \"{level}\"\n",
        database = settings
            .database
            .as_ref()
            .map(|url| format!("[database]\nurl = \"{url}\"\n\n"))
            .unwrap_or_default(),
        name = settings.name,
        state = state.display(),
        interval = settings.interval_secs,
        level = settings.log_level,
    )
}

fn agent_config(url: &str, ca_file: &Path, state: &Path) -> String {
    format!(
        "[server]\nurl = \"{url}\"\nca_file = \"{ca}\"\n\n[agent]\nstate_folder = \"{state}\"\n",
        ca = ca_file.display(),
        state = state.display(),
    )
}

fn port(listening: &str) -> Option<u16> {
    let complete = listening.ends_with('\n');
    let line = listening.lines().next().filter(|_| complete)?;
    line.rsplit_once(':')?.1.parse().ok()
}

/// Fails where server and simulator could not have a processor each.
pub(crate) fn two_processors() -> Result<()> {
    let count = thread::available_parallelism().context("how many processors are there?")?;
    ensure!(
        count.get() >= 2,
        "this needs two processors, one for the server and one for the simulator"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_the_environment_of_its_unit() {
        assert!(unit_environment().any(|(name, value)| name == "MALLOC_ARENA_MAX" && value == "4"));
    }

    #[test]
    fn the_port_is_read_only_from_a_complete_line() {
        assert_eq!(port("127.0.0.1:4711\n"), Some(4711));
        assert_eq!(port("[::1]:8443\n127.0.0.1:1\n"), Some(8443));
        assert_eq!(port("127.0.0.1:47"), None);
        assert_eq!(port(""), None);
    }
}
