//! What a value must satisfy beyond its type. Each refusal names the key and the reason.

use std::ops::RangeInclusive;
use std::path::Path;

use scm_settings::{Document, Error};

use super::Config;
use crate::integrity::check_key;
use crate::pki::Name;

/// Checks a configuration against the rules that the sections document.
pub(super) fn check(config: &Config, document: &Document) -> Result<(), Error> {
    server(config, document)?;
    tls(config, document)?;
    database(config, document)?;
    ranges(config, document)?;
    super::audit::check(config, document)?;
    backup(config, document)?;
    integrity(config, document)?;
    packages(config, document)?;
    relations(config, document)
}

fn server(config: &Config, document: &Document) -> Result<(), Error> {
    let server = &config.server;
    let characters = server.name.chars().count();
    if !(1..=64).contains(&characters) || server.name.chars().any(char::is_control) {
        return Err(document.refuse(
            "server.name",
            "must have 1 to 64 characters, none of them a control character",
        ));
    }
    let listen = server.listen.as_slice();
    if listen.is_empty() && config.proxy.listen.is_none() {
        let reason = "must name at least one address where `proxy.listen` is not set";
        return Err(document.refuse("server.listen", reason));
    }
    if let Some(twice) = listen
        .iter()
        .enumerate()
        .find(|(index, one)| listen[..*index].contains(one))
    {
        return Err(document.refuse("server.listen", format_args!("names {} twice", twice.1)));
    }
    absolute("server.state_folder", &server.state_folder, document)?;
    for hostname in &server.hostnames {
        if let Err(error) = hostname.parse::<Name>() {
            return Err(document.refuse("server.hostnames", format_args!("cannot be used: {error}")));
        }
    }
    Ok(())
}

fn tls(config: &Config, document: &Document) -> Result<(), Error> {
    match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => {
            absolute("tls.certificate", certificate, document)?;
            absolute("tls.key", key, document)
        }
        (Some(_), None) => Err(document.refuse("tls.certificate", "needs `key` beside it, or neither")),
        (None, Some(_)) => Err(document.refuse("tls.key", "needs `certificate` beside it, or neither")),
        (None, None) => Ok(()),
    }
}

/// The URL itself is not repeated, because it may hold a password.
fn database(config: &Config, document: &Document) -> Result<(), Error> {
    let Some(url) = &config.database.url else {
        return Ok(());
    };
    let postgres = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    match url.strip_prefix("sqlite://") {
        Some(path) if Path::new(path).is_absolute() => Ok(()),
        Some(_) => Err(document.refuse(
            "database.url",
            "must hold an absolute path, for example `sqlite:///var/lib/openscm/server/openscm.db`",
        )),
        None if postgres => Ok(()),
        None => Err(document.refuse("database.url", "must begin with `sqlite://` or `postgres://`")),
    }
}

fn backup(config: &Config, document: &Document) -> Result<(), Error> {
    let backup = &config.backup;
    if let Some(folder) = &backup.folder {
        absolute("backup.folder", folder, document)?;
    }
    if let Some(folder) = &backup.postgres_programs {
        absolute("backup.postgres_programs", folder, document)?;
    }
    Ok(())
}

fn integrity(config: &Config, document: &Document) -> Result<(), Error> {
    let integrity = &config.integrity;
    if let Some(signature) = &integrity.signature {
        absolute("integrity.signature", signature, document)?;
    }
    if let Some(reason) = integrity
        .release_key
        .as_deref()
        .and_then(|key| check_key(key).err())
    {
        return Err(document.refuse("integrity.release_key", reason));
    }
    Ok(())
}

fn packages(config: &Config, document: &Document) -> Result<(), Error> {
    absolute("packages.folder", &config.packages.folder, document)?;
    let mut keys = config.packages.release_keys.iter();
    match keys.find_map(|key| check_key(key).err()) {
        Some(reason) => Err(document.refuse("packages.release_keys", reason)),
        None => Ok(()),
    }
}

fn ranges(config: &Config, document: &Document) -> Result<(), Error> {
    let (agents, limits, sessions) = (&config.agents, &config.limits, &config.sessions);
    let ranges: [(&str, u32, RangeInclusive<u32>); 18] = [
        (
            "certificates.lifetime_hours",
            config.certificates.lifetime_hours,
            1..=8760,
        ),
        (
            "agents.checkin_interval_secs",
            agents.checkin_interval_secs,
            1..=3600,
        ),
        (
            "agents.pending_interval_secs",
            agents.pending_interval_secs,
            1..=3600,
        ),
        ("limits.max_connections", limits.max_connections, 16..=1_000_000),
        ("limits.header_timeout_secs", limits.header_timeout_secs, 1..=120),
        ("limits.body_timeout_secs", limits.body_timeout_secs, 1..=600),
        ("limits.idle_timeout_secs", limits.idle_timeout_secs, 1..=7200),
        ("limits.drain_timeout_secs", limits.drain_timeout_secs, 0..=600),
        ("limits.max_body_kib", limits.max_body_kib, 16..=65_536),
        (
            "limits.max_body_memory_mib",
            limits.max_body_memory_mib,
            1..=65_536,
        ),
        ("limits.max_queue", limits.max_queue, 1..=1_000_000),
        ("sessions.idle_minutes", sessions.idle_minutes, 1..=1440),
        ("sessions.absolute_hours", sessions.absolute_hours, 1..=720),
        ("telemetry.raw_hours", config.telemetry.raw_hours, 1..=168),
        (
            "telemetry.five_minute_days",
            config.telemetry.five_minute_days,
            1..=90,
        ),
        (
            "telemetry.retention_days",
            config.telemetry.retention_days,
            1..=366,
        ),
        ("backup.every_hours", config.backup.every_hours, 0..=8760),
        ("backup.keep", config.backup.keep, 1..=1000),
    ];
    for (key, value, range) in ranges {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            return Err(document.refuse(
                key,
                format_args!("must be between {least} and {most}, not {value}"),
            ));
        }
    }
    Ok(())
}

fn relations(config: &Config, document: &Document) -> Result<(), Error> {
    let (agents, limits, sessions) = (&config.agents, &config.limits, &config.sessions);
    let longest = agents.checkin_interval_secs.max(agents.pending_interval_secs);
    if limits.idle_timeout_secs <= longest {
        let reason = format_args!(
            "must exceed the longest check-in interval ({longest}), or every check-in costs a new connection"
        );
        return Err(document.refuse("limits.idle_timeout_secs", reason));
    }
    if limits.max_body_kib > limits.max_body_memory_mib * 1024 {
        return Err(document.refuse(
            "limits.max_body_memory_mib",
            "must hold at least one body of `max_body_kib`",
        ));
    }
    if sessions.idle_minutes > sessions.absolute_hours * 60 {
        return Err(document.refuse("sessions.idle_minutes", "must not exceed `absolute_hours`"));
    }
    Ok(())
}

fn absolute(key: &str, path: &Path, document: &Document) -> Result<(), Error> {
    if path.is_absolute() {
        Ok(())
    } else {
        Err(document.refuse(key, "must be an absolute path"))
    }
}
