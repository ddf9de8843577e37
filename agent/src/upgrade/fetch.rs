//! Fetching a package part by part, and going on where a former run ended.
//!
//! Invariants: a part is durable before it counts; never more bytes on the disk than were ordered; every part but the last
//! is whole, so that nobody can keep the agent busy with crumbs; a [`Fetched`] has the size and the hash that were ordered.

use super::{Programs, Trouble};
use crate::platform;
use crate::random::hex;
use scm_protocol::upgrades::PACKAGE_PART_BYTES;
use scm_protocol::upgrades::order::UpgradeOrder;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 * 1024;

/// A package of which a part is there.
#[derive(Debug)]
pub struct Fetching {
    path: PathBuf,
    file: File,
    done: u64,
    size: u64,
    sha256: String,
    resumed: bool,
}

/// A package that is as it was ordered. Who made it is not known.
#[derive(Debug)]
pub struct Fetched {
    path: PathBuf,
}

/// Why a package that was fetched is not the ordered one.
#[derive(Debug, thiserror::Error)]
pub enum NotFetched {
    /// It has another hash.
    #[error("the package has another SHA-256 than the one that was ordered")]
    OtherHash {
        /// A part of it was there from a former run, which may have ended in the middle of writing it.
        resumed: bool,
    },
    /// The disk.
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Fetching {
    /// Begins, or goes on with what a former run fetched, or had installed without coming to try it.
    ///
    /// # Errors
    /// When the file cannot be made or read.
    pub fn open(programs: &Programs, order: &UpgradeOrder) -> Result<Self, Trouble> {
        programs.make()?;
        let path = programs.partial(&order.sha256);
        let installed = programs.program(&order.version, &order.sha256);
        match std::fs::rename(&installed, &path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Trouble::io("rename", &installed, &error));
            }
            _ => {}
        }
        let size = u64::try_from(order.size).unwrap_or_default();
        let file = match platform::create_private_file(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => File::options().write(true).open(&path),
            other => other,
        };
        let failed = |action: &'static str| {
            let path = &path;
            move |error: std::io::Error| Trouble::io(action, path, &error)
        };
        let mut file = file.map_err(failed("write"))?;
        let mut done = file.metadata().map_err(failed("read"))?.len();
        if done > size {
            file.set_len(0).map_err(failed("write"))?;
            done = 0;
        }
        file.seek(SeekFrom::Start(done)).map_err(failed("write"))?;
        programs.sync()?;
        Ok(Fetching {
            file,
            done,
            size,
            sha256: order.sha256.clone(),
            resumed: done > 0,
            path,
        })
    }

    /// Where the next part begins; none when all is there.
    pub fn next_start(&self) -> Option<i64> {
        (self.done < self.size).then_some(self.done_bytes())
    }

    /// What is there.
    pub fn done_bytes(&self) -> i64 {
        i64::try_from(self.done).unwrap_or(i64::MAX)
    }

    /// All of it.
    pub fn total_bytes(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }

    /// Takes the next part. After a failure nothing of it counts.
    ///
    /// # Errors
    /// When it is not the next part by its size, or cannot be made durable.
    pub fn take(&mut self, part: &[u8]) -> Result<(), Trouble> {
        let whole = u64::try_from(PACKAGE_PART_BYTES).unwrap_or(u64::MAX);
        let expected = whole.min(self.size - self.done);
        let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
        if length != expected {
            return Err(Trouble(format!(
                "the server sent a part of {length} bytes at byte {}, {expected} were to come",
                self.done
            )));
        }
        let written = self.file.write_all(part).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What was written of it would be taken for the beginning of the next part.
            let back = self
                .file
                .set_len(self.done)
                .and_then(|()| self.file.seek(SeekFrom::Start(self.done)));
            let error = back.err().unwrap_or(error);
            return Err(Trouble::io("write", &self.path, &error));
        }
        self.done += length;
        Ok(())
    }

    /// The whole package, read once more from the disk.
    ///
    /// # Errors
    /// [`NotFetched`]; what is there is removed when it is not the package.
    pub fn finish(self) -> Result<Fetched, NotFetched> {
        drop(self.file);
        let failed = |error: std::io::Error| Trouble::io("read", &self.path, &error);
        let mut file = File::open(&self.path).map_err(failed)?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        let mut size = 0;
        loop {
            let read = file.read(&mut piece).map_err(failed)?;
            if read == 0 {
                break;
            }
            size += u64::try_from(read).unwrap_or(u64::MAX);
            hash.update(&piece[..read]);
        }
        if size != self.size || hex(&hash.finalize()) != self.sha256 {
            std::fs::remove_file(&self.path).map_err(|error| Trouble::io("remove", &self.path, &error))?;
            return Err(NotFetched::OtherHash {
                resumed: self.resumed,
            });
        }
        Ok(Fetched { path: self.path })
    }
}

