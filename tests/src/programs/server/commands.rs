//! The server's program with other commands than `run`, its configuration, and its database behind its back.

use super::Server;
use crate::programs::{binary, database};
use anyhow::Result;
use std::path::PathBuf;
use std::process::{Command, Output};

impl Server {
    /// Everything in its database, to search in.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn database_dump(&self) -> Result<String> {
        database::dump(&self.database_url, &self.state())
    }

    /// Changes its database behind its back.
    ///
    /// # Errors
    /// When the statements cannot be carried out.
    pub fn database_execute(&self, statements: &str) -> Result<()> {
        database::execute(&self.database_url, statements)
    }

    /// What a query of one column of text gives.
    ///
    /// # Errors
    /// When it cannot be carried out.
    pub fn database_texts(&self, query: &str) -> Result<Vec<String>> {
        database::texts(&self.database_url, query)
    }

    /// Where its database is.
    pub fn database_url(&self) -> &str {
        &self.database_url
    }

    /// PostgreSQL's client on its database.
    ///
    /// # Errors
    /// When its database is another one.
    pub fn database_client(&self) -> Result<Command> {
        database::client(&self.database_url)
    }

    /// Runs the program with its configuration and other arguments than `run`, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn command(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.prepared(arguments)?.output()?)
    }

    /// As [`Server::command`], but not started yet.
    ///
    /// # Errors
    /// When the program was not built.
    pub fn prepared(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(binary("scmserver")?);
        command.args(arguments).arg("--config").arg(self.config());
        Ok(command)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.folder.path().join("scmserver.config")
    }

    pub(super) fn config_text(&self) -> String {
        format!(
            "[server]\n\
             name = \"test\"\n\
             listen = \"127.0.0.1:{port}\"\n\
             state_folder = \"{state}\"\n\
             hostnames = [\"localhost\", \"127.0.0.1\"]\n\n\
             [database]\n\
             url = \"{url}\"\n\n\
             [agents]\n\
             checkin_interval_secs = {interval}\n\
             pending_interval_secs = {interval}\n\n\
             [limits]\n\
             {limits}\n\n\
             {sections}\n\n\
             [log]\n\
             level = \"info\"\n",
            port = self.port,
            state = self.state().display(),
            url = self.database_url,
            interval = self.interval_secs,
            limits = self.limits,
            sections = self.sections,
        )
    }
}
