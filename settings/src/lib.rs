//! Typed configuration files (TOML) whose errors name file, line, column, the key and what was meant.
//!
//! Owns reading a configuration file within bounds, turning it into a type of the caller's, and the words that a person
//! reads when it does not fit. A caller's types carry `#[serde(deny_unknown_fields)]`: a key that nobody reads is an
//! error with a suggestion, never ignored. What a key may hold beyond its type is the caller's to check, after which
//! [`Document::refuse`] gives the same kind of error with the place of that key.
//!
//! Values are not repeated in errors about their type, because a secret may stand where something else belongs.

mod document;
mod error;
mod place;
mod words;

use std::path::Path;

use serde::de::DeserializeOwned;

pub use document::{Document, MAX_BYTES};
pub use error::Error;
pub use words::meant;

/// Reads a configuration file.
///
/// # Errors
/// [`Error`], which names the file and, where there is one, the place in it.
pub fn load<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    Document::read(path)?.parse()
}

/// Reads configuration from `text`, which stands in `file` as far as errors are concerned.
///
/// # Errors
/// [`Error`], which names the place in `file`.
pub fn parse<T: DeserializeOwned>(text: &str, file: &Path) -> Result<T, Error> {
    Document::new(text, file).parse()
}

#[cfg(test)]
mod tests;
