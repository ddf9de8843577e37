//! What packages must satisfy before they are tried: units that are confined, and Debian's policy.

use super::signing::names;
use crate::build::root;
use crate::needs::{self, Need, on_path};
use crate::process::run;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What checking needs.
pub(super) const NEEDS: &[Need] = &[
    Need::debian(
        "lintian",
        "it checks the packages against Debian's policy",
        &["lintian"],
        || on_path("lintian").is_some(),
    ),
    Need::debian(
        "systemd-analyze",
        "it says how far the services are confined",
        &["systemd"],
        || on_path("systemd-analyze").is_some(),
    ),
];

/// The units, and the exposure that `systemd-analyze security` may give them at most, in tenths.
const EXPOSURE: [(&str, u32); 2] = [("scmserver", 15), ("scmclient", 15)];

/// Checks the units, and the packages in `out`.
pub(super) fn check(out: &Path) -> Result<()> {
    needs::ensure(NEEDS)?;
    for (unit, tenths) in EXPOSURE {
        let file = root().join(format!("packaging/linux/{unit}.service"));
        confined(&file, tenths)?;
    }
    lintian(out)
}

/// No unit is less confined than it was.
fn confined(unit: &Path, tenths: u32) -> Result<()> {
    let mut analyze = Command::new("systemd-analyze");
    analyze
        .args(["security", "--no-pager", "--offline=true"])
        .arg(format!("--threshold={tenths}"))
        .arg(unit);
    let done = analyze.output().context("systemd-analyze")?;
    let report = String::from_utf8_lossy(&done.stdout);
    let overall = report.lines().rfind(|line| line.contains("Overall"));
    let overall = overall.with_context(|| format!("systemd-analyze says nothing of {}", unit.display()))?;
    println!("{overall}");
    ensure!(
        done.status.success(),
        "{} is exposed to more than {tenths} tenths:\n{report}",
        unit.display()
    );
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
    let names = names(folder)?;
    let packages: Vec<_> = names.iter().filter(|name| name.ends_with(".deb")).collect();
    ensure!(!packages.is_empty(), "no .deb in {}", folder.display());
    Ok(packages.into_iter().map(|name| folder.join(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gate that lets everything through would be none.
    #[test]
    fn a_unit_that_is_not_confined_is_refused() {
        if on_path("systemd-analyze").is_none() {
            println!("no systemd here: nothing to test");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let bare = folder.path().join("bare.service");
        std::fs::write(&bare, "[Service]\nExecStart=/bin/true\n").unwrap();
        let refused = confined(&bare, 15).unwrap_err().to_string();
        assert!(refused.contains("exposed to more than 15 tenths"), "{refused}");
        for (unit, tenths) in EXPOSURE {
            confined(&root().join(format!("packaging/linux/{unit}.service")), tenths).unwrap();
        }
    }
}
