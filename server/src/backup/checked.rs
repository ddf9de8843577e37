//! Whether a backup was found fit to be restored, and when: `<name>.checked` beside it. Beside it, not in the database: of
//! several servers each has a folder of its own.

use crate::private_file;
use scm_protocol::backups::BackupCheck;
use scm_protocol::ids::UnixMillis;
use std::io;
use std::path::{Path, PathBuf};

/// Where it is kept.
pub(super) fn path(backup: &Path) -> PathBuf {
    let mut path = backup.as_os_str().to_owned();
    path.push(".checked");
    path.into()
}

/// Keeps it.
pub(super) fn write(backup: &Path, at_ms: UnixMillis, fault: Option<String>) -> io::Result<()> {
    let check = BackupCheck { at_ms, fault };
    private_file::replace(&path(backup), &serde_json::to_vec(&check)?)
}

/// The last one; none when there is none that can be read.
pub(super) fn read(backup: &Path) -> Option<BackupCheck> {
    serde_json::from_slice(&std::fs::read(path(backup)).ok()?).ok()
}
