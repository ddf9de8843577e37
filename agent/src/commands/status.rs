//! `scmclient status`: who this machine is and how it stands with its server, from what the running agent left.

use super::print;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Server};
use crate::decide::Standing;
use crate::identity::{ServerTag, StateFolder};
use crate::report::Report;
use crate::upgrade::{Outcome, Record, Step};
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::UnixMillis;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const UNKNOWN: u8 = 1;

/// Everything that is shown of one server.
#[derive(Debug, Serialize)]
struct Shown {
    running: bool,
    public_key: Option<PublicKey>,
    fingerprint: Option<String>,
    words: Option<String>,
    server_fingerprint: Option<String>,
    /// Of this machine, whichever server ordered it.
    upgrade: Option<String>,
    #[serde(flatten)]
    report: Report,
}

/// Prints and says by exit code: the worst over all servers.
pub(super) fn status(path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let config = config::load(path)?;
    let folder = StateFolder::peek(&config.state_folder);
    let mut shown = Vec::with_capacity(config.servers.len());
    let upgrade = upgrade(&Record::peek(&folder));
    for server in &config.servers {
        shown.push(look(&folder, server, upgrade.clone())?);
    }
    let text = if json {
        serde_json::to_string_pretty(&shown)?
    } else {
        let now = SystemClock.now();
        let texts: Vec<String> = shown.iter().map(|shown| describe(shown, now)).collect();
        texts.join("\n")
    };
    print(&text)?;
    let worst = shown
        .iter()
        .map(|shown| exit_code(shown.report.standing))
        .max_by_key(|code| if *code == UNKNOWN { u8::MAX } else { *code });
    Ok(ExitCode::from(worst.unwrap_or(UNKNOWN)))
}

/// How far an upgrade is, or how the last one ended; none where there never was one.
fn upgrade(record: &Record) -> Option<String> {
    let under_way = record.job.as_ref().and_then(|job| {
        let doing = match job.step {
            Step::Fetching => "is being fetched",
            Step::Trial { .. } => "is on trial",
            Step::Ended(_) => return None,
        };
        Some(format!("to {}: {doing}", job.order.version))
    });
    under_way.or_else(|| record.last.as_ref().map(Outcome::in_words))
}

fn look(folder: &StateFolder, server: &Server, upgrade: Option<String>) -> anyhow::Result<Shown> {
    let public_key = key(folder, &server.tag, "client")?;
    let server_key = key(folder, &server.tag, "server")?;
    let mut report = Report::read(folder, &server.tag);
    if report.url.is_empty() {
        report.url.clone_from(&server.url);
    }
    if report.organization.is_empty() {
        report.organization = server.organization.to_string();
    }
    Ok(Shown {
        running: folder.is_held(),
        public_key,
        fingerprint: public_key.map(|key| key.fingerprint().to_string()),
        words: public_key.map(|key| key.fingerprint().words()),
        server_fingerprint: server_key.map(|key| key.fingerprint().to_string()),
        upgrade,
        report,
    })
}

fn key(folder: &StateFolder, tag: &ServerTag, owner: &str) -> anyhow::Result<Option<PublicKey>> {
    let bytes = folder.read(&tag.file(owner, "pub"))?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.and_then(|text| text.trim().parse().ok()))
}

pub(super) fn exit_code(standing: Standing) -> u8 {
    match standing {
        Standing::Active => 0,
        Standing::Pending => 3,
        Standing::Unregistered => 4,
        Standing::Denied | Standing::Revoked | Standing::Quarantined => 5,
    }
}

fn describe(shown: &Shown, now: UnixMillis) -> String {
    let report = &shown.report;
    let none = || "none yet".to_owned();
    let id = report.system_id.map(|id| id.to_string());
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<14}{value}");
    };
    line("server", report.url.clone());
    line("organization", report.organization.clone());
    line("system id", id.unwrap_or_else(none));
    line("state", state(report.standing).to_owned());
    line("words", shown.words.clone().unwrap_or_else(none));
    line("fingerprint", shown.fingerprint.clone().unwrap_or_else(none));
    line(
        "server key",
        shown.server_fingerprint.clone().unwrap_or_else(none),
    );
    line(
        "last contact",
        report.last_contact_ms.map_or_else(none, |at| moment(at, now)),
    );
    if let (true, Some(at)) = (shown.running, report.next_attempt_ms) {
        line("next attempt", moment(at, now));
    }
    if report.clock_offset_ms.abs() >= 1000 {
        let ahead = -report.clock_offset_ms / 1000;
        line("clock", format!("{ahead} s off the server's, corrected"));
    }
    match (&report.last_error, report.last_error_ms) {
        (Some(error), Some(at)) => line("last error", format!("{error} ({})", moment(at, now))),
        (Some(error), None) => line("last error", error.clone()),
        (None, _) => line("last error", "none".to_owned()),
    }
    line(
        "upgrade",
        shown.upgrade.clone().unwrap_or_else(|| "none yet".to_owned()),
    );
    let running = if shown.running { "running" } else { "not running" };
    let version = match report.agent_version.as_str() {
        "" => String::new(),
        version => format!(" {version}"),
    };
    line("agent", format!("{running}{version}"));
    text
}

