//! The state folder: private, locked by one agent, every file written whole or not at all.

use crate::platform;
use crate::random::NoEntropy;
use scm_protocol::ids::UnixMillis;
use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// The most that is read of a file in the state folder, in bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
const LOCK_NAME: &str = "lock";
/// More than all files of a new identity together take.
const TRIAL_BYTES: usize = 4096;

/// What keeps an identity from being read or kept.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was to be done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// Someone else could have put what lies there.
    #[error("{} cannot be trusted: {reason}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Who may do what.
        reason: &'static str,
    },
    /// The server issued a certificate that is none, or for another key.
    #[error("the client certificate that the server issued cannot be used with the private key")]
    UnusableCertificate,
    /// Another agent runs on this state folder.
    #[error("another scmclient is running on {}", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system gave no randomness for a key.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// An open state folder. Dropping it releases the lock.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: Option<File>,
}

impl StateFolder {
    /// Opens the folder for the one agent that runs on it, making it if there is none.
    ///
    /// # Errors
    /// [`Error::Exposed`] when others own or may write it, [`Error::Locked`] when an agent runs on it, [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        platform::create_private_folder(path).map_err(io_error("create", path))?;
        let metadata = std::fs::metadata(path).map_err(io_error("read", path))?;
        if !metadata.is_dir() {
            return Err(Error::Exposed {
                path: path.to_owned(),
                reason: "it is not a folder",
            });
        }
        if let Some(reason) = platform::exposure(path, &metadata) {
            let path = path.to_owned();
            return Err(Error::Exposed { path, reason });
        }
        platform::restrict_folder(path).map_err(io_error("restrict", path))?;
        let lock = lock(path)?;
        let folder = StateFolder {
            path: path.to_owned(),
            _lock: Some(lock),
        };
        folder.remove_leftovers();
        Ok(folder)
    }

    /// Looks into the folder without lock, to show what is in it: nothing may be written through it.
    pub fn peek(path: &Path) -> Self {
        StateFolder {
            path: path.to_owned(),
            _lock: None,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether an agent holds the folder now.
    pub fn is_held(&self) -> bool {
        File::open(self.path.join(LOCK_NAME))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// A file's whole content, none when there is no such file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path.join(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io_error("open", &path))?,
        };
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)
            .map_err(io_error("read", &path))?;
        Ok(Some(bytes))
    }

    /// Writes a file durably: the former content or the new one survives a crash, never a part.
    ///
    /// # Errors
    /// [`Error::Io`], with the former content untouched.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.rename_into_place(name, &self.temporary(name, bytes, true)?)?;
        self.sync()
    }

    /// Writes a file whole, but not durably: for what is made anew all the time, and not worth waiting for the disk.
    ///
    /// # Errors
    /// [`Error::Io`], with the former content untouched.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.rename_into_place(name, &self.temporary(name, bytes, false)?)
    }

    /// Writes a new file durably and never replaces one of that name.
    ///
    /// # Errors
    /// [`Error::Io`], also when the file exists.
    pub fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(name);
        let temporary = self.temporary(name, bytes, true)?;
        // A link fails where a rename would replace.
        let linked = std::fs::hard_link(&temporary, &path);
        let _ = std::fs::remove_file(&temporary);
        linked.map_err(io_error("create", &path))?;
        self.sync()
    }

    /// Writes a file durably and removes it: whether there is permission and space to keep what is to come.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn try_writing(&self) -> Result<(), Error> {
        let path = self.temporary("trial", &[0; TRIAL_BYTES], true)?;
        std::fs::remove_file(&path).map_err(io_error("remove", &path))
    }

    /// Removes a file durably. Nothing happens where there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io_error("remove", &path))?,
        }
        self.sync()
    }

    /// Renames a file to `<name>.<why>-<time>`, so that it is kept and no longer used. Nothing happens where there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn set_aside(&self, name: &str, why: &str, now: UnixMillis) -> Result<(), Error> {
        let path = self.path.join(name);
        let stamp = format!("{name}.{why}-{}", now.as_secs());
        let mut target = self.path.join(&stamp);
        for number in 1..1000 {
            if !target.exists() {
                break;
            }
            target = self.path.join(format!("{stamp}-{number}"));
        }
        match std::fs::rename(&path, &target) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io_error("set aside", &path))?,
        }
        self.sync()
    }

    /// Leaves an empty file for the agent that owns the folder.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn leave_wish(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        match platform::create_private_file(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            other => other.map(drop).map_err(io_error("create", &path)),
        }
    }

    /// Renames a file durably, unless there is none.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        let path = self.path.join(from);
        match std::fs::rename(&path, self.path.join(to)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.map_err(io_error("rename", &path))?,
        }
        self.sync()
    }

    /// The mode of a file that only its owner should read; loosened ones are tightened and reported.
    ///
    /// # Errors
    /// [`Error::Exposed`] when someone else could have written it, [`Error::Io`].
    pub fn keep_private(&self, name: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        let metadata = std::fs::metadata(&path).map_err(io_error("read", &path))?;
        match platform::exposure(&path, &metadata) {
            None => Ok(()),
            Some(platform::OTHERS_MAY_READ) => {
                tracing::warn!(
                    target: "security", event = "key_file_readable", file.name = name,
                    "others could read the private key, its mode is tightened"
                );
                platform::restrict_file(&path).map_err(io_error("restrict", &path))
            }
            Some(reason) => Err(Error::Exposed { path, reason }),
        }
    }

    fn rename_into_place(&self, name: &str, temporary: &Path) -> Result<(), Error> {
        let path = self.path.join(name);
        std::fs::rename(temporary, &path).map_err(|error| {
            let _ = std::fs::remove_file(temporary);
            io_error("write", &path)(error)
        })
    }

    fn temporary(&self, name: &str, bytes: &[u8], durable: bool) -> Result<PathBuf, Error> {
        let path = self.path.join(format!("{name}.tmp"));
        let _ = std::fs::remove_file(&path);
        let written = platform::create_private_file(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            if durable { file.sync_all() } else { Ok(()) }
        });
        match written {
            Ok(()) => Ok(path),
            Err(error) => {
                let _ = std::fs::remove_file(&path);
                Err(io_error("write", &path)(error))
            }
        }
    }

    fn sync(&self) -> Result<(), Error> {
        platform::sync_folder(&self.path).map_err(io_error("sync", &self.path))
    }

    /// What a crash left half written; it was never used.
    fn remove_leftovers(&self) {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        for entry in entries {
            if entry.path().extension().is_some_and(|kind| kind == "tmp") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK_NAME);
    let file = match platform::create_private_file(&path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => File::open(&path),
        other => other,
    };
    let file = file.map_err(io_error("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(io_error("lock", &path)(error)),
    }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action, path, source }
}
