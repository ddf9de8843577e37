//! A bootstrap string among the values, and what remains of it and of the token once the machine is enrolled.

use super::names::{BOOTSTRAP, SERVER};
use super::{Key, Value};
use crate::identity::ServerTag;
use scm_protocol::bootstrap::Bootstrap;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What of a server's values is a secret, or holds one.
const SECRET: [&str; 2] = ["EnrollmentToken", "Bootstrap"];

/// What a bootstrap string says, by the names of the file.
fn parts(bootstrap: &Bootstrap) -> Vec<(&'static str, String)> {
    let mut parts = vec![
        ("url", bootstrap.url.clone()),
        ("organization", bootstrap.organization.to_string()),
        ("server_key_pin", bootstrap.server_key_pin.to_string()),
    ];
    parts.extend(bootstrap.ca_pin.map(|pin| ("ca_pin", format!("sha256:{pin}"))));
    parts.extend(
        bootstrap
            .enrollment_token
            .clone()
            .map(|token| ("enrollment_token", token)),
    );
    parts
}

/// The values of the registry for a bootstrap string.
pub fn values(bootstrap: &Bootstrap) -> BTreeMap<String, Value> {
    let named = |(file, text): (&str, String)| {
        let name = SERVER.iter().find(|name| name.file == file)?;
        Some((name.registry.to_owned(), Value::Text(text)))
    };
    parts(bootstrap).into_iter().filter_map(named).collect()
}

/// A server's settings with those of its bootstrap string in that one's place.
pub(super) fn unfolded(mut server: Map<String, Json>) -> Result<Map<String, Json>, String> {
    let Some(Json::String(text)) = server.remove(BOOTSTRAP) else {
        return Ok(server);
    };
    let bootstrap: Bootstrap = text
        .parse()
        .map_err(|error| format!("`Bootstrap` is no bootstrap string: {error}"))?;
    for (key, value) in parts(&bootstrap) {
        let value = Json::String(value);
        match server.get(key) {
            Some(other) if *other != value => {
                let name = SERVER
                    .iter()
                    .find(|name| name.file == key)
                    .map_or(key, |name| name.registry);
                return Err(format!(
                    "`{name}` says something else than `Bootstrap`: remove one of them"
                ));
            }
            _ => server.insert(key.to_owned(), value),
        };
    }
    Ok(server)
}

/// What is to become of the values of a server with which the machine is enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The key below the agent's own; none: that one.
    pub below: Option<String>,
    /// What is to be written first.
    pub kept: Key,
    /// The names of what is to be removed then.
    pub removed: Vec<String>,
}

impl Settled {
    /// Its key, where the agent's own is at `path`.
    pub fn path(&self, path: &Path) -> PathBuf {
        match &self.below {
            // A key's name may hold what a path would take for its own.
            Some(below) => PathBuf::from(format!("{}\\Servers\\{below}", path.display())),
            None => path.to_owned(),
        }
    }
}

/// For a machine that is enrolled with this server: tokens are to be removed, and bootstrap strings replaced by what they say
/// besides.
pub fn settled(key: &Key, server: &ServerTag) -> Vec<Settled> {
    let servers = super::below(key, "Servers").map(|(name, key)| (Some(name.clone()), key));
    let own = std::iter::once((None, key));
    own.chain(servers)
        .filter_map(|(below, key)| {
            let (kept, removed) = without_secret(key, server)?;
            Some(Settled { below, kept, removed })
        })
        .collect()
}

fn without_secret(key: &Key, server: &ServerTag) -> Option<(Key, Vec<String>)> {
    let find = |wanted: &str| {
        let mut values = key.values.iter();
        values.find_map(|(name, value)| match value {
            Value::Text(text) if name.eq_ignore_ascii_case(wanted) => Some(text),
            _ => None,
        })
    };
    let bootstrap: Option<Bootstrap> = find("Bootstrap").and_then(|text| text.parse().ok());
    let url = bootstrap
        .as_ref()
        .map(|bootstrap| &bootstrap.url)
        .or(find("ServerURL"))?;
    // The tag is made of the URL as the configuration has it, without strokes at its end.
    if ServerTag::of(url.trim_end_matches('/')) != *server {
        return None;
    }
    let is_secret = |name: &&String| SECRET.iter().any(|secret| secret.eq_ignore_ascii_case(name));
    let removed: Vec<String> = key.values.keys().filter(is_secret).cloned().collect();
    if removed.is_empty() {
        return None;
    }
    let mut kept = Key::default();
    if let Some(bootstrap) = &bootstrap {
        kept.values = values(bootstrap);
        kept.values.retain(|name, _| !is_secret(&name));
    }
    Some((kept, removed))
}
