//! One configuration document: its text, where it came from, and reading a type out of it.

use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::{place, words};

/// The most that is read of a configuration file: 1 MiB.
pub const MAX_BYTES: u64 = 1024 * 1024;

/// The text of a configuration file, kept so that a fault found later can still be given its place.
#[derive(Clone, Debug)]
pub struct Document {
    text: String,
    file: PathBuf,
}

impl Document {
    /// Takes text that stands in `file` as far as errors are concerned.
    pub fn new(text: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        Self {
            text: text.into(),
            file: file.into(),
        }
    }

    /// Reads a file of at most [`MAX_BYTES`].
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Unreadable`], [`Error::TooLarge`] or [`Error::NotUtf8`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = path.to_owned();
        let bytes = match bounded(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(Error::Missing { file }),
            Err(reason) => return Err(Error::Unreadable { file, reason }),
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::TooLarge {
                file,
                limit_bytes: MAX_BYTES,
            });
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Self { text, file }),
            Err(error) => {
                let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(Error::NotUtf8 { file, line })
            }
        }
    }

    /// The file that errors name.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the document as a `T`, whose types should carry `#[serde(deny_unknown_fields)]`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the place, the key and what was expected or meant.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let deserializer = toml::Deserializer::parse(&self.text).map_err(|error| self.malformed(&error))?;
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = match error.path().to_string().as_str() {
                "." => String::new(),
                path => path.to_owned(),
            };
            let fault = words::fault(error.inner().message(), &path);
            let offset = match error.inner().span() {
                Some(span) if !fault.about_table => span.start,
                _ => place::of_key(&self.text, &path),
            };
            self.invalid(offset, fault.key, fault.message)
        })
    }

    /// The error for a `key` (dotted, for example `limits.max_queue`) whose value has the right type and still will not
    /// do, with the place of that key, or of its section where the key itself is not written down. `reason` follows the
    /// key's name, for example `must be between 1 and 60`.
    pub fn refuse(&self, key: &str, reason: impl Display) -> Error {
        self.invalid(
            place::of_key(&self.text, key),
            key.to_owned(),
            format!("`{key}` {reason}"),
        )
    }

    fn malformed(&self, error: &toml::de::Error) -> Error {
        let offset = error.span().map_or(0, |span| span.start);
        self.invalid(offset, String::new(), error.message().to_owned())
    }

    fn invalid(&self, offset: usize, key: String, message: String) -> Error {
        let (line, column) = place::line_and_column(&self.text, offset);
        Error::Invalid {
            file: self.file.clone(),
            line,
            column,
            key,
            message,
        }
    }
}

/// Reads at most one byte more than may be used, so that the excess shows without being held.
fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
