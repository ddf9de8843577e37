//! Backups of a server, as tests make and read them.

use super::{Admin, Database, Server};
use anyhow::{Result, ensure};
use scm_protocol::audit::AuditPage;
use scm_protocol::backups::{Backup, BackupList};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Where they are served.
pub const BACKUPS: &str = "/api/v1/backups";

/// Everything that a program printed.
pub fn printed(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

impl Server {
    /// One that finds the programs of PostgreSQL that the tests were given.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn start_with_backups(database: Database) -> Result<Server> {
        let sections = match std::env::var("SCM_POSTGRES_BIN_DIR") {
            Ok(folder) => format!("[backup]\npostgres_programs = \"{folder}\"\n"),
            Err(_) => String::new(),
        };
        let builder = Server::builder().database(database).sections(&sections);
        builder.start().await
    }

    /// The file of a backup in its folder.
    pub fn backup_file(&self, name: &str) -> PathBuf {
        self.state().join("backups").join(name)
    }
}

impl Admin {
    /// Makes one.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn make_backup(&self) -> Result<Backup> {
        self.call("POST", BACKUPS, &Value::Null).await
    }

    /// All of them.
    ///
    /// # Errors
    /// When they are refused.
    pub async fn backups(&self) -> Result<BackupList> {
        self.get(BACKUPS).await
    }

    /// Writes one to a file.
    ///
    /// # Errors
    /// When it is refused, or has another size than the list says.
    pub async fn download_backup(&self, backup: &Backup, folder: &Path) -> Result<PathBuf> {
        let path = format!("{BACKUPS}/{}", backup.name);
        let response = self.send("GET", &path, None::<&()>).await?;
        ensure!(response.status() == 200, "{}", response.status());
        let bytes = response.bytes().await?;
        ensure!(bytes.len() as u64 == backup.size_bytes, "{} bytes", bytes.len());
        let path = folder.join(&backup.name);
        fs::write(&path, &bytes)?;
        Ok(path)
    }

    /// What the audit says of backups, newest first.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn backup_actions(&self) -> Result<Vec<String>> {
        let page: AuditPage = self.get("/api/v1/audit?action=backups.*").await?;
        Ok(page.items.into_iter().map(|entry| entry.action).collect())
    }
}
