//! Unix: modes, owners, signals, `/etc`, Unix sockets.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the configuration is read from.
pub const DEFAULT_CONFIG: &str = if cfg!(target_os = "freebsd") {
    "/usr/local/etc/openscm/scmclient.config"
} else {
    "/etc/openscm/scmclient.config"
};
/// Container runtimes and the sockets they listen on.
pub const RUNTIMES: &[(&str, &str)] = &[
    ("docker", "/var/run/docker.sock"),
    ("podman", "/run/podman/podman.sock"),
];
/// What [`exposure`] says of a file that more than its owner may read.
pub const OTHERS_MAY_READ: &str = "others than its owner may read it";

/// Where identities are kept.
pub fn default_state_folder() -> PathBuf {
    PathBuf::from(if cfg!(target_os = "freebsd") {
        "/var/db/openscm/client"
    } else {
        "/var/lib/openscm/client"
    })
}

/// A connection to a service on this host.
pub type LocalStream = UnixStream;

/// Connects to a local service; reads and writes end after `limit`.
///
/// # Errors
/// As the operating system says.
pub fn local_stream(path: &str, limit: Duration) -> io::Result<LocalStream> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    Ok(stream)
}

/// Makes a folder, and those above it, for its owner alone.
///
/// # Errors
/// As the operating system says.
pub fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Makes a new file for its owner alone; fails if there is one of that name.
///
/// # Errors
/// As the operating system says.
pub fn create_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Makes a new file that everyone may read and its owner write, whatever the process's mask; fails if there is one of that
/// name.
///
/// # Errors
/// As the operating system says.
pub fn create_readable_file(path: &Path) -> io::Result<File> {
    let file = create_private_file(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}

/// Takes everyone's rights on a folder but its owner's.
///
/// # Errors
/// As the operating system says.
pub fn restrict_folder(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
}

/// Takes everyone's rights on a file but its owner's.
///
/// # Errors
/// As the operating system says.
pub fn restrict_file(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(0o600))
}

/// Lets its owner, and nobody else, execute a file; durable.
///
/// # Errors
/// As the operating system says.
pub fn make_executable(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    file.set_permissions(Permissions::from_mode(0o700))?;
    file.sync_all()
}

/// Why what lies here cannot be trusted: someone else owns it or may write it. None when it can.
pub fn exposure(_path: &Path, metadata: &Metadata) -> Option<&'static str> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        Some("it belongs to another user")
    } else if metadata.mode() & 0o022 != 0 {
        Some("others than its owner may write it")
    } else if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        Some(OTHERS_MAY_READ)
    } else {
        None
    }
}

/// Makes a folder's entries durable.
///
/// # Errors
/// As the operating system says.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Space on a volume, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VolumeSpace {
    /// In use.
    pub used_bytes: i64,
    /// All of it.
    pub total_bytes: i64,
}

/// The root volume's space. `statvfs` of `/` answers from memory and cannot hang on a dead network mount.
///
/// # Errors
/// As the operating system says.
pub fn root_volume() -> io::Result<VolumeSpace> {
    let volume = rustix::fs::statvfs("/")?;
    let bytes = |blocks: u64| i64::try_from(blocks.saturating_mul(volume.f_frsize)).unwrap_or(i64::MAX);
    Ok(VolumeSpace {
        used_bytes: bytes(volume.f_blocks.saturating_sub(volume.f_bfree)),
        total_bytes: bytes(volume.f_blocks),
    })
}

/// Space that this process may still use where this folder is, in bytes.
///
/// # Errors
/// As the operating system says.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let volume = rustix::fs::statvfs(folder)?;
    Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
}

/// What identifies this installation of the operating system.
pub fn machine_id() -> Option<String> {
    let files = ["/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostid"];
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .map(|text| text.trim().to_owned())
        .find(|id| !id.is_empty() && id != "uninitialized")
}

/// The operating system's name for people, from `os-release`.
pub fn os_name() -> Option<String> {
    let files = ["/etc/os-release", "/usr/lib/os-release"];
    let text = files.iter().find_map(|file| std::fs::read_to_string(file).ok())?;
    pretty_name(&text)
}

fn pretty_name(os_release: &str) -> Option<String> {
    let value = os_release
        .lines()
        .find_map(|line| line.trim().strip_prefix("PRETTY_NAME="))?;
    let value = value.trim();
    let unquoted = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let name = unquoted.unwrap_or(value).replace('\\', "");
    (!name.is_empty()).then_some(name)
}

/// The signals that ask the agent to stop.
#[derive(Debug)]
pub struct StopSignals(Signals);

impl StopSignals {
    /// Takes SIGTERM and SIGINT over from their default, which would end the process at once.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn listen() -> io::Result<Self> {
        Signals::new([SIGTERM, SIGINT]).map(StopSignals)
    }

    /// Waits for one; its name.
    pub fn wait(&mut self) -> &'static str {
        match self.0.forever().next() {
            Some(SIGINT) => "SIGINT",
            _ => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pretty_name_is_read_with_and_without_quotes() {
        let text = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n";
        assert_eq!(
            pretty_name(text).as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(pretty_name("PRETTY_NAME=Alpine").as_deref(), Some("Alpine"));
        assert_eq!(pretty_name("PRETTY_NAME='Void'").as_deref(), Some("Void"));
        assert_eq!(pretty_name("NAME=x"), None);
        assert_eq!(pretty_name("PRETTY_NAME=\"\""), None);
    }

    #[test]
    fn the_root_volume_is_what_df_says() {
        let space = root_volume().unwrap();
        let df = std::process::Command::new("df")
            .args(["--output=size,used", "-B1", "/"])
            .output();
        let Ok(df) = df else { return };
        let text = String::from_utf8(df.stdout).unwrap();
        let numbers: Vec<i64> = text
            .lines()
            .nth(1)
            .unwrap()
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(space.total_bytes, numbers[0]);
        let difference = (space.used_bytes - numbers[1]).abs();
        assert!(
            difference < space.total_bytes / 100,
            "{space:?} against {numbers:?}"
        );
    }
}
