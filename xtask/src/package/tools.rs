//! The packager and the linker, in a Python environment of their own.

use crate::needs::{self, PYTHON};
use crate::process::path_with;
use anyhow::Result;
use std::path::PathBuf;
use std::process::Command;

/// What goes into it, pinned; within the repository.
const REQUIREMENTS: &str = "packaging/requirements.txt";

/// Where it is, in the target folder.
pub(super) const FOLDER: &str = "packaging-tools";

/// An environment with `nfpm`, `cargo-zigbuild` and `zig`.
pub(super) struct Tools {
    programs: PathBuf,
}

impl Tools {
    /// Installs what is not there.
    pub(super) fn installed() -> Result<Self> {
        needs::ensure(&[PYTHON])?;
        let programs = needs::python_programs(FOLDER, REQUIREMENTS)?;
        Ok(Tools { programs })
    }

    /// A command of the environment.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        self.also_found_by(&mut command);
        command
    }

    /// Lets a command find the environment's programs.
    pub(super) fn also_found_by(&self, command: &mut Command) {
        command.env("PATH", path_with(&self.programs));
    }
}
