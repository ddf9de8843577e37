//! Which servers the console knows: the configuration file, the command line and the defaults of a local server.

use scm_protocol::ids::Organization;
use scm_settings::Document;
use scm_tls::Trust;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A server and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// Its name in the header and the picker.
    pub name: String,
    /// `https://host:port`, without a slash at the end.
    pub url: String,
    /// Whose word is taken for its identity.
    pub trust: Trust,
    /// Where the local administrator token is, if it is to be used.
    pub token_file: Option<PathBuf>,
    /// Changes are refused here, whatever the role.
    pub read_only: bool,
    /// Its name is shown so that it cannot be mistaken.
    pub production: bool,
    /// The organization that the local administrator means there; the first one otherwise.
    pub organization: Option<Organization>,
    /// Fingerprint of the SSH key that logs in there.
    pub ssh_key: Option<String>,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    #[serde(default)]
    context: Vec<ContextEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContextEntry {
    name: String,
    url: ServerUrl,
    ca_file: Option<PathBuf>,
    ca_pin: Option<Pin>,
    local_admin_token_file: Option<PathBuf>,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    production: bool,
    organization: Option<Organization>,
    ssh_key: Option<Fingerprint>,
}

/// Checked while it is read, so that an error has its line.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Fingerprint(String);

impl TryFrom<String> for Fingerprint {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        if text.strip_prefix("SHA256:").is_some_and(|rest| rest.len() == 43) {
            return Ok(Fingerprint(text));
        }
        Err(ConfigError::SshKey(text.chars().take(100).collect()))
    }
}

/// Checked while it is read, so that an error has its line.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct ServerUrl(String);

impl TryFrom<String> for ServerUrl {
    type Error = ConfigError;

    fn try_from(text: String) -> Result<Self, ConfigError> {
        server_url(&text).map(ServerUrl)
    }
}

/// Checked while it is read, so that an error has its line.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pin([u8; scm_tls::PIN_BYTES]);

impl TryFrom<String> for Pin {
    type Error = scm_tls::InvalidPin;

    fn try_from(text: String) -> Result<Self, scm_tls::InvalidPin> {
        scm_tls::parse_pin(&text).map(Pin)
    }
}

/// Why the console does not know where to connect.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not what the console takes; the text names the place.
    #[error(transparent)]
    File(#[from] scm_settings::Error),
    /// An address that cannot be used.
    #[error("`{0}` is not a server address: write https://host or https://host:port")]
    Url(String),
    /// A pin that cannot be used.
    #[error("ca pin: {0}")]
    Pin(scm_tls::InvalidPin),
    /// Not the fingerprint of an SSH key.
    #[error("`{0}` is not the fingerprint of an SSH key: write SHA256:… as `ssh-add -l` prints it")]
    SshKey(String),
    /// Two ways of trust at once.
    #[error("give either a ca file or a ca pin, not both")]
    TwoTrusts,
    /// No such context.
    #[error("no context is named `{wanted}`; known: {known}")]
    UnknownContext {
        /// What was asked for.
        wanted: String,
        /// What there is.
        known: String,
    },
}

/// Reads the contexts of a configuration file.
///
/// # Errors
/// [`ConfigError`], which names file and line.
pub fn read_contexts(path: &Path) -> Result<Vec<Context>, ConfigError> {
    let document = Document::read(path)?;
    let file: ConfigFile = document.parse()?;
    let mut contexts: Vec<Context> = Vec::with_capacity(file.context.len());
    for entry in file.context {
        if entry.name.is_empty() || contexts.iter().any(|other| other.name == entry.name) {
            return Err(document
                .refuse("context", "needs a name of its own in each section")
                .into());
        }
        let trust = match (entry.ca_file, entry.ca_pin) {
            (Some(_), Some(_)) => return Err(document.refuse("context", ConfigError::TwoTrusts).into()),
            (Some(path), None) => Trust::CaFile(path),
            (None, Some(Pin(pin))) => Trust::CaPin(pin),
            (None, None) => Trust::System,
        };
        contexts.push(Context {
            name: entry.name,
            url: entry.url.0,
            trust,
            token_file: entry.local_admin_token_file,
            read_only: entry.read_only,
            production: entry.production,
            organization: entry.organization,
            ssh_key: entry.ssh_key.map(|Fingerprint(text)| text),
        });
    }
    Ok(contexts)
}

