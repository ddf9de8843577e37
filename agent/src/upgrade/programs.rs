//! The folder of programs, `upgrade` in the state folder: packages that are being fetched, and programs that were verified.
//!
//! Invariants: 0700 and nobody else's; what lies here is named after its version and its hash, and is worth nothing without
//! the record's word and the release key's; nothing stays that neither is of use nor is used.

use super::Trouble;
use crate::platform;
use scm_protocol::upgrades::order::UpgradeOrder;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Its name in the state folder.
const NAME: &str = "upgrade";
/// Space that is left free beside a package, in bytes: an agent that fills a disk is worse than one that stays as it is.
const SPARE_BYTES: u64 = 16 * 1024 * 1024;

/// The folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    path: PathBuf,
}

impl Programs {
    /// Of this state folder; it is made when it is needed.
    pub fn of(state_folder: &Path) -> Self {
        Programs {
            path: state_folder.join(NAME),
        }
    }

    /// Makes it, unless it is there.
    ///
    /// # Errors
    /// When it cannot be made, or someone else could write there.
    pub fn make(&self) -> Result<(), Trouble> {
        let failed =
            |action: &'static str| move |error: std::io::Error| Trouble::io(action, &self.path, &error);
        platform::create_private_folder(&self.path).map_err(failed("create"))?;
        let metadata = std::fs::symlink_metadata(&self.path).map_err(failed("read"))?;
        let reason = match platform::exposure(&self.path, &metadata) {
            _ if !metadata.is_dir() => "it is not a folder",
            Some(reason) => reason,
            None => return platform::restrict_folder(&self.path).map_err(failed("restrict")),
        };
        Err(Trouble(format!(
            "{} cannot be trusted: {reason}",
            self.path.display()
        )))
    }

    /// What of a package is there.
    pub fn partial(&self, sha256: &str) -> PathBuf {
        self.path.join(format!("{sha256}.part"))
    }

    /// A verified program.
    pub fn program(&self, version: &str, sha256: &str) -> PathBuf {
        let short = sha256.get(..16).unwrap_or(sha256);
        let ending = std::env::consts::EXE_SUFFIX;
        self.path.join(format!("scmclient-{version}-{short}{ending}"))
    }

    /// Whether there is room for what is still missing of this package.
    ///
    /// # Errors
    /// Why there is none, or why it cannot be told.
    pub fn has_room(&self, order: &UpgradeOrder) -> Result<(), Trouble> {
        let there = [
            self.partial(&order.sha256),
            self.program(&order.version, &order.sha256),
        ];
        let there = there
            .iter()
            .find_map(|path| Some(std::fs::metadata(path).ok()?.len()));
        let free =
            platform::free_bytes(&self.path).map_err(|error| Trouble::io("measure", &self.path, &error))?;
        room(
            u64::try_from(order.size).unwrap_or(u64::MAX),
            there.unwrap_or_default(),
            free,
        )
    }

    /// Removes everything but these files. What cannot be removed stays, and is tried again.
    pub fn keep_only(&self, kept: &[PathBuf]) {
        let kept: BTreeSet<&Path> = kept.iter().map(PathBuf::as_path).collect();
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| !kept.contains(entry.path().as_path())) {
            if let Err(error) = std::fs::remove_file(entry.path()) {
                tracing::warn!(file.path = %entry.path().display(), %error, "what is left of an upgrade cannot be removed");
            }
        }
    }

    /// Makes what was renamed or removed durable.
    pub(super) fn sync(&self) -> Result<(), Trouble> {
        platform::sync_folder(&self.path).map_err(|error| Trouble::io("sync", &self.path, &error))
    }
}

fn room(size: u64, there: u64, free: u64) -> Result<(), Trouble> {
    let needed = size.saturating_sub(there).saturating_add(SPARE_BYTES);
    if free >= needed {
        return Ok(());
    }
    Err(Trouble(format!(
        "not enough space for the package: {} MiB are needed, {} MiB are free",
        needed.div_ceil(1024 * 1024),
        free / (1024 * 1024)
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_already_needs_no_more_room() {
        let mib = 1024 * 1024;
        assert!(room(10 * mib, 0, 26 * mib).is_ok());
        let said = room(10 * mib, 0, 26 * mib - 1).unwrap_err().to_string();
        assert!(said.contains("26 MiB are needed, 25 MiB are free"), "{said}");
        assert!(room(10 * mib, 9 * mib, 17 * mib).is_ok());
        assert!(room(u64::MAX, 0, u64::MAX - 1).is_err());
    }

    #[test]
    fn what_others_could_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        programs.make().unwrap();
        programs.make().unwrap();
        let path = parent.path().join(NAME);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o777)).unwrap();
        assert!(programs.make().unwrap_err().to_string().contains("may write it"));
        std::fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink("/tmp", &path).unwrap();
        assert!(programs.make().is_err());
    }

    #[test]
    fn only_what_is_kept_stays() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        programs.make().unwrap();
        let (program, partial) = (
            programs.program("1.5.0", &"0a".repeat(32)),
            programs.partial("ff"),
        );
        for path in [&program, &partial] {
            std::fs::write(path, "x").unwrap();
        }
        programs.keep_only(std::slice::from_ref(&program));
        assert!(program.exists() && !partial.exists());
        programs.keep_only(&[]);
        assert!(!program.exists());
    }
}
