//! Booting a Debian in a container, as root: whether that is possible here, what it is made of, and doing it.

use crate::build::{root, target};
use crate::needs::{self, Need, on_path};
use crate::process::{output, run};
use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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
];

/// What is in that Debian, beyond the least: what every installed one has, what the packages depend on, and what the trial
/// looks at them with.
const INSIDE: [&str; 24] = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "libpq5",
    "init-system-helpers",
    "debconf",
    "ca-certificates",
    "procps",
    "iproute2",
    "man-db",
    "fdisk",
    "polkitd",
    "curl",
    "jq",
    "tmux",
    "apt-utils",
    "gpg",
    "gpg-agent",
    "minisign",
    "rpm",
    "rpm2cpio",
    "qemu-user-static",
    "libc6-arm64-cross",
    "libgcc-s1-arm64-cross",
];

/// Of all machines that qemu stands in for, one is needed; the others are most of what would be unpacked each time.
const ONLY_ONE_MACHINE: &str =
    r#"find "$1/usr/bin" -name 'qemu-*-static' ! -name qemu-aarch64-static -delete"#;

/// Fails where a container cannot be booted, with the reason.
pub(super) fn must_be_possible() -> Result<()> {
    ensure!(
        is_root(),
        "it boots a Debian in a container, for which one must be root"
    );
    let mut namespace = Command::new("unshare");
    namespace.args(["--mount", "--pid", "--fork", "--net"]).args([
        "sh",
        "-c",
        "mount --make-rprivate / && mount -t tmpfs none /mnt",
    ]);
    ensure!(
        output(namespace).is_some(),
        "this machine allows no namespaces of mounts, processes and networks (`unshare --mount --pid --net`)"
    );
    Ok(())
}

/// Whether this machine is this process's to set up.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// A folder with that Debian in it, to change at will.
pub(super) fn debian() -> Result<tempfile::TempDir> {
    needs::ensure(NEEDS)?;
    let tar = made()?;
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

/// As a tar file, made once, and again when other things are to be in it.
fn made() -> Result<PathBuf> {
    let (tar, list) = (
        target()?.join("trial-debian.tar"),
        target()?.join("trial-debian.list"),
    );
    let wanted = INSIDE.join(",");
    if !(tar.is_file() && fs::read_to_string(&list).is_ok_and(|made| made == wanted)) {
        let unfinished = tar.with_extension("unfinished.tar");
        let mut make = Command::new("mmdebstrap");
        make.args(["--variant=minbase", &format!("--include={wanted}")])
            // Nothing of it has to survive a crash.
            .arg("--dpkgopt=force-unsafe-io")
            .arg(format!("--customize-hook={ONLY_ONE_MACHINE}"))
            .arg("bookworm")
            .arg(&unfinished);
        run(make)?;
        fs::rename(&unfinished, &tar).context("the Debian for the trial")?;
        fs::write(&list, wanted).context("the list of what is in it")?;
    }
    Ok(tar)
}

/// Boots it, in a cgroup of its own where systemd may do as it likes; ends when it powers off.
pub(super) fn boot(system: &Path) -> Result<()> {
    let script = root().join("packaging/trial/boot.sh");
    let mut boot = Command::new("timeout");
    boot.args(["--kill-after=10", "900", "unshare", "--mount", "bash"])
        .arg(script)
        .arg(system);
    let status = boot.status().context("unshare")?;
    ensure!(status.success(), "the container ended: {status}");
    Ok(())
}