fn state(standing: Standing) -> &'static str {
    match standing {
        Standing::Unregistered => "Not registered",
        Standing::Pending => "Pending: compare the words in the console and approve",
        Standing::Active => "Active",
        Standing::Denied => "Denied by an administrator",
        Standing::Revoked => "Revoked by an administrator",
        Standing::Quarantined => "Quarantined: another machine uses this identity, an administrator decides",
    }
}

fn moment(at: UnixMillis, now: UnixMillis) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.as_secs())
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.0.to_string());
    let secs = now.since(at) / 1000;
    if secs >= 0 {
        format!("{time}, {secs} s ago")
    } else {
        format!("{time}, in {} s", -secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scm_protocol::ids::SystemId;

    #[test]
    fn the_state_is_shown_line_by_line() {
        let now = UnixMillis(1_790_000_060_000);
        let key: PublicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo".parse().unwrap();
        let shown = Shown {
            running: true,
            public_key: Some(key),
            fingerprint: Some(key.fingerprint().to_string()),
            words: Some(key.fingerprint().words()),
            server_fingerprint: None,
            upgrade: None,
            report: Report {
                url: "https://scm.example.com".to_owned(),
                organization: "default".to_owned(),
                system_id: Some(SystemId(42)),
                standing: Standing::Pending,
                last_contact_ms: Some(UnixMillis(1_790_000_000_000)),
                next_attempt_ms: Some(UnixMillis(1_790_000_090_000)),
                clock_offset_ms: -7_200_000,
                agent_version: "1.4.0".to_owned(),
                ..Report::default()
            },
        };
        let text = describe(&shown, now);
        for expected in [
            "system id     42\n",
            "state         Pending",
            "last contact  2026-09-21T14:13:20Z, 60 s ago\n",
            "next attempt  2026-09-21T14:14:50Z, in 30 s\n",
            "clock         7200 s off the server's, corrected\n",
            "last error    none\n",
            "server key    none yet\n",
            "upgrade       none yet\n",
            "agent         running 1.4.0\n",
        ] {
            assert!(text.contains(expected), "{expected} is not in\n{text}");
        }
        assert!(text.contains(&key.fingerprint().words()));
    }

    #[test]
    fn an_upgrade_is_shown_while_it_goes_on_and_afterwards() {
        let order = r#"{"platform":"x86_64-linux","version":"1.5.0","size":9,"sha256":"x","signature":"x"}"#;
        let record = |step: &str, last: &str| -> Option<String> {
            let job =
                format!(r#"{{"server":"x","command":{{"id":5,"nonce":"x"}},"order":{order},"step":{step}}}"#);
            upgrade(&serde_json::from_str(&format!(r#"{{"job":{job},"last":{last}}}"#)).unwrap())
        };
        let last = r#"{"version":"1.4.9","outcome":"rolled_back","reason":"it exited with 3","at_ms":5}"#;
        assert_eq!(
            record("\"fetching\"", "null").unwrap(),
            "to 1.5.0: is being fetched"
        );
        assert_eq!(
            record(r#"{"trial":{"mark":"m"}}"#, last).unwrap(),
            "to 1.5.0: is on trial"
        );
        let ended = r#"{"ended":{"outcome":"rolled_back"}}"#;
        assert_eq!(
            record(ended, last).unwrap(),
            "to 1.4.9: tried and taken back: it exited with 3"
        );
        assert_eq!(upgrade(&Record::default()), None);
    }

    #[test]
    fn exit_codes_tell_the_states_apart() {
        let codes = [
            Standing::Active,
            Standing::Pending,
            Standing::Unregistered,
            Standing::Denied,
            Standing::Revoked,
            Standing::Quarantined,
        ]
        .map(exit_code);
        assert_eq!(codes, [0, 3, 4, 5, 5, 5]);
    }
}
