//! Writing the certificate files: each appears whole, with its mode, and is on disk before the next step.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::Error;

/// Mode of a certificate.
pub(super) const PUBLIC: u32 = 0o644;
/// Mode of a key.
pub(super) const PRIVATE: u32 = 0o600;
/// Mode of the folder: pass through, but do not list.
const FOLDER: u32 = 0o711;

/// Makes `folder` with all of `contents` (name, content, mode) at once: it is filled beside and renamed into place.
pub(super) fn create_folder(folder: &Path, contents: &[(&str, &[u8], u32)]) -> Result<(), Error> {
    let parent = folder.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(failed("be made", parent))?;
    let staging = beside(folder);
    if exists(&staging)? {
        // Left by a start that was cut short; nothing in it was ever used.
        fs::remove_dir_all(&staging).map_err(failed("be removed", &staging))?;
    }
    DirBuilder::new()
        .mode(0o700)
        .create(&staging)
        .map_err(failed("be made", &staging))?;
    for (name, content, mode) in contents {
        write_new(&staging.join(name), content, *mode)?;
    }
    fs::set_permissions(&staging, Permissions::from_mode(FOLDER))
        .map_err(failed("be given its mode", &staging))?;
    sync_folder(&staging)?;
    fs::rename(&staging, folder).map_err(failed("be put in place (it must be empty or absent)", folder))?;
    sync_folder(parent)
}

/// Puts `content` at `path`, replacing what is there in one step.
pub(super) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let staging = beside(path);
    if exists(&staging)? {
        fs::remove_file(&staging).map_err(failed("be removed", &staging))?;
    }
    write_new(&staging, content, mode)?;
    fs::rename(&staging, path).map_err(failed("be replaced", path))?;
    sync_folder(path.parent().unwrap_or(path))
}

/// Reads a text file.
pub(super) fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(failed("be read", path))
}

/// Whether something is at `path`; a folder that may not be looked into is an error, not an absence.
pub(super) fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(failed("be looked for", path))
}

/// Takes from everybody but the owner what a restore or a copy gave them.
pub(super) fn tighten(key: &Path) -> Result<(), Error> {
    let mode = fs::metadata(key)
        .map_err(failed("be read", key))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(key, Permissions::from_mode(PRIVATE))
            .map_err(failed("be given its mode", key))?;
        tracing::warn!(file = %key.display(), "others could read or write this key; its mode is 0600 again");
    }
    Ok(())
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE)
            .open(path)?;
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))?;
        file.sync_all()
    };
    write().map_err(failed("be written", path))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed("be flushed to disk", folder))
}

/// The same name with `.new` behind, in the same folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn failed<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> Error + 'a {
    move |reason| Error::Io {
        file: path.to_owned(),
        action,
        reason,
    }
}
