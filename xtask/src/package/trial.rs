//! The packages on a real system: a Debian in a container, booted by its own systemd, in which `packaging/trial/trial.sh`
//! installs, watches, upgrades, removes and purges them.

use super::boot::{boot, debian};
use super::signing::names;
use crate::build::root;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Instant;

/// The guides, whose commands the trial runs.
const GUIDES: [&str; 3] = ["README.md", "docs/packages.md", "docs/actions.md"];

/// Tries the packages in `out`; `next` holds them with a higher version.
pub(super) fn run(out: &Path, next: &Path) -> Result<()> {
    let started = Instant::now();
    let system = debian()?;
    let trial = system.path().join("trial");
    copy(&root().join("packaging/trial"), &trial)?;
    copy(out, &trial.join("packages"))?;
    copy(next, &trial.join("next"))?;
    for guide in GUIDES {
        let name = Path::new(guide).file_name().context(guide)?;
        fs::copy(root().join(guide), trial.join(name)).context(guide)?;
    }
    enable(system.path(), &trial.join("trial.service"))?;
    let booted = boot(system.path());
    let log = fs::read_to_string(trial.join("log")).unwrap_or_default();
    println!("{log}");
    booted?;
    ensure!(
        trial.join("passed").exists(),
        "the packages did not pass their trial, see above"
    );
    println!("the trial of the packages took {} s", started.elapsed().as_secs());
    Ok(())
}

/// Has the system start the trial when it is up.
fn enable(system: &Path, unit: &Path) -> Result<()> {
    let units = system.join("etc/systemd/system");
    let wanted = units.join("multi-user.target.wants");
    fs::copy(unit, units.join("trial.service")).context("trial.service")?;
    fs::create_dir_all(&wanted).context("multi-user.target.wants")?;
    symlink("/etc/systemd/system/trial.service", wanted.join("trial.service")).context("enabling the trial")
}

/// Copies the files of a folder; what is in folders within it is for other trials.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for name in names(from)? {
        let file = from.join(&name);
        if file.is_file() {
            fs::copy(file, to.join(&name)).with_context(|| name.clone())?;
        }
    }
    Ok(())
}
