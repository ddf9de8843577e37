//! The packages on a real system: a Debian in a container, booted by its own systemd, in which `packaging/trial/trial.sh`
//! installs, watches, upgrades, removes and purges them.

use crate::build::{root, target};
use crate::needs::{self, Need, on_path};
use crate::process::run;
use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a trial needs beyond what building the packages needs.
const NEEDS: &[Need] = &[
    Need::debian(
        "mmdebstrap",
        "it makes the Debian that the packages are tried on",
        &["mmdebstrap"],
        || on_path("mmdebstrap").is_some(),
    ),
    Need::debian(
        "systemd-nspawn",
        "it boots that Debian",
        &["systemd-container"],
        || on_path("systemd-nspawn").is_some(),
    ),
    Need::debian(
        "lintian",
        "it checks the packages against Debian's policy",
        &["lintian"],
        || on_path("lintian").is_some(),
    ),
];

/// What is in that Debian, beyond the least.
const INSIDE: &str = "systemd,systemd-sysv,dbus,libpq5,init-system-helpers,debconf,curl,jq,procps,iproute2,man-db,ca-certificates,fdisk";

/// The units, and the exposure that `systemd-analyze security` may give them at most, in tenths.
const EXPOSURE: [(&str, &str); 2] = [("scmserver", "15"), ("scmclient", "15")];

/// Checks the packages in `out`, and tries them; `next` holds them with a higher version.
pub(super) fn run_trial(out: &Path, next: &Path) -> Result<()> {
    ensure!(
        geteuid().is_root(),
        "trying the packages boots a Debian in a container, for which one must be root"
    );
    needs::ensure(NEEDS)?;
    units()?;
    lintian(out)?;
    let system = unpacked(&debian()?)?;
    let trial = system.path().join("trial");
    fs::create_dir(&trial).context("the trial's folder")?;
    copy_packages(out, &trial)?;
    let later = trial.join("next");
    fs::create_dir(&later).context("the trial's folder")?;
    copy_packages(next, &later)?;
    let source = root().join("packaging/trial");
    fs::copy(source.join("trial.sh"), trial.join("trial.sh")).context("trial.sh")?;
    let unit = system.path().join("etc/systemd/system/trial.service");
    fs::copy(source.join("trial.service"), &unit).context("trial.service")?;
    let wanted = system.path().join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wanted).context("multi-user.target.wants")?;
    symlink("/etc/systemd/system/trial.service", wanted.join("trial.service"))
        .context("enabling the trial")?;
    let booted = boot(system.path());
    let log = fs::read_to_string(trial.join("log")).unwrap_or_default();
    println!("{log}");
    booted?;
    ensure!(
        trial.join("passed").exists(),
        "the packages did not pass their trial, see above"
    );
    Ok(())
}

/// No unit is less confined than it was.
fn units() -> Result<()> {
    for (unit, threshold) in EXPOSURE {
        let mut analyze = Command::new("systemd-analyze");
        analyze
            .args(["security", "--no-pager", "--offline=true"])
            .arg(format!("--threshold={threshold}"))
            .arg(root().join(format!("packaging/linux/{unit}.service")));
        let done = analyze.output().context("systemd-analyze")?;
        let report = String::from_utf8_lossy(&done.stdout);
        let overall = report
            .lines()
            .rfind(|line| line.contains("Overall"))
            .unwrap_or_default();
        println!("{overall}");
        ensure!(
            done.status.success(),
            "{unit}.service is exposed to more than {threshold} tenths:\n{report}"
        );
    }
    Ok(())
}

fn lintian(out: &Path) -> Result<()> {
    let mut check = Command::new("lintian");
    check.args(["--fail-on=error,warning", "--tag-display-limit=0", "--allow-root"]);
    check
        .arg("--suppress-tags-from-file")
        .arg(root().join("packaging/linux/lintian-suppressed"));
    check.args(packages(out)?);
    run(check)
}

fn packages(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    let debs: Vec<_> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "deb"))
        .collect();
    ensure!(!debs.is_empty(), "no .deb in {}", folder.display());
    Ok(debs)
}

fn copy_packages(from: &Path, to: &Path) -> Result<()> {
    for package in packages(from)? {
        let name = package.file_name().context("a package without a name")?;
        fs::copy(&package, to.join(name)).with_context(|| package.display().to_string())?;
    }
    Ok(())
}

/// A small Debian as a tar file, made once.
fn debian() -> Result<PathBuf> {
    let tar = target()?.join("trial-debian.tar");
    if !tar.is_file() {
        let unfinished = tar.with_extension("unfinished.tar");
        let mut make = Command::new("mmdebstrap");
        make.args(["--variant=minbase", &format!("--include={INSIDE}"), "bookworm"])
            .arg(&unfinished);
        run(make)?;
        fs::rename(&unfinished, &tar).context("the Debian for the trial")?;
    }
    Ok(tar)
}

fn unpacked(tar: &Path) -> Result<tempfile::TempDir> {
    let system = tempfile::Builder::new()
        .prefix("openscm-trial-")
        .tempdir()
        .context("a folder for the trial")?;
    let mut unpack = Command::new("tar");
    unpack
        .args(["--numeric-owner", "-xf"])
        .arg(tar)
        .arg("-C")
        .arg(system.path());
    run(unpack)?;
    // Users of that system must be able to pass its root folder.
    fs::set_permissions(system.path(), fs::Permissions::from_mode(0o755))
        .context("the trial's root folder")?;
    Ok(system)
}

/// Boots it, in a cgroup of its own where systemd may do as it likes; ends when it powers off.
fn boot(system: &Path) -> Result<()> {
    let script = root().join("packaging/trial/boot.sh");
    let mut boot = Command::new("timeout");
    boot.args(["--kill-after=10", "600", "unshare", "--mount", "bash"])
        .arg(script)
        .arg(system);
    let status = boot.status().context("unshare")?;
    ensure!(status.success(), "the container ended: {status}");
    Ok(())
}
