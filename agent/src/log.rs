//! Where the log goes: to the standard error, or into a file where nobody keeps that.
//!
//! Invariant: the file is bounded, whoever writes how much: a full one is kept as `….1` in place of the former, and another is
//! begun. Several programs may write it at once, as an agent and the new one that it tries do.

use crate::platform;
use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tracing::level_filters::LevelFilter;

/// At how many bytes a file is full.
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Logs from now on, into that file where there is one.
///
/// # Errors
/// When the file cannot be written, or something logs already.
pub fn start(level: LevelFilter, file: Option<&Path>) -> anyhow::Result<()> {
    let format = tracing_subscriber::fmt().with_ansi(false).with_max_level(level);
    let begun = match file {
        None => tracing::subscriber::set_global_default(format.with_writer(io::stderr).finish()),
        Some(path) => {
            let log = BoundedLog::open(path, MAX_BYTES)
                .with_context(|| format!("cannot write {}", path.display()))?;
            tracing::subscriber::set_global_default(format.with_writer(Mutex::new(log)).finish())
        }
    };
    begun.context("cannot log")
}

/// A log that does not grow without end.
#[derive(Debug)]
struct BoundedLog {
    path: PathBuf,
    file: File,
    max_bytes: u64,
}

impl BoundedLog {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            platform::create_private_folder(folder)?;
        }
        Ok(BoundedLog {
            path: path.to_owned(),
            file: append(path)?,
            max_bytes,
        })
    }

    /// Begins another file, unless somebody else has done so.
    fn turn(&mut self) -> io::Result<()> {
        if std::fs::metadata(&self.path).is_ok_and(|found| found.len() >= self.max_bytes) {
            let mut former = self.path.clone().into_os_string();
            former.push(".1");
            std::fs::rename(&self.path, &former)?;
        }
        self.file = append(&self.path)?;
        Ok(())
    }
}

impl Write for BoundedLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.file.metadata()?.len() >= self.max_bytes {
            // Where that cannot be done, a longer log is better than none.
            let _ = self.turn();
        }
        self.file.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn append(path: &Path) -> io::Result<File> {
    match platform::create_private_file(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_kept_once_and_two_writers_share_it() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("log/scmclient.log");
        let mut one = BoundedLog::open(&path, 100).unwrap();
        let mut other = BoundedLog::open(&path, 100).unwrap();
        for number in 0..40 {
            let writer = if number % 2 == 0 { &mut one } else { &mut other };
            writer
                .write_all(format!("line {number:04}\n").as_bytes())
                .unwrap();
        }
        let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(files.len(), 2);
        let former = std::fs::read_to_string(parent.path().join("log/scmclient.log.1")).unwrap();
        let now = std::fs::read_to_string(&path).unwrap();
        assert!(former.len() < 120 && now.len() < 120, "{former}\n{now}");
        assert!(now.ends_with("line 0039\n"), "{now}");
        // Nothing is lost in between.
        let both = former + &now;
        let numbers: Vec<u32> = both.lines().map(|line| line[5..].parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| b - a == 1), "{both}");
    }
}
