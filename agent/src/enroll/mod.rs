//! From a bootstrap string to a registered machine, in an order in which nothing is sent before everything that must be
//! kept can be kept: a token's use is gone once the server has seen it.
//!
//! Invariants: a configuration that says something else is never lost (without `force` it is left alone, with it, it is
//! kept under another name); what was written stays, whatever the server answers, so that an agent that is started goes
//! on from there.

mod file;

pub use file::{Configuration, NotWritten};

use crate::config::{self, Config};
use crate::identity::{self, StateFolder};
use scm_protocol::bootstrap::Bootstrap;
use scm_settings::Document;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a machine cannot be enrolled. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration that the string gives cannot be used.
    #[error(transparent)]
    Configuration(#[from] scm_settings::Error),
    /// The state folder's path cannot be written down.
    #[error("the state folder's path must be absolute and of printable characters")]
    StateFolder,
    /// A configuration is there, or the new one cannot be written.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
    /// An agent runs.
    #[error(
        "the agent is running on {}: stop it (`systemctl stop scmclient`), enroll again, then start it",
        path.display()
    )]
    Running {
        /// Its state folder.
        path: PathBuf,
    },
    /// The state folder cannot be used.
    #[error("the state folder cannot be used: {0}")]
    Folder(identity::Error),
}

/// A machine on which everything that must be written was written; the state folder is locked.
#[derive(Debug)]
pub struct Prepared {
    /// What the new configuration says.
    pub config: Config,
    /// The state folder.
    pub folder: StateFolder,
    /// Where the former configuration was kept, if there was another one.
    pub former: Option<PathBuf>,
}

/// A configuration that may be written where it belongs; nothing is done yet.
#[derive(Debug)]
pub struct Plan {
    /// What it says.
    pub config: Config,
    /// Its file.
    pub file: Configuration,
}

/// Makes the configuration for `bootstrap` and looks whether it may be written to `path`. `force` replaces a configuration
/// that says something else.
///
/// # Errors
/// [`Error`]; nothing was changed.
pub fn plan(
    bootstrap: &Bootstrap,
    path: &Path,
    state_folder: Option<&Path>,
    force: bool,
) -> Result<Plan, Error> {
    let text = configuration(bootstrap, state_folder)?;
    let document = Document::new(text.as_str(), path);
    let config = config::check(&document, document.parse()?)?;
    let file = Configuration::new(path, text, bootstrap.enrollment_token.is_some());
    file.may_be_written(force)?;
    Ok(Plan { config, file })
}

/// Sees whether the state folder can be opened and written.
///
/// # Errors
/// [`Error::Running`], [`Error::Folder`].
pub fn try_folder(path: &Path) -> Result<(), Error> {
    open(path).map(drop)
}

impl Plan {
    /// Writes the configuration, once it is sure that the state folder can be written.
    ///
    /// # Errors
    /// [`Error`]; what was there is as it was.
    pub fn carry_out(self, stamp_secs: i64) -> Result<Prepared, Error> {
        let folder = open(&self.config.state_folder)?;
        let former = self.file.write(stamp_secs)?;
        Ok(Prepared {
            config: self.config,
            folder,
            former,
        })
    }
}

fn configuration(bootstrap: &Bootstrap, state_folder: Option<&Path>) -> Result<Zeroizing<String>, Error> {
    let mut text = Zeroizing::new(bootstrap.configuration());
    if let Some(folder) = state_folder {
        let folder = folder.to_str().filter(|_| folder.is_absolute());
        let folder = folder.filter(|folder| !folder.chars().any(char::is_control));
        let folder = folder.ok_or(Error::StateFolder)?;
        let quoted = folder.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!("\n[agent]\nstate_folder = \"{quoted}\"\n"));
    }
    Ok(text)
}

fn open(path: &Path) -> Result<StateFolder, Error> {
    let folder = StateFolder::open(path).map_err(|error| match error {
        identity::Error::Locked { path } => Error::Running { path },
        other => Error::Folder(other),
    })?;
    folder.try_writing().map_err(Error::Folder)?;
    Ok(folder)
}

#[cfg(test)]
mod tests;
