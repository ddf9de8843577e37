//! The wire against an independent implementation, Python's `http-message-signatures`, in both directions: an agent in
//! Python against the real server, and a server in Python against the real agent. See `tests/interop/`.

use anyhow::{Context, Result, ensure};
use scm_tests::programs::{Server, binary};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_in_python_lives_with_the_real_server() -> Result<()> {
    let python = python()?;
    let server = Server::start_default().await?;
    let url = server.url();
    let (ca, token) = (server.ca_file(), server.token_file());
    let arguments: [&OsStr; 6] = [
        "--url".as_ref(),
        url.as_ref(),
        "--ca".as_ref(),
        ca.as_ref(),
        "--admin-token-file".as_ref(),
        token.as_ref(),
    ];
    run(&python, "agent.py", &arguments)
}

#[test]
fn the_real_agent_lives_with_a_server_in_python() -> Result<()> {
    let python = python()?;
    let folder = tempfile::Builder::new()
        .prefix("scm-interop-")
        .tempdir()
        .context("no temporary folder")?;
    let agent = binary("scmclient")?;
    let arguments: [&OsStr; 4] = [
        "--folder".as_ref(),
        folder.path().as_ref(),
        "--agent".as_ref(),
        agent.as_ref(),
    ];
    run(&python, "server.py", &arguments)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("interop")
}

fn run(python: &Path, script: &str, arguments: &[&OsStr]) -> Result<()> {
    let output = Command::new(python)
        .arg(folder().join(script))
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {}", python.display()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        output.status.success(),
        "{script} ended with {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(())
}

/// `SCM_PYTHON`, or an environment made once under the target folder.
fn python() -> Result<PathBuf> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    if let Some(python) = std::env::var_os("SCM_PYTHON") {
        return Ok(python.into());
    }
    let made = MADE.get_or_init(|| make_environment().map_err(|error| format!("{error:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

fn make_environment() -> Result<PathBuf> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(target)?;
    // Each test may be a process of its own: one makes the environment, the others wait for it.
    let lock = File::create(target.join("interop-python.lock"))?;
    lock.lock()?;
    let requirements = folder().join("requirements.txt");
    let environment = target.join("interop-python");
    let (python, mark) = (environment.join("bin/python"), environment.join("made-from"));
    let wanted = fs::read_to_string(&requirements)?;
    if fs::read_to_string(&mark).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    eprintln!("SCM_PYTHON is not set: making {} with pip", environment.display());
    succeed(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )?;
    succeed(
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&requirements),
    )?;
    fs::write(&mark, wanted)?;
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;
    ensure!(
        output.status.success(),
        "{} failed: {}",
        command.get_program().display(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
