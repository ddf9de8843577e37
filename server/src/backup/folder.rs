//! The files in the folder of backups.

use super::{archive, checked, make, name};
use scm_protocol::backups::Backup;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A backup in the folder; none when it is gone.
pub(super) fn listed(path: &Path, name: String) -> Option<Backup> {
    Some(Backup {
        created_ms: name::created(&name)?,
        size_bytes: fs::metadata(path).ok()?.len(),
        sha256: archive::read_sums(path),
        check: checked::read(path),
        name,
    })
}

/// Where the backup of that name is; none when there is none. Nothing but a name of ours becomes part of a path.
pub(super) fn path_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    (name::created(name).is_some() && path.is_file()).then_some(path)
}

/// All of them, newest first.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Backup>> {
    let names = names(folder)?.into_iter();
    let found = names.filter_map(|name| listed(&folder.join(&name), name));
    let mut items: Vec<Backup> = found.collect();
    items.sort_unstable_by(|one, other| other.name.cmp(&one.name));
    Ok(items)
}

/// Deletes those that are too many; their names.
///
/// # Errors
/// When the folder cannot be read, or one of them cannot be deleted.
pub(super) fn sweep(folder: &Path, keep: usize) -> io::Result<Vec<String>> {
    let surplus = name::surplus(&names(folder)?, keep);
    for name in &surplus {
        let path = folder.join(name);
        fs::remove_file(&path)?;
        make::remove_beside(&path);
    }
    Ok(surplus)
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    Ok(names.filter(|file| name::created(file).is_some()).collect())
}
