//! The configuration file that enrolling writes: whole or not at all, and never over another one unasked.

use crate::platform::user::{self, User};
use crate::platform::{self, OTHERS_MAY_READ};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why the configuration was not written. The one that was there is as it was.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// There is one that says something else.
    #[error("{} says something else and was left as it is; `--force` replaces it and keeps it as `….former-<time>`", path.display())]
    Different {
        /// The file.
        path: PathBuf,
    },
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
}

/// A configuration on its way to its file.
pub struct Configuration {
    path: PathBuf,
    text: Zeroizing<String>,
    secret: bool,
    reader: Option<User>,
}

impl std::fmt::Debug for Configuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Configuration({})", self.path.display())
    }
}

impl Configuration {
    /// `text` for the file at `path`; with a `secret` in it, it is for its owner alone.
    pub fn new(path: &Path, text: Zeroizing<String>, secret: bool) -> Self {
        Configuration {
            path: path.to_owned(),
            text,
            secret,
            reader: None,
        }
    }

    /// The group of that user may read it as well: the agent that runs as it.
    pub fn readable_by(&mut self, user: User) {
        self.reader = Some(user);
    }

    /// Refuses to replace another configuration, unless by `force`.
    ///
    /// # Errors
    /// [`NotWritten`].
    pub fn may_be_written(&self, force: bool) -> Result<(), NotWritten> {
        match self.differs()? {
            Some(true) if !force => Err(NotWritten::Different {
                path: self.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Writes it, unless it is there. Where another one was, that is kept beside it: its path.
    ///
    /// # Errors
    /// [`NotWritten::Io`].
    pub fn write(&self, stamp_secs: i64) -> Result<Option<PathBuf>, NotWritten> {
        if self.differs()? == Some(false) && !self.is_exposed() {
            return Ok(None);
        }
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(folder).map_err(refused("create", folder))?;
        let temporary = self.beside(".tmp");
        let _ = std::fs::remove_file(&temporary);
        let written = self.temporary(&temporary).and_then(|()| {
            let former = match self.differs()? {
                Some(true) => Some(self.keep_former(stamp_secs)?),
                _ => None,
            };
            std::fs::rename(&temporary, &self.path).map_err(refused("write", &self.path))?;
            platform::sync_folder(folder).map_err(refused("sync", folder))?;
            Ok(former)
        });
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written
    }

    /// Whether the file says something else; none where there is no file.
    fn differs(&self) -> Result<Option<bool>, NotWritten> {
        match std::fs::read(&self.path) {
            Ok(found) => Ok(Some(found != self.text.as_bytes())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused("read", &self.path)(error)),
        }
    }

    /// Whether what is there holds a secret and is open to others.
    fn is_exposed(&self) -> bool {
        let metadata = std::fs::metadata(&self.path);
        self.secret
            && metadata.is_ok_and(|found| platform::exposure(&self.path, &found) == Some(OTHERS_MAY_READ))
    }

    fn temporary(&self, path: &Path) -> Result<(), NotWritten> {
        let created = if self.secret {
            platform::create_private_file(path)
        } else {
            platform::create_readable_file(path)
        };
        let written = created.and_then(|mut file| {
            if let Some(reader) = self.reader.filter(|_| self.secret) {
                user::let_group_read(path, reader)?;
            }
            file.write_all(self.text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(refused("write", path))
    }

    /// Gives the file that is there a second name, so that at no moment there is none.
    fn keep_former(&self, stamp_secs: i64) -> Result<PathBuf, NotWritten> {
        let mut former = self.beside(&format!(".former-{stamp_secs}"));
        for number in 1..1000 {
            match std::fs::hard_link(&self.path, &former) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    former = self.beside(&format!(".former-{stamp_secs}-{number}"));
                }
                other => {
                    return other
                        .map(|()| former.clone())
                        .map_err(refused("keep as", &former));
                }
            }
        }
        Err(refused("keep as", &former)(ErrorKind::AlreadyExists.into()))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }
}

fn refused(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> NotWritten {
    let path = path.to_owned();
    move |source| NotWritten::Io { action, path, source }
}
