//! The server's configuration: `/etc/openscm/scmserver.config`, TOML.
//!
//! Owns the typed form of that file, its defaults, and the checks beyond types. Invariants: a [`Config`] in hand has
//! passed the checks; an unknown key or a value that will not do is refused with file, line and key, and nothing is
//! started; a file that says nothing is the same as the defaults, which `packaging/scmserver.config` spells out.

mod addresses;
mod audit;
mod check;
mod proxy;
mod sections;

use std::path::{Path, PathBuf};
use std::time::Duration;

use scm_settings::{Document, Error};
use serde::Deserialize;

pub use addresses::Addresses;
pub use audit::{Audit, Forward, ForwardKind};
pub use proxy::{Proxy, ProxyAddress};
pub use sections::{
    Agents, Backup, Certificates, Database, Integrity, Level, Limits, Log, LogFormat, Packages, Server,
    Sessions, Telemetry, Tls,
};

use crate::backup::Place;
use crate::listen;

/// Where the configuration is looked for when `--config` does not say.
pub const DEFAULT_PATH: &str = "/etc/openscm/scmserver.config";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// `[server]`: what it is called, where it listens and keeps its state.
    pub server: Server,
    /// `[tls]`: own certificates instead of the private authority's.
    pub tls: Tls,
    /// `[proxy]`: a reverse proxy in front of the server.
    pub proxy: Proxy,
    /// `[database]`: where the data is.
    pub database: Database,
    /// `[agents]`: how often agents report.
    pub agents: Agents,
    /// `[certificates]`: how long those of agents are valid.
    pub certificates: Certificates,
    /// `[limits]`: what one client, and all together, may cost.
    pub limits: Limits,
    /// `[sessions]`: how long administrators stay logged in.
    pub sessions: Sessions,
    /// `[telemetry]`: how long history is kept.
    pub telemetry: Telemetry,
    /// `[[audit.forward]]`: where the audit is sent.
    pub audit: Audit,
    /// `[backup]`: where backups go, how often, and how many are kept.
    pub backup: Backup,
    /// `[integrity]`: whether the program is verified at the start.
    pub integrity: Integrity,
    /// `[packages]`: who signs programs of agents.
    pub packages: Packages,
    /// `[log]`: how much is logged, and in what form.
    pub log: Log,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Error`] with file, place, key and reason.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_document(&Document::read(path)?)
    }

    /// Reads and checks configuration text, which stands in `file` as far as errors are concerned.
    ///
    /// # Errors
    /// [`Error`] with place, key and reason.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        Self::from_document(&Document::new(text, file))
    }

    fn from_document(document: &Document) -> Result<Self, Error> {
        let config: Self = document.parse()?;
        check::check(&config, document)?;
        Ok(config)
    }

    /// URL of the database: as configured, or SQLite in the state folder.
    pub fn database_url(&self) -> String {
        match &self.database.url {
            Some(url) => url.clone(),
            None => format!(
                "sqlite://{}",
                self.server.state_folder.join("openscm.db").display()
            ),
        }
    }

    /// Folder of the private certificate authority and the certificate that it issues to the server.
    pub fn pki_folder(&self) -> PathBuf {
        self.server.state_folder.join("pki")
    }

    /// Where backups go: as configured, or a folder in the state folder.
    pub fn backup_place(&self) -> Place {
        let backup = &self.backup;
        Place {
            folder: match &backup.folder {
                Some(folder) => folder.clone(),
                None => self.server.state_folder.join("backups"),
            },
            every_hours: backup.every_hours,
            keep: backup.keep,
            postgres_programs: backup.postgres_programs.clone(),
        }
    }

    /// Keys that sign programs of agents.
    pub fn release_keys(&self) -> impl Iterator<Item = &str> {
        let own = self.integrity.release_key.as_ref();
        self.packages.release_keys.iter().chain(own).map(String::as_str)
    }

    /// Certificate chain and key to serve with, where own ones are configured.
    pub fn own_certificate(&self) -> Option<(&Path, &Path)> {
        Some((self.tls.certificate.as_deref()?, self.tls.key.as_deref()?))
    }

    /// What the listener allows a client.
    pub fn listen_limits(&self) -> listen::Limits {
        let limits = &self.limits;
        let secs = |secs: u32| Duration::from_secs(secs.into());
        listen::Limits {
            connections: limits.max_connections as usize,
            header_timeout: secs(limits.header_timeout_secs),
            body_timeout: secs(limits.body_timeout_secs),
            idle_timeout: secs(limits.idle_timeout_secs),
            drain_timeout: secs(limits.drain_timeout_secs),
            body_bytes: limits.max_body_kib as usize * 1024,
            body_memory_kib: limits.max_body_memory_mib * 1024,
            ..listen::Limits::default()
        }
    }
}

#[cfg(test)]
mod tests;
