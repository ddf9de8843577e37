//! PostgreSQL's own programs. They get the connection by their environment: a command line can be read by everybody on the
//! machine.

use anyhow::{Context, bail, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Longest name of a database, in bytes.
const MAX_NAME: usize = 63;

/// Parameters of a connection URL and the environment variables that mean the same.
const VARIABLES: &[(&str, &str)] = &[
    ("host", "PGHOST"),
    ("hostaddr", "PGHOSTADDR"),
    ("port", "PGPORT"),
    ("dbname", "PGDATABASE"),
    ("user", "PGUSER"),
    ("password", "PGPASSWORD"),
    ("passfile", "PGPASSFILE"),
    ("service", "PGSERVICE"),
    ("options", "PGOPTIONS"),
    ("application_name", "PGAPPNAME"),
    ("channel_binding", "PGCHANNELBINDING"),
    ("connect_timeout", "PGCONNECT_TIMEOUT"),
    ("client_encoding", "PGCLIENTENCODING"),
    ("gssencmode", "PGGSSENCMODE"),
    ("krbsrvname", "PGKRBSRVNAME"),
    ("requirepeer", "PGREQUIREPEER"),
    ("sslmode", "PGSSLMODE"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcrl", "PGSSLCRL"),
    ("sslsni", "PGSSLSNI"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("target_session_attrs", "PGTARGETSESSIONATTRS"),
];

/// The environment that leads libpq to where the URL leads.
///
/// # Errors
/// When the URL has a parameter that has no such variable; the message repeats no value.
pub(super) fn environment(url: &str) -> anyhow::Result<BTreeMap<&'static str, String>> {
    let (_, rest) = url
        .split_once("://")
        .context("the database's URL has no scheme")?;
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = place.split_once('/').unwrap_or((place, ""));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let (hosts, ports): (Vec<&str>, Vec<&str>) = hosts.split(',').map(host_and_port).unzip();
    let (hosts, ports) = (hosts.join(","), ports.join(","));
    let mut found = BTreeMap::new();
    let mut set = |name: &str, value: &str| -> anyhow::Result<()> {
        let variable = VARIABLES.iter().find(|(parameter, _)| *parameter == name);
        let (_, variable) = variable.with_context(|| {
            format!("the parameter `{name}` of the database's URL cannot be given to pg_dump: take it away, or make the backup with PostgreSQL's own tools")
        })?;
        if !value.is_empty() {
            found.insert(*variable, decoded(value)?);
        }
        Ok(())
    };
    set("user", user)?;
    set("password", password)?;
    set("host", &hosts)?;
    set("port", ports.trim_matches(','))?;
    set("dbname", database)?;
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        set(name, value)?;
    }
    Ok(found)
}

fn host_and_port(text: &str) -> (&str, &str) {
    if let Some((host, port)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        return (host, port.trim_start_matches(':'));
    }
    text.split_once(':').unwrap_or((text, ""))
}

/// `%41` is `A`; as libpq reads URLs, a plus is a plus.
fn decoded(text: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
            let digits = std::str::from_utf8(&digits).unwrap_or_default();
            bytes.push(u8::from_str_radix(digits, 16).context("the database's URL has a wrong %-code")?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).context("the database's URL is not UTF-8")
}

/// The URL of another database in the same place, and the name of this one.
///
/// # Errors
/// When the URL names no database in its path.
pub(super) fn beside(url: &str, other: &str) -> anyhow::Result<(String, String)> {
    let (before, parameters) = url
        .split_once('?')
        .map_or((url, String::new()), |(before, after)| {
            (before, format!("?{after}"))
        });
    let found = before.split_once("://").and_then(|(scheme, rest)| {
        rest.split_once('/')
            .map(|(authority, name)| (scheme, authority, name))
    });
    let named = found.filter(|(_, _, name)| !name.is_empty() && !parameters.contains("dbname="));
    let (scheme, authority, name) =
        named.context("to restore, the database's URL must name it in its path: postgres://host/database")?;
    Ok((
        format!("{scheme}://{authority}/{other}{parameters}"),
        decoded(name)?,
    ))
}

/// The name of another database that begins as this one's. PostgreSQL would cut it off in silence.
pub(super) fn name_beside(name: &str, suffix: &str) -> String {
    let mut end = name.len().min(MAX_NAME.saturating_sub(suffix.len()));
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

/// Runs one of PostgreSQL's programs to its end.
///
/// # Errors
/// When it is not installed, or fails; with what it said.
pub(super) fn run(
    folder: Option<&Path>,
    program: &str,
    url: Option<&str>,
    arguments: &[&str],
) -> anyhow::Result<()> {
    let path = folder.map_or_else(|| program.into(), |folder| folder.join(program));
    let mut command = Command::new(&path);
    command.args(arguments);
    if let Some(url) = url {
        command.envs(environment(url)?);
    }
    let output = match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
            "{} is not installed: install PostgreSQL's client programs, or name their folder with `postgres_programs` in [backup]",
            path.display()
        ),
        other => other.with_context(|| format!("running {}", path.display()))?,
    };
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", said.trim());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_an_environment() {
        let url = "postgres://scm:s%33cret@a:1,[::1]:5433/open%20scm?sslmode=verify-full&connect_timeout=5";
        let expected = [
            ("PGCONNECT_TIMEOUT", "5"),
            ("PGDATABASE", "open scm"),
            ("PGHOST", "a,::1"),
            ("PGPASSWORD", "s3cret"),
            ("PGPORT", "1,5433"),
            ("PGSSLMODE", "verify-full"),
            ("PGUSER", "scm"),
        ];
        let found = environment(url).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        assert_eq!(found, expected);
        let socket = environment("postgres:///scm_1?host=/tmp/x&user=scm").unwrap();
        assert_eq!(socket["PGHOST"], "/tmp/x");
        assert!(!socket.contains_key("PGPORT"));
        let error = environment("postgres:///x?hush=s3cret").unwrap_err().to_string();
        assert!(error.contains("`hush`") && !error.contains("s3cret"), "{error}");
        assert!(environment("postgres:///%zz").is_err());
    }

    #[test]
    fn another_database_is_found_in_the_same_place() {
        let (url, name) = beside("postgres://u:p@h:5/scm?sslmode=require", "postgres").unwrap();
        assert_eq!(url, "postgres://u:p@h:5/postgres?sslmode=require");
        assert_eq!(name, "scm");
        assert!(beside("postgres://h", "x").is_err());
        assert!(beside("postgres://h/a?dbname=b", "x").is_err());
    }

    #[test]
    fn a_name_fits_with_its_suffix() {
        assert_eq!(name_beside("scm", "_before_1"), "scm_before_1");
        let long = name_beside(&"ä".repeat(31), "_before_1");
        assert_eq!((long.len(), long.ends_with("ä_before_1")), (63, true));
    }

    #[test]
    fn a_program_that_is_missing_is_said_to_be() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(Some(folder.path()), "pg_dump", None, &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("is not installed") && error.contains("postgres_programs"),
            "{error}"
        );
    }
}
