//! Servers that share something with another one.

use super::{Server, folders};
use crate::programs::Database;
use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::Output;

impl Server {
    /// Another server over the same database, with the same master key and authority; everything else is its own.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn replica(&self) -> Result<Server> {
        let mut replica = self.beside()?;
        replica.start().await?;
        Ok(replica)
    }

    /// As [`Server::replica`], reaching the database by another URL and with other sections of the configuration.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn replica_by(&self, database_url: &str, sections: &str) -> Result<Server> {
        let mut replica = self.beside()?;
        database_url.clone_into(&mut replica.database_url);
        sections.clone_into(&mut replica.sections);
        replica.start().await?;
        Ok(replica)
    }

    /// As [`Server::replica`], over a database of its own that is restored from a backup.
    ///
    /// # Errors
    /// When the backup is refused, with what the program said, or it does not listen.
    pub async fn restored(&self, database: Database, backup: &Path) -> Result<Server> {
        let mut server = self.beside_on(database)?;
        let output = server.command(&["restore", &backup.to_string_lossy()])?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        server.start().await?;
        Ok(server)
    }

    /// As [`Server::replica`], with an empty database of its own, and not started.
    ///
    /// # Errors
    /// When there is no such database to be had.
    pub fn beside_on(&self, database: Database) -> Result<Server> {
        let mut server = self.beside()?;
        server.database_url = database.create(&server.state())?;
        fs::write(server.config(), server.config_text())?;
        Ok(server)
    }

    /// Runs `migrate-to` with the database of another server, to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn migrate_to(&self, other: &Server) -> Result<Output> {
        self.command(&["migrate-to", &other.database_url])
    }

    /// Listens, from its next start on, where another one did that does not run any more.
    pub fn takes_the_place_of(&mut self, other: &Server) {
        self.port = other.port;
    }

    /// One in a folder of its own with the same database, master key and authority.
    fn beside(&self) -> Result<Server> {
        let (folder, state) = folders()?;
        fs::copy(self.state().join("master.key"), state.join("master.key"))?;
        fs::create_dir(state.join("pki"))?;
        for file in ["pki/ca.pem", "pki/ca.key"] {
            fs::copy(self.state().join(file), state.join(file))?;
        }
        Ok(Server {
            process: None,
            folder,
            database_url: self.database_url.clone(),
            interval_secs: self.interval_secs,
            limits: self.limits.clone(),
            sections: self.sections.clone(),
            port: 0,
            clock: None,
        })
    }
}
