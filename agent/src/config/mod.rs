//! The agent's configuration: what may stand in its file, or in the registry, and what is made of it.
//!
//! Invariants: unknown keys and values that will not do are refused with their place; nothing but `https://` is accepted;
//! there is no way to switch verification off; the enrollment token is never shown, not even by `Debug`.

mod action;
mod file;
pub mod registry;
mod secret;
mod server;

pub use file::Settings;
pub use secret::Secret;

use crate::actions::Action;
use crate::identity::ServerTag;
use crate::platform;
use scm_protocol::identity::Fingerprint;
use scm_protocol::ids::Organization;
use scm_protocol::upgrades::release::ReleaseKey;
use scm_settings::{Document, Error};
use scm_tls::Trust;
use server::servers;
use std::path::{Path, PathBuf};

/// The key that signs releases, where the program was built with one.
const BUILT_IN_KEY: Option<&str> = option_env!("OPENSCM_RELEASE_KEY");

/// What a trial may be bounded to, in seconds: an attempt to check in has its time.
const TRIAL_SECS: std::ops::RangeInclusive<u32> = 10..=3600;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The servers to report to, each with an own worker.
    pub servers: Vec<Server>,
    /// Where identities are kept.
    pub state_folder: PathBuf,
    /// The proxy for all servers; none: as the environment says.
    pub proxy: Option<Secret>,
    /// What is measured.
    pub telemetry: Telemetry,
    /// What is logged.
    pub log_level: tracing::level_filters::LevelFilter,
    /// What a server may have run here; whether each is offered is decided when the agent starts.
    pub actions: Vec<Action>,
    /// Whether a server may have this program upgraded, and by whose signature.
    pub upgrade: Upgrade,
    /// What an administrator should know though it is not an error.
    pub warnings: Vec<String>,
}

/// One server.
#[derive(Clone, Debug)]
pub struct Server {
    /// `https://host[:port]` without trailing slash.
    pub url: String,
    /// The name of its files.
    pub tag: ServerTag,
    /// The organization to belong to.
    pub organization: Organization,
    /// Sent with the registration, never otherwise.
    pub enrollment_token: Option<Secret>,
    /// How its certificate is verified.
    pub trust: Trust,
    /// What the delivered server key must match.
    pub server_key_pin: Option<Fingerprint>,
}

/// Upgrades of this program.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Whether any may be ordered.
    pub enabled: bool,
    /// Who signs releases; none: no program is taken.
    pub keys: Vec<ReleaseKey>,
    /// Longest time that a new program has to prove itself; none: as the order says.
    pub trial_secs: Option<u32>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Telemetry {
    /// Anything at all.
    pub enabled: bool,
    /// Running containers.
    pub containers: bool,
}

/// Reads and checks the configuration.
///
/// # Errors
/// [`Error`], which names file, line, key and reason.
pub fn load(path: &Path) -> Result<Config, Error> {
    if let Some(key) = platform::registry::read(path) {
        return registry::load(path, key);
    }
    let document = Document::read(path)?;
    let settings: Settings = document.parse()?;
    let mut config = check(&document, settings)?;
    let holds_secret = config
        .servers
        .iter()
        .any(|server| server.enrollment_token.is_some());
    if holds_secret && platform::user::is_widely_readable(path, &config.state_folder) {
        config.warnings.push(format!(
            "{} holds an enrollment token and others than the agent may read it: take that from them (chmod o=)",
            path.display()
        ));
    }
    Ok(config)
}

/// Where settings were read from, which can say so of each.
pub trait Source {
    /// The error for a `key` (dotted, as in the file) whose value will not do. `reason` follows the key's name.
    fn refuse(&self, key: &str, reason: String) -> Error;
}

impl Source for Document {
    fn refuse(&self, key: &str, reason: String) -> Error {
        Document::refuse(self, key, reason)
    }
}

/// Forgets the enrollment token for a server with which the machine is enrolled, where the agent may: in the registry, which every
/// user of the machine can read. A file is left as its owner wrote it.
///
/// # Errors
/// As the operating system says.
pub fn forget_token(path: &Path, server: &ServerTag) -> std::io::Result<()> {
    let Some(key) = platform::registry::read(path) else {
        return Ok(());
    };
    for settled in registry::settled(&key?, server) {
        platform::registry::write(&settled.path(path), &settled.kept, &settled.removed)?;
    }
    Ok(())
}

/// Checks what was read from `source`.
///
/// # Errors
/// As [`load`].
pub fn check(source: &dyn Source, settings: Settings) -> Result<Config, Error> {
    let refuse = |key: &str, reason: String| source.refuse(key, reason);
    let servers = servers(source, settings.server)?;
    if !settings.agent.state_folder.is_absolute() {
        return Err(refuse(
            "agent.state_folder",
            "must be an absolute path".to_owned(),
        ));
    }
    if let Some(proxy) = &settings.agent.proxy {
        crate::wire::check_proxy(proxy.reveal()).map_err(|reason| refuse("agent.proxy", reason))?;
    }
    let log_level = log_level(&settings.log.level).map_err(|reason| refuse("log.level", reason))?;
    let actions = action::actions(source, settings.action)?;
    let keys = release_keys(settings.upgrade.release_key.as_deref(), BUILT_IN_KEY)
        .map_err(|reason| refuse("upgrade.release_key", reason))?;
    if let Some(secs) = settings.upgrade.trial_secs
        && !TRIAL_SECS.contains(&secs)
    {
        let reason = format!(
            "is {secs}, must be {} to {}",
            TRIAL_SECS.start(),
            TRIAL_SECS.end()
        );
        return Err(refuse("upgrade.trial_secs", reason));
    }
    Ok(Config {
        servers,
        actions,
        upgrade: Upgrade {
            enabled: settings.upgrade.enabled,
            keys,
            trial_secs: settings.upgrade.trial_secs,
        },
        state_folder: settings.agent.state_folder,
        proxy: settings.agent.proxy,
        telemetry: Telemetry {
            enabled: settings.telemetry.enabled,
            containers: settings.telemetry.containers,
        },
        log_level,
        warnings: Vec::new(),
    })
}

/// Who signs releases: whom the file names, or else whom this program was built with.
fn release_keys(configured: Option<&str>, built_in: Option<&str>) -> Result<Vec<ReleaseKey>, String> {
    let key = match (configured, built_in) {
        (Some(text), _) => ReleaseKey::parse(text.trim())?,
        (None, Some(text)) => ReleaseKey::parse(text.trim())
            .map_err(|reason| format!("is not set, and the key that was built in {reason}"))?,
        (None, None) => return Ok(Vec::new()),
    };
    Ok(vec![key])
}

fn log_level(name: &str) -> Result<tracing::level_filters::LevelFilter, String> {
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    let level = known
        .contains(&name)
        .then(|| name.parse().ok())
        .flatten()
        .ok_or_else(|| format!("is `{name}`, must be one of {}", known.join(", ")))?;
    Ok(level)
}

#[cfg(test)]
mod tests;
