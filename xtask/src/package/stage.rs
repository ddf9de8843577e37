//! The folder in which everything is put together before it is packed.

use crate::build::target;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A folder with `bin`, `man`, `completions` and `doc`.
pub(super) struct Stage(PathBuf);

impl Stage {
    /// A new one in the target folder.
    pub(super) fn new() -> Result<Self> {
        let folder = target()?.join("package-stage");
        empty(&folder)?;
        let stage = Stage(folder);
        for part in ["bin", "man", "completions", "doc"] {
            fs::create_dir(stage.part(part)).with_context(|| stage.part(part).display().to_string())?;
        }
        Ok(stage)
    }

    /// The whole folder.
    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// One of its folders.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Puts a copy of a file there.
    pub(super) fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let to = self.0.join(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        fs::copy(from, &to).with_context(|| format!("copying {}", from.display()))?;
        Ok(())
    }

    /// Writes a file there.
    pub(super) fn write(&self, to: &str, content: &str) -> Result<()> {
        let to = self.0.join(to);
        fs::write(&to, content).with_context(|| to.display().to_string())
    }
}

/// Makes `folder` anew, without anything in it.
pub(super) fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))
}
