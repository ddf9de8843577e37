//! The name of this run of the agent, and of the one before: by them a server tells two machines with one identity apart.
//!
//! Invariant: the file holds this run's name before a server hears it, so that the next run always knows its predecessor;
//! a name that could not be kept is not used.

use super::{Error, StateFolder};
use std::sync::Arc;

/// Longest name that a server takes, in bytes.
const MAX_NAME_BYTES: usize = 64;

/// This run, as one server knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Its name.
    pub id: String,
    /// The name of the run before; none where none is known.
    pub previous: Option<String>,
}

/// The name of the run, once it is kept.
#[derive(Debug)]
pub(super) struct BootFile {
    folder: Arc<StateFolder>,
    name: String,
    kept: Option<Boot>,
}

impl BootFile {
    pub(super) fn new(folder: Arc<StateFolder>, name: String) -> Self {
        BootFile {
            folder,
            name,
            kept: None,
        }
    }

    /// This run: `fresh`, kept on disk at the first call.
    ///
    /// # Errors
    /// [`Error`] when it cannot be kept.
    pub(super) fn get(&mut self, fresh: &str) -> Result<Boot, Error> {
        if let Some(boot) = &self.kept {
            return Ok(boot.clone());
        }
        let previous = self.folder.read(&self.name)?.and_then(|bytes| parse(&bytes));
        self.keep(Boot {
            id: fresh.to_owned(),
            previous,
        })
    }

    /// The run has another name from now on, which its server gave it.
    ///
    /// # Errors
    /// [`Error`] when it cannot be kept; the name is as before.
    pub(super) fn rename(&mut self, id: String) -> Result<(), Error> {
        let previous = self.kept.as_ref().map(|boot| boot.id.clone());
        self.keep(Boot { id, previous }).map(drop)
    }

    fn keep(&mut self, boot: Boot) -> Result<Boot, Error> {
        self.folder
            .write(&self.name, format!("{}\n", boot.id).as_bytes())?;
        self.kept = Some(boot.clone());
        Ok(boot)
    }
}

fn parse(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let fits = (1..=MAX_NAME_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}
