//! The sections of the configuration file, one type each. Every field names its key, its default and its unit.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use scm_protocol::ids::Organization;
use serde::Deserialize;

use super::addresses::Addresses;

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// `name`, default `OpenSCM`: shown in the console's header, so that two servers are told apart. 1 to 64 characters.
    pub name: String,
    /// `listen`, default `[::]:8443`: one socket address or a list; `[::]` accepts IPv4 too.
    pub listen: Addresses,
    /// `state_folder`, default `/var/lib/openscm/server`: database, keys and certificates; absolute.
    pub state_folder: PathBuf,
    /// `organization`, default `default`: the organization that the first start creates.
    pub organization: Organization,
    /// `hostnames`, default none: names and addresses that agents and consoles use for this server, beyond the
    /// machine's own, which go into the certificate made at the first start.
    pub hostnames: Vec<String>,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            name: "OpenSCM".to_owned(),
            listen: Addresses(vec![SocketAddr::from((Ipv6Addr::UNSPECIFIED, 8443))]),
            state_folder: PathBuf::from("/var/lib/openscm/server"),
            organization: Organization::default(),
            hostnames: Vec::new(),
        }
    }
}

/// `[tls]`: both or neither. Without them the server uses the certificate of its own private authority. The files are
/// read again when they change, without a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// `certificate`, default none: PEM file with the server's certificate and the chain above it; absolute.
    pub certificate: Option<PathBuf>,
    /// `key`, default none: PEM file with the private key of the certificate; absolute.
    pub key: Option<PathBuf>,
}

/// `[database]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `url`, default `sqlite://<state_folder>/openscm.db`: `sqlite://` with an absolute path, or `postgres://`.
    pub url: Option<String>,
}

/// `[agents]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Agents {
    /// `checkin_interval_secs`, default 30, 1 to 3600: seconds between the check-ins of an active system.
    pub checkin_interval_secs: u32,
    /// `pending_interval_secs`, default 60, 1 to 3600: seconds between the check-ins of a system awaiting approval.
    pub pending_interval_secs: u32,
    /// `hold_checkins`, default true: answer an agent that is willing to wait when there is something to tell it, so that
    /// an approval reaches it at once and not with its next check-in.
    pub hold_checkins: bool,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            checkin_interval_secs: 30,
            pending_interval_secs: 60,
            hold_checkins: true,
        }
    }
}

/// `[certificates]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Certificates {
    /// `lifetime_hours`, default 2160 (90 days), 1 to 8760: how long an agent's client certificate is valid. Agents renew
    /// theirs after two thirds of it.
    pub lifetime_hours: u32,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { lifetime_hours: 2160 }
    }
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `max_connections`, default 20000, 16 to 1000000: connections served at once; about 25 KB each while idle. Those
    /// beyond get a 503 with Retry-After, or are closed.
    pub max_connections: u32,
    /// `header_timeout_secs`, default 10, 1 to 120: for the TLS handshake, and for the headers of one request.
    pub header_timeout_secs: u32,
    /// `body_timeout_secs`, default 10, 1 to 600: for the body of one request.
    pub body_timeout_secs: u32,
    /// `idle_timeout_secs`, default 150, at most 7200: how long a connection may wait for its next request. Longer than
    /// both intervals of `[agents]`, or every check-in would cost a new connection.
    pub idle_timeout_secs: u32,
    /// `drain_timeout_secs`, default 20, 0 to 600: for requests in flight when the server is stopped.
    pub drain_timeout_secs: u32,
    /// `max_body_kib`, default 1024, 16 to 65536: the largest request body, in KiB; beyond it 413.
    pub max_body_kib: u32,
    /// `max_body_memory_mib`, default 256, 1 to 65536, at least one body: memory for all request bodies together, in
    /// MiB; beyond it 503.
    pub max_body_memory_mib: u32,
    /// `max_queue`, default 10000, 1 to 1000000: verified check-ins waiting to be written; beyond it 503.
    pub max_queue: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 20_000,
            header_timeout_secs: 10,
            body_timeout_secs: 10,
            idle_timeout_secs: 150,
            drain_timeout_secs: 20,
            max_body_kib: 1024,
            max_body_memory_mib: 256,
            max_queue: 10_000,
        }
    }
}

/// `[sessions]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sessions {
    /// `idle_minutes`, default 30, 1 to 1440: an unused session ends after so long.
    pub idle_minutes: u32,
    /// `absolute_hours`, default 12, 1 to 720: every session ends after so long.
    pub absolute_hours: u32,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            idle_minutes: 30,
            absolute_hours: 12,
        }
    }
}

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// `raw_hours`, default 24, 1 to 168: how long each sample of CPU, memory and disk is kept; older ones are rolled up.
    pub raw_hours: u32,
    /// `five_minute_days`, default 7, 1 to 90: from which age on one row is kept for an hour, and not for five minutes.
    pub five_minute_days: u32,
    /// `retention_days`, default 90, 1 to 366: how long the history is kept at all.
    pub retention_days: u32,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            raw_hours: 24,
            five_minute_days: 7,
            retention_days: 90,
        }
    }
}

/// `[backup]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Backup {
    /// `folder`, default `<state_folder>/backups`: where backups are made; absolute.
    pub folder: Option<PathBuf>,
    /// `every_hours`, default 24, 0 to 8760: hours between two scheduled backups, the first of them so long after the
    /// first start; 0 schedules none.
    pub every_hours: u32,
    /// `keep`, default 7, 1 to 1000: so many of the newest backups are kept.
    pub keep: u32,
    /// `postgres_programs`, default those on PATH: folder of `pg_dump` and `pg_restore`; absolute.
    pub postgres_programs: Option<PathBuf>,
}

impl Default for Backup {
    fn default() -> Self {
        Self {
            folder: None,
            every_hours: 24,
            keep: 7,
            postgres_programs: None,
        }
    }
}

/// `[integrity]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Integrity {
    /// `release_key`, default none: minisign public key; with it the server starts only when its own program is signed.
    pub release_key: Option<String>,
    /// `signature`, default the program's path and `.minisig`: the detached signature; absolute.
    pub signature: Option<PathBuf>,
}

/// `[packages]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Packages {
    /// `release_keys`, default none: minisign public keys; a package of agents must be signed by one of them, or by
    /// `release_key` of `[integrity]`.
    pub release_keys: Vec<String>,
    /// `folder`, default `/usr/lib/scmserver/agents`: agents that came with the server's package; those that such a key
    /// signed are taken when the server starts, each once; absolute.
    pub folder: PathBuf,
}

impl Default for Packages {
    fn default() -> Self {
        Self {
            release_keys: Vec::new(),
            folder: PathBuf::from("/usr/lib/scmserver/agents"),
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `level`, default `info`: `error`, `warn`, `info`, `debug` or `trace`.
    pub level: Level,
    /// `format`, default `text`: `text` for people, `json` for machines.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// What failed and needs a person.
    Error,
    /// And what is odd.
    Warn,
    /// And what happened.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And every step.
    Trace,
}

impl From<Level> for tracing::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
            Level::Trace => Self::TRACE,
        }
    }
}

/// In what form it is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One line of text per event.
    #[default]
    Text,
    /// One JSON object per event.
    Json,
}
