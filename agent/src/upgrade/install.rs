//! From a verified package to a program that can be started.

use super::{Programs, Trouble, Verified};
use crate::actions::Program;
use crate::execute::process::{self, Ending, Wish};
use crate::platform;
use scm_protocol::upgrades::order::UpgradeOrder;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a program may take to say its version.
const PROBE_LIMIT: Duration = Duration::from_secs(30);
/// Longest answer that is looked at, in bytes.
const MAX_ANSWER_BYTES: usize = 1024;

/// A verified program of which it is known that it starts here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    path: PathBuf,
}

impl Installed {
    /// Puts it in its place, durably and at once, and asks it for its version: one that was built for another machine, or lies
    /// where nothing may be executed, is found before anything is stopped for it.
    ///
    /// # Errors
    /// When it cannot be done; nothing runs of it, and it is removed.
    pub fn of(verified: Verified, programs: &Programs, order: &UpgradeOrder) -> Result<Self, Trouble> {
        let from = verified.into_path();
        let path = programs.program(&order.version, &order.sha256);
        let failed = |action: &'static str| {
            let from = &from;
            move |error: std::io::Error| Trouble::io(action, from, &error)
        };
        platform::make_executable(&from).map_err(failed("make executable"))?;
        std::fs::rename(&from, &path).map_err(failed("rename"))?;
        programs.sync()?;
        if let Err(reason) = probe(&path, &order.version) {
            let _ = std::fs::remove_file(&path);
            return Err(Trouble(format!("the new program does not start here: {reason}")));
        }
        Ok(Installed { path })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether it says that it is that version.
fn probe(path: &Path, version: &str) -> Result<(), String> {
    let program = Program {
        path: path.to_owned(),
        arguments: vec!["--version".to_owned()],
        account: None,
        timeout: PROBE_LIMIT,
        redacted: true,
    };
    let mut said = Vec::new();
    let ending = process::run(&program, &Wish::default(), |bytes| {
        let room = MAX_ANSWER_BYTES.saturating_sub(said.len()).min(bytes.len());
        said.extend_from_slice(&bytes[..room]);
    });
    let said = String::from_utf8_lossy(&said);
    let first = said.lines().next().unwrap_or_default();
    match ending {
        Ending::Exited(0) if first == format!("scmclient {version}") => Ok(()),
        Ending::Exited(0) => Err("it says that it is another version".to_owned()),
        Ending::Exited(code) => Err(format!("it exited with {code}")),
        Ending::Signalled(signal) => Err(format!("signal {signal} ended it")),
        Ending::TimedOut | Ending::Stopped => Err("it did not say its version in time".to_owned()),
        Ending::NotStarted(reason) => Err(reason),
    }
}
