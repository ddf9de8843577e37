//! Virtual environments of Python: with the independent implementations that tests compare with, and with packagers.

use crate::build::{root, target};
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What goes into the tests' one, pinned; within the repository.
const REQUIREMENTS: &str = "tests/interop/requirements.txt";

/// Whether `python3` is there and complete.
pub(super) fn makes_venvs() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import venv, ensurepip"]);
    output(python).is_some()
}

/// The interpreter of the tests' environment, made at the first call and whenever [`REQUIREMENTS`] changes.
pub(crate) fn venv() -> Result<PathBuf> {
    Ok(programs("python", REQUIREMENTS)?.join("python"))
}

/// The folder of the programs of an environment of that name in the target folder, with what the file `requirements` of the
/// repository lists; made at the first call and whenever that changes.
pub(crate) fn programs(name: &str, requirements: &str) -> Result<PathBuf> {
    let folder = target()?.join(name);
    let programs = folder.join("bin");
    let interpreter = programs.join("python");
    let stamp = folder.join("packages");
    let requirements = root().join(requirements);
    let wanted = fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    if interpreter.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(programs);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&folder);
    run(make)?;
    let mut install = Command::new(&interpreter);
    install.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]);
    install.arg("-r").arg(&requirements);
    run(install).with_context(|| {
        format!(
            "the Python packages of {} cannot be installed",
            requirements.display()
        )
    })?;
    fs::write(&stamp, wanted).context("cannot write the stamp of the Python environment")?;
    Ok(programs)
}
