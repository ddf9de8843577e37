//! There is no registry here: configuration comes from files.

use crate::config::registry::Key;
use std::io;
use std::path::Path;

/// What a path names in the registry; none: it names a file.
pub fn read(_path: &Path) -> Option<io::Result<Key>> {
    None
}

/// Whether a path names a key of the registry.
pub fn is_key(_path: &Path) -> bool {
    false
}

/// Writes values of a key, and removes others.
///
/// # Errors
/// Always, here.
pub fn write(_path: &Path, _key: &Key, _removed: &[String]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Removes a key and what enrolling kept beside it. A file is left.
///
/// # Errors
/// None here.
pub fn remove(_path: &Path) -> io::Result<()> {
    Ok(())
}
