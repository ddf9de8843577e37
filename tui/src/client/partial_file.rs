//! A file that is written as its bytes come.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that is removed unless it is finished.
pub(super) struct PartialFile {
    file: File,
    path: Option<PathBuf>,
}

impl PartialFile {
    /// A new one that only its owner can read.
    pub(super) fn create(path: &Path) -> Result<Self, String> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                "there is a file of this name, which stays as it is; choose another name".to_owned()
            }
            _ => error.to_string(),
        })?;
        Ok(PartialFile {
            file,
            path: Some(path.to_owned()),
        })
    }

    /// Writes on.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.file.write_all(bytes).map_err(|error| error.to_string())
    }

    /// It is whole, on the disk, and stays; where.
    pub(super) fn finish(mut self) -> Result<PathBuf, String> {
        self.file.sync_all().map_err(|error| error.to_string())?;
        self.path
            .take()
            .ok_or_else(|| "it was finished before".to_owned())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            drop(std::fs::remove_file(path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_that_is_not_finished_goes_and_none_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let mut partial = PartialFile::create(&path).unwrap();
        partial.add(b"half").unwrap();
        assert!(PartialFile::create(&path).is_err());
        drop(partial);
        assert!(!path.exists());
        let mut whole = PartialFile::create(&path).unwrap();
        whole.add(b"whole").unwrap();
        assert_eq!(whole.finish().unwrap(), path);
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
