//! The file's sections and keys as they are written down, each with its default.

use super::Secret;
use crate::platform::default_state_folder;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::PathBuf;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `[server]`, or `[[server]]` once for each of several; required.
    pub server: Servers,
    /// `[agent]`.
    #[serde(default)]
    pub agent: AgentSettings,
    /// `[telemetry]`.
    #[serde(default)]
    pub telemetry: TelemetrySettings,
    /// `[log]`.
    #[serde(default)]
    pub log: LogSettings,
    /// `[upgrade]`.
    #[serde(default)]
    pub upgrade: UpgradeSettings,
    /// `[[action]]`, once for each program that the server may have run; none: nothing runs.
    #[serde(default)]
    pub action: Vec<ActionSettings>,
}

/// One server, or several that know nothing of each other.
#[derive(Debug)]
pub enum Servers {
    /// `[server]`.
    One(Box<ServerSettings>),
    /// `[[server]]`.
    Several(Vec<ServerSettings>),
}

impl<'de> Deserialize<'de> for Servers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrSeveral)
    }
}

/// Looks at the value's form first, so that a fault inside keeps its own place and words.
struct OneOrSeveral;

impl<'de> Visitor<'de> for OneOrSeveral {
    type Value = Servers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a section [server], or several [[server]]")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Servers, A::Error> {
        let server = ServerSettings::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Servers::One(Box::new(server)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Servers, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Servers::Several)
    }
}

/// `[server]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// `https://host[:port]`, required.
    pub url: String,
    /// The organization to register with; `default`.
    pub organization: Option<String>,
    /// Token that approves the registration; none: an administrator approves.
    pub enrollment_token: Option<Secret>,
    /// PEM file of certificate authorities; none: those of the system.
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of the certificate authority's certificate.
    pub ca_pin: Option<String>,
    /// SHA-256 of the server's signing public key.
    pub server_key_pin: Option<String>,
}

/// `[agent]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentSettings {
    /// Where identities are kept.
    pub state_folder: PathBuf,
    /// `http://[user:password@]host:port`; none: `HTTPS_PROXY` and `NO_PROXY` of the environment.
    pub proxy: Option<Secret>,
}

impl Default for AgentSettings {
    fn default() -> Self {
        AgentSettings {
            state_folder: default_state_folder(),
            proxy: None,
        }
    }
}

/// `[telemetry]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TelemetrySettings {
    /// Whether anything is measured; `true`.
    pub enabled: bool,
    /// Whether containers are listed; `true`.
    pub containers: bool,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        TelemetrySettings {
            enabled: true,
            containers: true,
        }
    }
}

/// `[log]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`; `info`.
    pub level: String,
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings {
            level: "info".to_owned(),
        }
    }
}

/// `[upgrade]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpgradeSettings {
    /// Whether a server may have this program upgraded; `true`.
    pub enabled: bool,
    /// Public key, of minisign, by which a program must be signed; none: the one that was built in, if any.
    pub release_key: Option<String>,
    /// Seconds that a new program has to prove itself, where the order does not say less; none: as the order says.
    pub trial_secs: Option<u32>,
}

impl Default for UpgradeSettings {
    fn default() -> Self {
        UpgradeSettings {
            enabled: true,
            release_key: None,
            trial_secs: None,
        }
    }
}

/// `[[action]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSettings {
    /// What it is called.
    pub name: String,
    /// For the console.
    #[serde(default)]
    pub description: String,
    /// Absolute path of the program; never a shell.
    pub program: PathBuf,
    /// Its arguments; `{name}` stands for a parameter's value, `{{` and `}}` for brackets.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// `[[action.parameter]]`, once for each.
    #[serde(default)]
    pub parameter: Vec<ParameterSettings>,
    /// After how many seconds it is stopped; 60.
    #[serde(default = "default_timeout")]
    pub timeout_secs: u32,
    /// The user it runs as; none: the agent's own.
    pub user: Option<String>,
    /// Whether who runs it must confirm; `false`.
    #[serde(default)]
    pub requires_confirmation: bool,
    /// Whether its output stays on this machine; `false`.
    #[serde(default)]
    pub redact: bool,
}

/// `[[action.parameter]]`: with a pattern, a bound of its length, or both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterSettings {
    /// What it is called in the arguments.
    pub name: String,
    /// For the console.
    #[serde(default)]
    pub description: String,
    /// Regular expression that a value matches as a whole.
    pub pattern: Option<String>,
    /// Longest value in bytes; 1024.
    pub max_length: Option<u32>,
}

fn default_timeout() -> u32 {
    super::action::DEFAULT_TIMEOUT_SECS
}
