//! Servers that share something with another one.

use super::{Server, folders};
use crate::programs::Database;
use anyhow::Result;
use std::fs;
use std::path::Path;

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

    /// As [`Server::replica`], over a database of its own that is restored from a backup.
    ///
    /// # Errors
    /// When the backup is refused, with what the program said, or it does not listen.
    pub async fn restored(&self, database: Database, backup: &Path) -> Result<Server> {
        let mut server = self.beside()?;
        server.database_url = database.create(&server.state())?;
        fs::write(server.config(), server.config_text())?;
        let output = server.command(&["restore", &backup.to_string_lossy()])?;
        anyhow::ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        server.start().await?;
        Ok(server)
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
