//! From a bootstrap string to a registered machine, in an order in which nothing is sent before everything that must be
//! kept can be kept: a token's use is gone once the server has seen it.
//!
//! Invariants: a configuration that says something else is never lost (without `force` it is left alone, with it, it is
//! kept under another name); what was written stays, whatever the server answers, so that an agent that is started goes
//! on from there.

mod file;
mod registry;

pub use file::{Configuration, NotWritten};
pub use registry::Values;

use crate::config::{self, Config};
use crate::identity::{self, StateFolder};
use crate::platform::user::User;
use crate::platform::{self, service};
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
        "the agent is running on {}: stop it (`{}`), enroll again, then start it",
        path.display(), service::HOW_TO_STOP
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
    /// Where it goes.
    pub file: Destination,
}

/// Where a configuration is kept.
#[derive(Debug)]
pub enum Destination {
    /// In a file.
    File(Configuration),
    /// In a registry.
    Registry(Values),
}

impl Destination {
    /// Refuses to replace another configuration, unless by `force`.
    ///
    /// # Errors
    /// [`NotWritten`].
    pub fn may_be_written(&self, force: bool) -> Result<(), NotWritten> {
        match self {
            Destination::File(file) => file.may_be_written(force),
            Destination::Registry(values) => values.may_be_written(force),
        }
    }

    /// The group of that user may read it as well: the agent that runs as it.
    pub fn readable_by(&mut self, user: User) {
        match self {
            Destination::File(file) => file.readable_by(user),
            // Everyone may read it there, which is why tokens do not stay in it.
            Destination::Registry(_) => {}
        }
    }

    /// Writes it, unless it is there. Where another one was, that is kept beside it: its path.
    ///
    /// # Errors
    /// [`NotWritten::Io`].
    pub fn write(&self, stamp_secs: i64) -> Result<Option<PathBuf>, NotWritten> {
        match self {
            Destination::File(file) => file.write(stamp_secs),
            Destination::Registry(values) => values.write(stamp_secs),
        }
    }
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
    let (config, file) = if platform::registry::is_key(path) {
        in_registry(bootstrap, path, state_folder)?
    } else {
        in_file(bootstrap, path, state_folder)?
    };
    file.may_be_written(force)?;
    Ok(Plan { config, file })
}

fn in_file(
    bootstrap: &Bootstrap,
    path: &Path,
    state_folder: Option<&Path>,
) -> Result<(Config, Destination), Error> {
    let text = configuration(bootstrap, state_folder)?;
    let document = Document::new(text.as_str(), path);
    let config = config::check(&document, document.parse()?)?;
    let file = Configuration::new(path, text, bootstrap.enrollment_token.is_some());
    Ok((config, Destination::File(file)))
}

fn in_registry(
    bootstrap: &Bootstrap,
    path: &Path,
    state_folder: Option<&Path>,
) -> Result<(Config, Destination), Error> {
    let values = Values::new(path, bootstrap, state_folder.map(printable).transpose()?);
    let (origin, settings) = config::registry::settings(path, values.key())?;
    let config = config::check(&origin, settings)?;
    Ok((config, Destination::Registry(values)))
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
        let quoted = printable(folder)?.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!("\n[agent]\nstate_folder = \"{quoted}\"\n"));
    }
    Ok(text)
}

/// A path that can be written down.
fn printable(folder: &Path) -> Result<&str, Error> {
    let text = folder.to_str().filter(|_| folder.is_absolute());
    text.filter(|text| !text.chars().any(char::is_control))
        .ok_or(Error::StateFolder)
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
