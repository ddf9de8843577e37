//! The configuration where it is values of a registry: the same settings as in the file, by other names.
//!
//! Pure: what a key holds comes in as a [`Key`], wherever it was read. Names do not depend on upper and lower case, as in the
//! registry itself. Invariant: what is not known here, or has another type, is refused by its name.

mod bootstrap;
mod names;

pub use bootstrap::{Settled, settled, values};

use super::file::Settings;
use super::{Config, Source, check};
use names::{ACTION, BELOW, CLIENT, Kind, Name, PARAMETER, SERVER};
use scm_settings::{Error, meant};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a key of the registry holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Its values.
    pub values: BTreeMap<String, Value>,
    /// The keys below it.
    pub keys: BTreeMap<String, Key>,
}

/// A value of the registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// `REG_SZ`.
    Text(String),
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_MULTI_SZ`.
    List(Vec<String>),
    /// Any other type, by its name.
    Other(&'static str),
}

impl std::fmt::Debug for Value {
    /// Without what it says, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "a REG_SZ",
            Value::Number(_) => "a REG_DWORD",
            Value::List(_) => "a REG_MULTI_SZ",
            Value::Other(name) => name,
        }
    }
}

/// A key of the registry as the source of settings.
#[derive(Clone, Debug)]
pub struct Origin {
    place: String,
    /// Keys of servers, in their order.
    servers: Vec<String>,
    /// Keys of actions, each with its parameters' keys.
    actions: Vec<(String, Vec<String>)>,
}

/// The configuration that a key at `path` holds.
///
/// # Errors
/// [`Error`], which names key, value and reason.
pub fn load(path: &Path, key: std::io::Result<Key>) -> Result<Config, Error> {
    let key = key.map_err(|reason| match reason.kind() {
        std::io::ErrorKind::NotFound => Error::Value {
            place: path.display().to_string(),
            message: "there is no such key: set `ServerURL` in it, or enroll by a bootstrap string"
                .to_owned(),
        },
        _ => Error::Unreadable {
            file: path.to_owned(),
            reason,
        },
    })?;
    let (origin, settings) = settings(path, &key)?;
    check(&origin, settings)
}

/// The settings that a key at `path` holds.
///
/// # Errors
/// As [`load`].
pub fn settings(path: &Path, key: &Key) -> Result<(Origin, Settings), Error> {
    let reader = Reader {
        place: path.display().to_string(),
    };
    let (json, origin) = reader.client(key)?;
    let settings = serde_json::from_value(Json::Object(json)).map_err(|error| Error::Value {
        place: origin.place.clone(),
        message: error.to_string(),
    })?;
    Ok((origin, settings))
}

impl Source for Origin {
    fn refuse(&self, key: &str, reason: String) -> Error {
        let (below, name) = self.named(key);
        Error::Value {
            place: format!("{}{below}", self.place),
            message: format!("`{name}` {reason}"),
        }
    }
}

impl Origin {
    /// Where a setting of the file, `server.1.url`, stands here: `\Servers\second` and `ServerURL`.
    fn named(&self, key: &str) -> (String, String) {
        let parts: Vec<&str> = key.split('.').collect();
        let name_of = |table: &[Name], wanted: &str| {
            let found = table.iter().find(|name| name.file == wanted);
            found.map_or_else(|| wanted.to_owned(), |name| name.registry.to_owned())
        };
        let at = |list: &[String], index: &str| {
            let index = index.parse::<usize>().ok();
            index
                .and_then(|index| list.get(index))
                .cloned()
                .unwrap_or_default()
        };
        match parts.as_slice() {
            ["server"] => (String::new(), "Servers".to_owned()),
            ["server", index, name] => (
                format!("\\Servers\\{}", at(&self.servers, index)),
                name_of(SERVER, name),
            ),
            ["server", name] => (String::new(), name_of(SERVER, name)),
            ["action", index, rest @ ..] => {
                let of = index
                    .parse::<usize>()
                    .ok()
                    .and_then(|index| self.actions.get(index));
                let (action, parameters) = of.cloned().unwrap_or_default();
                let below = format!("\\Actions\\{action}");
                match rest {
                    ["parameter", index, name] => (
                        format!("{below}\\Parameters\\{}", at(&parameters, index)),
                        name_of(PARAMETER, name),
                    ),
                    [name, ..] => (below, name_of(ACTION, name)),
                    [] => (below, "Actions".to_owned()),
                }
            }
            _ => (String::new(), name_of(CLIENT, key)),
        }
    }
}

/// Reads keys into the form of the file, as JSON.
struct Reader {
    place: String,
}

impl Reader {
    fn refuse(&self, below: &str, message: String) -> Error {
        Error::Value {
            place: format!("{}{below}", self.place),
            message,
        }
    }

    fn client(&self, key: &Key) -> Result<(Map<String, Json>, Origin), Error> {
        let own = [CLIENT, SERVER].concat();
        let given = self.values("", key, &own)?;
        self.known_keys("", key, BELOW)?;
        let mut json = Map::new();
        let mut server = Map::new();
        for (name, value) in given {
            match name.file.split_once('.') {
                Some((section, name)) => {
                    let section = json.entry(section).or_insert_with(|| Json::Object(Map::new()));
                    if let Json::Object(section) = section {
                        section.insert(name.to_owned(), value);
                    }
                }
                None => {
                    server.insert(name.file.to_owned(), value);
                }
            }
        }
        let servers: Vec<String> = below(key, "Servers").map(|(name, _)| name.clone()).collect();
        json.insert("server".to_owned(), self.servers(key, server, &servers)?);
        let mut actions = Vec::new();
        let mut listed = Vec::new();
        for (name, action) in below(key, "Actions") {
            let (action, parameters) = self.action(name, action)?;
            listed.push(Json::Object(action));
            actions.push((name.clone(), parameters));
        }
        json.insert("action".to_owned(), Json::Array(listed));
        let place = self.place.clone();
        let origin = Origin {
            place,
            servers,
            actions,
        };
        Ok((json, origin))
    }

    /// The one server that the key itself names, or those below it.
    fn servers(&self, key: &Key, own: Map<String, Json>, names: &[String]) -> Result<Json, Error> {
        if names.is_empty() {
            return self.server("", own).map(Json::Object);
        }
        if let Some(name) = own.keys().next() {
            let name = SERVER
                .iter()
                .find(|known| known.file == name)
                .map_or("", |known| known.registry);
            let message = format!(
                "`{name}` stands beside the key `Servers`: put it into a key below that, or remove that"
            );
            return Err(self.refuse("", message));
        }
        let mut servers = Vec::new();
        for (name, server) in below(key, "Servers") {
            let place = format!("\\Servers\\{name}");
            self.known_keys(&place, server, &[])?;
            let given = self.values(&place, server, SERVER)?;
            let given = given
                .into_iter()
                .map(|(name, value)| (name.file.to_owned(), value));
            servers.push(Json::Object(self.server(&place, given.collect())?));
        }
        Ok(Json::Array(servers))
    }

    fn server(&self, place: &str, given: Map<String, Json>) -> Result<Map<String, Json>, Error> {
        let server = bootstrap::unfolded(given).map_err(|message| self.refuse(place, message))?;
        if !server.contains_key("url") {
            let message = "missing value `ServerURL` (REG_SZ), https://host[:port]".to_owned();
            return Err(self.refuse(place, message));
        }
        Ok(server)
    }

    fn action(&self, name: &str, key: &Key) -> Result<(Map<String, Json>, Vec<String>), Error> {
        let place = format!("\\Actions\\{name}");
        self.known_keys(&place, key, &["Parameters"])?;
        let given = self.values(&place, key, ACTION)?;
        let mut action: Map<String, Json> = given
            .into_iter()
            .map(|(name, value)| (name.file.to_owned(), value))
            .collect();
        if !action.contains_key("program") {
            return Err(self.refuse(
                &place,
                "missing value `Program` (REG_SZ), an absolute path".to_owned(),
            ));
        }
        action.insert("name".to_owned(), Json::String(name.to_owned()));
        let mut parameters = Vec::new();
        let mut names = Vec::new();
        for (name, parameter) in below(key, "Parameters") {
            let place = format!("{place}\\Parameters\\{name}");
            self.known_keys(&place, parameter, &[])?;
            let given = self.values(&place, parameter, PARAMETER)?;
            let mut parameter: Map<String, Json> = given
                .into_iter()
                .map(|(name, value)| (name.file.to_owned(), value))
                .collect();
            parameter.insert("name".to_owned(), Json::String(name.clone()));
            parameters.push(Json::Object(parameter));
            names.push(name.clone());
        }
        action.insert("parameter".to_owned(), Json::Array(parameters));
        Ok((action, names))
    }

    /// The values of a key by the names of a table.
    fn values(&self, place: &str, key: &Key, table: &[Name]) -> Result<Vec<(Name, Json)>, Error> {
        let mut given = Vec::with_capacity(key.values.len());
        // An unnamed value, which editors show as `(Default)`, says nothing while it is empty.
        let unnamed = |name: &str, value: &Value| name.is_empty() && *value == Value::Text(String::new());
        for (name, value) in key.values.iter().filter(|(name, value)| !unnamed(name, value)) {
            let Some(known) = table
                .iter()
                .find(|known| known.registry.eq_ignore_ascii_case(name))
            else {
                let all: Vec<&str> = table.iter().map(|name| name.registry).collect();
                return Err(self.refuse(place, format!("unknown value `{name}`{}", meant(name, &all))));
            };
            let json = converted(known.kind, value)
                .map_err(|reason| self.refuse(place, format!("`{}` {reason}", known.registry)))?;
            given.push((*known, json));
        }
        Ok(given)
    }

    fn known_keys(&self, place: &str, key: &Key, known: &[&str]) -> Result<(), Error> {
        let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        match key.keys.keys().find(|name| !is_known(name)) {
            None => Ok(()),
            Some(name) => Err(self.refuse(place, format!("unknown key `{name}`{}", meant(name, known)))),
        }
    }
}

/// What lies in a key below this one, by the names that an administrator chose.
fn below<'a>(key: &'a Key, name: &str) -> impl Iterator<Item = (&'a String, &'a Key)> {
    let found = key
        .keys
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name));
    found.into_iter().flat_map(|(_, key)| &key.keys)
}

/// A value as the file would have it. What it says does not stand in the reason: a secret may stand in the wrong place.
fn converted(kind: Kind, value: &Value) -> Result<Json, String> {
    let json = match (kind, value) {
        (Kind::Text, Value::Text(text)) => Json::String(text.clone()),
        (Kind::Number, Value::Number(number)) => Json::from(*number),
        (Kind::Switch, Value::Number(0)) => Json::Bool(false),
        (Kind::Switch, Value::Number(1)) => Json::Bool(true),
        (Kind::Switch, Value::Number(_)) => return Err("must be 0 (no) or 1 (yes)".to_owned()),
        (Kind::List, Value::List(list)) => Json::from(list.as_slice()),
        (_, value) => return Err(format!("must be {}, not {}", kind.wanted(), value.kind())),
    };
    Ok(json)
}

#[cfg(test)]
mod tests;