impl Fetched {
    /// Where it lies. Nothing else can be made of it afterwards.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::upgrade) fn package() -> Vec<u8> {
        (0..PACKAGE_PART_BYTES * 2 + 1000)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect()
    }

    fn order(package: &[u8]) -> UpgradeOrder {
        UpgradeOrder {
            platform: "x86_64-linux".parse().unwrap(),
            version: "1.5.0".to_owned(),
            size: i64::try_from(package.len()).unwrap(),
            sha256: hex(&Sha256::digest(package)),
            signature: "x".to_owned(),
            deadline_secs: 180,
        }
    }

    /// Fetches until all is there, but at most so many parts.
    fn fetch(programs: &Programs, order: &UpgradeOrder, package: &[u8], parts: usize) -> Fetching {
        let mut fetching = Fetching::open(programs, order).unwrap();
        for _ in 0..parts {
            let Some(start) = fetching.next_start() else { break };
            let start = usize::try_from(start).unwrap();
            let end = package.len().min(start + PACKAGE_PART_BYTES);
            fetching.take(&package[start..end]).unwrap();
        }
        fetching
    }

    #[test]
    fn a_package_is_fetched_over_several_runs() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        let (package, order) = (package(), order(&package()));
        for run in 1..=3 {
            let fetching = fetch(&programs, &order, &package, 1);
            assert_eq!(fetching.resumed, run > 1);
        }
        let whole = Fetching::open(&programs, &order).unwrap();
        assert_eq!((whole.next_start(), whole.done_bytes()), (None, order.size));
        let fetched = whole.finish().unwrap();
        assert_eq!(std::fs::read(fetched.into_path()).unwrap(), package);
    }

    #[test]
    fn a_run_that_ended_in_the_middle_of_a_part_goes_on_there() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        let (package, order) = (package(), order(&package()));
        programs.make().unwrap();
        std::fs::write(programs.partial(&order.sha256), &package[..777]).unwrap();
        let fetching = fetch(&programs, &order, &package, 9);
        assert!(fetching.finish().is_ok());
    }

    #[test]
    fn parts_that_are_not_the_next_are_refused() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        let (package, order) = (package(), order(&package()));
        let mut fetching = fetch(&programs, &order, &package, 1);
        for part in [&[] as &[u8], &[0; 5], &vec![0; PACKAGE_PART_BYTES + 1]] {
            let said = fetching.take(part).unwrap_err().to_string();
            assert!(said.contains("at byte 262144, 262144 were to come"), "{said}");
        }
        assert_eq!(fetching.done_bytes(), 262_144);
        drop(fetching);
        assert!(fetch(&programs, &order, &package, 9).finish().is_ok());
    }

    #[test]
    fn what_is_not_the_package_is_removed_and_told_apart() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        let (mut package, order) = (package(), order(&package()));
        package[5] ^= 1;
        let outcome = fetch(&programs, &order, &package, 9).finish();
        assert!(matches!(outcome, Err(NotFetched::OtherHash { resumed: false })));
        assert!(!programs.partial(&order.sha256).exists());
        drop(fetch(&programs, &order, &package, 1));
        let outcome = fetch(&programs, &order, &package, 9).finish();
        assert!(matches!(outcome, Err(NotFetched::OtherHash { resumed: true })));
        // More than was ordered is nothing.
        std::fs::write(programs.partial(&order.sha256), [&package[..], b"x"].concat()).unwrap();
        assert_eq!(Fetching::open(&programs, &order).unwrap().next_start(), Some(0));
    }

    #[test]
    fn a_full_disk_costs_nothing_that_was_there() {
        let parent = tempfile::tempdir().unwrap();
        let programs = Programs::of(parent.path());
        let (package, order) = (package(), order(&package()));
        let mut fetching = fetch(&programs, &order, &package, 1);
        // A device that is always full takes the file's place.
        fetching.file = File::options().write(true).open("/dev/full").unwrap();
        let said = fetching.take(&package[262_144..524_288]).unwrap_err().to_string();
        assert!(said.starts_with("cannot write "), "{said}");
        assert_eq!(fetching.done_bytes(), 262_144);
        assert!(fetch(&programs, &order, &package, 9).finish().is_ok());
    }
}
