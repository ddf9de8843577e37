//! `[[audit.forward]]`: where the audit is sent as it grows.

use super::Config;
use scm_protocol::ids::Organization;
use scm_settings::{Document, Error};
use serde::Deserialize;
use std::fmt;
use std::path::PathBuf;

/// `[audit]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// `[[audit.forward]]`, default none: one table for each target.
    pub forward: Vec<Forward>,
}

/// One target of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// `name`: how far the target is is remembered under this name. 1 to 63 characters of a-z, 0-9 and -.
    pub name: String,
    /// `kind`: `syslog` or `webhook`.
    pub kind: ForwardKind,
    /// `address`: for syslog, host and port; for a webhook, its https URL.
    pub address: String,
    /// `ca_file`, default the system's authorities: PEM file with the authorities that the target's certificate may be
    /// from; absolute.
    pub ca_file: Option<PathBuf>,
    /// `organization`, default all: only this organization's audit.
    pub organization: Option<Organization>,
}

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ForwardKind {
    /// RFC 5424 over TLS (RFC 5425).
    Syslog,
    /// Signed HTTPS posts.
    Webhook,
}

impl fmt::Display for ForwardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ForwardKind::Syslog => "syslog",
            ForwardKind::Webhook => "webhook",
        })
    }
}

/// Checks every target.
pub(super) fn check(config: &Config, document: &Document) -> Result<(), Error> {
    let targets = &config.audit.forward;
    for (index, target) in targets.iter().enumerate() {
        let refuse = |key: &str, reason: String| {
            Err(document.refuse(&format!("audit.forward[{index}].{key}"), reason))
        };
        if let Some(reason) = name_problem(&target.name, &targets[..index]) {
            return refuse("name", reason);
        }
        if let Some(reason) = address_problem(target) {
            return refuse("address", reason);
        }
        if target.ca_file.as_ref().is_some_and(|file| !file.is_absolute()) {
            return refuse("ca_file", "must be an absolute path".to_owned());
        }
    }
    Ok(())
}

fn name_problem(name: &str, before: &[Forward]) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !(1..=63).contains(&name.len()) || !name.chars().all(plain) {
        return Some(format!("`{name}` must be 1 to 63 characters of a-z, 0-9 and -"));
    }
    let taken = before.iter().any(|other| other.name == name);
    taken.then(|| format!("`{name}` is the name of another target"))
}

fn address_problem(target: &Forward) -> Option<String> {
    let uri = |text: &str| text.parse::<http::Uri>().ok();
    let good = match target.kind {
        ForwardKind::Syslog => target
            .address
            .parse::<http::uri::Authority>()
            .is_ok_and(|authority| authority.port_u16().is_some() && !authority.as_str().contains('@')),
        ForwardKind::Webhook => uri(&target.address).is_some_and(|uri| {
            uri.scheme_str() == Some("https")
                && uri
                    .authority()
                    .is_some_and(|authority| !authority.as_str().contains('@'))
        }),
    };
    let example = match target.kind {
        ForwardKind::Syslog => "must be a host and a port such as \"siem.example.com:6514\"",
        ForwardKind::Webhook => "must be an https URL without user and password",
    };
    (!good).then(|| example.to_owned())
}
