//! A virtual environment with the independent implementations that tests compare with.

use crate::build::target;
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What goes into it, pinned.
const PACKAGES: [&str; 3] = [
    "http-message-signatures==3.0.0",
    "cryptography==48.0.0",
    "requests==2.34.2",
];

/// Whether `python3` is there and complete.
pub(super) fn makes_venvs() -> bool {
    let mut python = Command::new("python3");
    python.args(["-c", "import venv, ensurepip"]);
    output(python).is_some()
}

/// The interpreter of the environment, made at the first call and whenever [`PACKAGES`] change.
pub(crate) fn venv() -> Result<PathBuf> {
    let folder = target()?.join("python");
    let interpreter = folder.join("bin/python");
    let stamp = folder.join("packages");
    let wanted = PACKAGES.join("\n");
    if interpreter.exists() && fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(interpreter);
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
    if env::var_os("PIP_INDEX_URL").is_none() {
        install.arg("--retries=3");
    }
    install.args(PACKAGES);
    run(install).context("the Python packages of the tests cannot be installed")?;
    fs::write(&stamp, wanted).context("cannot write the stamp of the Python environment")?;
    Ok(interpreter)
}
