//! The names of values, each with the key of the file that it stands for.

/// What type a value has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `REG_SZ`.
    Text,
    /// `REG_DWORD`.
    Number,
    /// `REG_DWORD`, 0 or 1.
    Switch,
    /// `REG_MULTI_SZ`.
    List,
}

impl Kind {
    /// In words.
    pub(super) fn wanted(self) -> &'static str {
        match self {
            Kind::Text => "a REG_SZ",
            Kind::Number => "a REG_DWORD",
            Kind::Switch => "a REG_DWORD, 0 (no) or 1 (yes)",
            Kind::List => "a REG_MULTI_SZ",
        }
    }
}

/// A value: its name, the key of the file, its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) registry: &'static str,
    pub(super) file: &'static str,
    pub(super) kind: Kind,
}

const fn name(registry: &'static str, file: &'static str, kind: Kind) -> Name {
    Name { registry, file, kind }
}

/// Keys below the agent's own.
pub(super) const BELOW: &[&str] = &["Servers", "Actions"];

/// A bootstrap string in place of a server's other values.
pub(super) const BOOTSTRAP: &str = "bootstrap";

/// Of a server.
pub(super) const SERVER: &[Name] = &[
    name("ServerURL", "url", Kind::Text),
    name("Organization", "organization", Kind::Text),
    name("EnrollmentToken", "enrollment_token", Kind::Text),
    name("CAFile", "ca_file", Kind::Text),
    name("CAPin", "ca_pin", Kind::Text),
    name("ServerKeyPin", "server_key_pin", Kind::Text),
    name("Bootstrap", BOOTSTRAP, Kind::Text),
];

/// Of the agent.
pub(super) const CLIENT: &[Name] = &[
    name("StateFolder", "agent.state_folder", Kind::Text),
    name("Proxy", "agent.proxy", Kind::Text),
    name("Telemetry", "telemetry.enabled", Kind::Switch),
    name("Containers", "telemetry.containers", Kind::Switch),
    name("LogLevel", "log.level", Kind::Text),
    name("UpgradeEnabled", "upgrade.enabled", Kind::Switch),
    name("ReleaseKey", "upgrade.release_key", Kind::Text),
    name("TrialSecs", "upgrade.trial_secs", Kind::Number),
];

/// Of an action, in a key below `Actions` that has its name.
pub(super) const ACTION: &[Name] = &[
    name("Description", "description", Kind::Text),
    name("Program", "program", Kind::Text),
    name("Arguments", "arguments", Kind::List),
    name("TimeoutSecs", "timeout_secs", Kind::Number),
    name("User", "user", Kind::Text),
    name("RequiresConfirmation", "requires_confirmation", Kind::Switch),
    name("Redact", "redact", Kind::Switch),
];

/// Of a parameter, in a key below the action's `Parameters` that has its name.
pub(super) const PARAMETER: &[Name] = &[
    name("Description", "description", Kind::Text),
    name("Pattern", "pattern", Kind::Text),
    name("MaxLength", "max_length", Kind::Number),
];
