//! `scmclient uninstall`: removes what the agent keeps on this machine. The Windows package runs it when it is removed for good.
//!
//! Invariant: nothing is removed that the agent did not make, whatever stands beside it in its folder.

use super::print;
use crate::config;
use crate::identity::StateFolder;
use crate::platform::{default_state_folder, registry};
use anyhow::{Context, ensure};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

/// The beginnings of the names of the agent's files and folders in its state folder.
const OURS: [&str; 6] = ["client_", "server_", "upgrade.", "lock", "trial.tmp", "log"];
/// The folder of programs in it.
const PROGRAMS: &str = "upgrade";
/// How long an agent may take to end that was asked to just now.
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(200);

/// Removes identity, log and configuration.
pub(super) fn uninstall(path: &Path) -> anyhow::Result<()> {
    let folder = config::load(path).map_or_else(|_| default_state_folder(), |config| config.state_folder);
    let until = Instant::now() + PATIENCE;
    while StateFolder::peek(&folder).is_held() && Instant::now() < until {
        std::thread::sleep(STEP);
    }
    ensure!(
        !StateFolder::peek(&folder).is_held(),
        "the agent is running on {}: stop it first",
        folder.display()
    );
    clear(&folder).with_context(|| format!("cannot remove what is in {}", folder.display()))?;
    registry::remove(path).with_context(|| format!("cannot remove {}", path.display()))?;
    print(
        "the agent's identity, its log and its configuration in the registry are removed; a configuration file is left",
    )
}

fn clear(folder: &Path) -> std::io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if name == PROGRAMS || name == "log" {
                std::fs::remove_dir_all(entry.path())?;
            }
        } else if OURS.iter().any(|begin| name.starts_with(begin)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    // What somebody else put there stays, and the folders with it.
    let _ = std::fs::remove_dir(folder);
    let above = folder
        .parent()
        .filter(|above| above.file_name().is_some_and(|name| name == "OpenSCM"));
    if let Some(above) = above {
        let _ = std::fs::remove_dir(above);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_put_there_stays() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("OpenSCM/Client");
        drop(StateFolder::open(&folder).unwrap());
        for name in [
            "client_0a.key",
            "client_0a.id.corrupt-7",
            "server_0a.pub",
            "upgrade.record",
        ] {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        for name in ["upgrade", "log", "theirs"] {
            std::fs::create_dir(folder.join(name)).unwrap();
            std::fs::write(folder.join(name).join("file"), "x").unwrap();
        }
        std::fs::write(folder.join("notes.txt"), "x").unwrap();
        clear(&folder).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "theirs"]);
        std::fs::remove_file(folder.join("notes.txt")).unwrap();
        std::fs::remove_dir_all(folder.join("theirs")).unwrap();
        clear(&folder).unwrap();
        assert!(!parent.path().join("OpenSCM").exists(), "nothing is left of it");
        clear(&folder).unwrap();
    }
}
