//! The configuration that enrolling writes into the registry: never over another server's unasked.

use super::NotWritten;
use crate::config::registry::{Key, Value, values};
use crate::platform::registry;
use scm_protocol::bootstrap::Bootstrap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// The values of a server that may be there.
const SERVER: [&str; 7] = [
    "ServerURL",
    "Organization",
    "EnrollmentToken",
    "CAFile",
    "CAPin",
    "ServerKeyPin",
    "Bootstrap",
];
/// The value that says where the identity is kept.
const STATE_FOLDER: &str = "StateFolder";

/// Values on their way to their key.
#[derive(Debug)]
pub struct Values {
    path: PathBuf,
    key: Key,
}

impl Values {
    /// Those of a bootstrap string.
    pub fn new(path: &Path, bootstrap: &Bootstrap, state_folder: Option<&str>) -> Self {
        let mut values = values(bootstrap);
        let folder = state_folder.map(|folder| (STATE_FOLDER.to_owned(), Value::Text(folder.to_owned())));
        values.extend(folder);
        Values {
            path: path.to_owned(),
            key: Key {
                values,
                ..Key::default()
            },
        }
    }

    /// What the configuration would be.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Refuses to replace what another server is named by, unless by `force`.
    ///
    /// # Errors
    /// [`NotWritten`].
    pub fn may_be_written(&self, force: bool) -> Result<(), NotWritten> {
        match differs(&self.there()?, &self.key) {
            true if !force => Err(NotWritten::Different {
                path: self.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Writes them. What named another server is kept, without its secrets, in a key beside this one: its path.
    ///
    /// # Errors
    /// [`NotWritten::Io`].
    pub fn write(&self, stamp_secs: i64) -> Result<Option<PathBuf>, NotWritten> {
        let there = self.there()?;
        let other = differs(&there, &self.key);
        let former = PathBuf::from(format!("{}.former-{stamp_secs}", self.path.display()));
        if other {
            registry::write(&former, &of_server(&there), &[])
                .map_err(|source| refused("keep as", &former, source))?;
        }
        let stale = there.values.keys().filter(|name| is_of_server(name));
        let stale: Vec<String> = stale
            .filter(|name| find(&self.key, name).is_none())
            .cloned()
            .collect();
        registry::write(&self.path, &self.key, &stale)
            .map_err(|source| refused("write", &self.path, source))?;
        Ok(other.then_some(former))
    }

    fn there(&self) -> Result<Key, NotWritten> {
        match registry::read(&self.path) {
            Some(Ok(key)) => Ok(key),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(Key::default()),
            Some(Err(error)) => Err(refused("read", &self.path, error)),
            None => Err(refused("read", &self.path, ErrorKind::Unsupported.into())),
        }
    }
}

/// Whether what is there names a server, and not in these words.
fn differs(there: &Key, wanted: &Key) -> bool {
    let several = there.keys.keys().any(|name| name.eq_ignore_ascii_case("Servers"));
    // A token that was used is gone, and says nothing of the server.
    let counts = |name: &&&str| !name.eq_ignore_ascii_case("EnrollmentToken");
    let mut names = SERVER.iter().filter(counts);
    let any = SERVER.iter().any(|name| find(there, name).is_some());
    several || (any && names.any(|name| find(there, name) != find(wanted, name)))
}

/// What names the server, without secrets.
fn of_server(there: &Key) -> Key {
    let mut kept = Key::default();
    for (name, value) in &there.values {
        let secret = ["EnrollmentToken", "Bootstrap"]
            .iter()
            .any(|secret| name.eq_ignore_ascii_case(secret));
        if is_of_server(name) && !secret {
            kept.values.insert(name.clone(), value.clone());
        }
    }
    kept
}

fn is_of_server(name: &str) -> bool {
    SERVER.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn find<'a>(key: &'a Key, wanted: &str) -> Option<&'a Value> {
    let mut values = key.values.iter();
    values.find_map(|(name, value)| name.eq_ignore_ascii_case(wanted).then_some(value))
}

fn refused(action: &'static str, path: &Path, source: io::Error) -> NotWritten {
    NotWritten::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(values: &[(&str, &str)]) -> Key {
        let text = |(name, text): &(&str, &str)| ((*name).to_owned(), Value::Text((*text).to_owned()));
        Key {
            values: values.iter().map(text).collect(),
            ..Key::default()
        }
    }

    #[test]
    fn another_server_differs_and_nothing_does_not() {
        let wanted = key(&[
            ("ServerURL", "https://a"),
            ("Organization", "x"),
            ("EnrollmentToken", "oscm_1"),
        ]);
        assert!(!differs(&key(&[]), &wanted));
        assert!(
            !differs(&key(&[("LogLevel", "debug")]), &wanted),
            "it names no server"
        );
        assert!(!differs(
            &key(&[("serverurl", "https://a"), ("Organization", "x")]),
            &wanted
        ));
        assert!(differs(
            &key(&[("ServerURL", "https://b"), ("Organization", "x")]),
            &wanted
        ));
        assert!(differs(
            &key(&[("ServerURL", "https://a"), ("Organization", "x"), ("CAPin", "y")]),
            &wanted
        ));
        let mut several = Key::default();
        several.keys.insert("Servers".to_owned(), Key::default());
        assert!(differs(&several, &wanted));
    }

    #[test]
    fn what_is_kept_holds_no_secret() {
        let there = key(&[
            ("ServerURL", "https://b"),
            ("enrollmenttoken", "oscm_1"),
            ("Bootstrap", "x"),
            ("Proxy", "y"),
        ]);
        assert_eq!(of_server(&there), key(&[("ServerURL", "https://b")]));
    }
}