/// An `https` address without path and without a slash at the end.
///
/// # Errors
/// [`ConfigError::Url`] for anything else: there is no plain text to a server.
pub fn server_url(text: &str) -> Result<String, ConfigError> {
    let refused = || ConfigError::Url(text.chars().take(200).collect());
    let url = reqwest::Url::parse(text.trim()).map_err(|_| refused())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if url.scheme() != "https"
        || !url.has_host()
        || !bare
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Err(refused());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// Trust from a CA file or a pin; the system's authorities where neither is given.
///
/// # Errors
/// When both are given or the pin is none.
pub fn trust(ca_file: Option<PathBuf>, ca_pin: Option<&str>) -> Result<Trust, ConfigError> {
    match (ca_file, ca_pin) {
        (Some(_), Some(_)) => Err(ConfigError::TwoTrusts),
        (Some(path), None) => Ok(Trust::CaFile(path)),
        (None, Some(pin)) => scm_tls::parse_pin(pin)
            .map(Trust::CaPin)
            .map_err(ConfigError::Pin),
        (None, None) => Ok(Trust::System),
    }
}

/// Where a server on this machine leaves its authority and its administrator token.
pub const LOCAL_CA: &str = "/var/lib/openscm/server/pki/ca.pem";
/// In the order in which they are tried.
pub const LOCAL_TOKENS: [&str; 2] = [
    "/run/openscm/local-admin.token",
    "/var/lib/openscm/server/local-admin.token",
];
/// A server on this machine.
pub const LOCAL_URL: &str = "https://localhost:8443";

/// The server on this machine, with what of its files this user may read.
pub fn local_context() -> Context {
    let readable = |path: &str| std::fs::File::open(path).is_ok().then(|| PathBuf::from(path));
    Context {
        name: "local".to_owned(),
        url: LOCAL_URL.to_owned(),
        trust: readable(LOCAL_CA).map_or(Trust::System, Trust::CaFile),
        token_file: LOCAL_TOKENS.into_iter().find_map(readable),
        read_only: false,
        production: false,
        organization: None,
        ssh_key: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scmtui.config");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn contexts_are_read() {
        let pin = "ab".repeat(32);
        let (_folder, path) = written(&format!(
            "[[context]]\nname = \"eu\"\nurl = \"https://scm.example:8443/\"\nca_pin = \"{pin}\"\nproduction = true\n\n\
             [[context]]\nname = \"lab\"\nurl = \"https://lab.example\"\nread_only = true\n"
        ));
        let contexts = read_contexts(&path).unwrap();
        assert_eq!(contexts[0].url, "https://scm.example:8443");
        assert_eq!(contexts[0].trust, Trust::CaPin([0xab; 32]));
        assert!(contexts[0].production && !contexts[0].read_only);
        assert_eq!(
            (contexts[1].trust.clone(), contexts[1].read_only),
            (Trust::System, true)
        );
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, place, word) in [
            (
                "[[context]]\nname = \"a\"\nurl = \"https://x\"\nreadonly = true\n",
                ":4",
                "read_only",
            ),
            (
                "[[context]]\nname = \"a\"\nurl = \"http://x\"\n",
                ":3",
                "https://",
            ),
            (
                "[[context]]\nname = \"a\"\nurl = \"https://x\"\nca_pin = \"zz\"\n",
                ":4",
                "pin",
            ),
        ] {
            let (_folder, path) = written(text);
            let error = read_contexts(&path).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(word), "{error}");
        }
    }

    #[test]
    fn only_https_addresses_are_servers() {
        for bad in [
            "http://x",
            "x",
            "https://",
            "https://u:p@x",
            "https://x/path",
            "https://x?y",
            "",
        ] {
            assert!(server_url(bad).is_err(), "{bad}");
        }
        assert_eq!(server_url(" https://[::1]:8443/ ").unwrap(), "https://[::1]:8443");
    }
}
