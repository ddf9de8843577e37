//! `scmserver audit …`: verification on the command line. Success means that nothing was found.

use super::chain::{Hash, from_hex, hex};
use super::verify::{self, ExportReport, Findings, Report, verify_export as verify_lines};
use crate::clock::rfc3339;
use crate::config::Config;
use crate::say;
use crate::storage::{Conn, DatabaseUrl};
use anyhow::{Context, bail};
use scm_protocol::identity::PublicKey;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::str::FromStr;

/// An entry that somebody noted earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Its id.
    pub id: i64,
    /// Its hash.
    pub hash: Hash,
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(id, hash)| {
            Some(Expected {
                id: id.parse().ok().filter(|id| *id > 0)?,
                hash: from_hex(hash)?,
            })
        });
        parsed.ok_or_else(|| "must be an id, a colon and 64 hexadecimal digits".to_owned())
    }
}

/// Verifies the database of a configuration, and prints what it found.
///
/// # Errors
/// When the database cannot be read, or something was found.
pub fn verify_database(
    config: &Config,
    organization: Option<&str>,
    expected: &[Expected],
) -> anyhow::Result<()> {
    let url: DatabaseUrl = config.database_url().parse().map_err(anyhow::Error::msg)?;
    let mut conn = url.connect_read_only()?;
    let all = verify::organizations(&mut conn).context(OLD_SCHEMA)?;
    let wanted: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| organization.is_none_or(|wanted| wanted == name))
        .collect();
    if wanted.is_empty() {
        bail!(
            "there is no organization `{}` in {url}",
            organization.unwrap_or_default()
        );
    }
    let mut found = 0;
    for (name, id) in wanted {
        let read = |conn: &mut Conn| {
            let report = verify::verify(conn, id)?;
            let differing = verify::differing(conn, id, expected)?;
            Ok((report, differing))
        };
        let (mut report, differing) = verify::snapshot(&mut conn, read).context(OLD_SCHEMA)?;
        report.findings.extend(differing);
        found += print_report(&name, &report);
    }
    conclude(found)
}

const OLD_SCHEMA: &str =
    "reading the audit (a database of an older version is updated when the server starts)";

/// Verifies an exported file, and prints what it found.
///
/// # Errors
/// When it is no export, or something was found.
pub fn verify_export(file: &Path, keys: &[PublicKey]) -> anyhow::Result<()> {
    let report = if file == Path::new("-") {
        verify_lines(std::io::stdin().lock().lines(), keys)
    } else {
        let opened = File::open(file).with_context(|| format!("opening {}", file.display()))?;
        verify_lines(BufReader::new(opened).lines(), keys)
    };
    let report = report.with_context(|| format!("{}", file.display()))?;
    conclude(print_export(&report, keys))
}

fn conclude(found: u64) -> anyhow::Result<()> {
    if found == 0 {
        return Ok(());
    }
    bail!("the audit does not verify: {found} findings");
}

fn print_report(name: &str, report: &Report) -> u64 {
    say!(
        "organization {name}: {} entries, {} to {}, head {}",
        report.entries,
        report.first_id,
        report.head.id,
        hex(&report.head.hash)
    );
    match report.newest_anchor {
        Some((id, at)) => say!(
            "  {} anchors hold, the newest is at entry {id}, signed {}; {} entries came after it",
            report.anchors,
            rfc3339(at),
            report.head.id.saturating_sub(id)
        ),
        None => say!("  no anchor: nothing signed says what was in this audit"),
    }
    print_findings(&report.findings)
}

fn print_export(report: &ExportReport, keys: &[PublicKey]) -> u64 {
    let header = &report.header;
    say!(
        "export of organization {}: {} entries, up to {}, {}",
        header.organization,
        report.entries,
        header.to_id,
        if header.complete {
            "complete"
        } else {
            "filtered: what is left out cannot be missed"
        }
    );
    match report.anchored_id {
        Some(id) => say!("  {} anchors hold, the last is at entry {id}", report.anchors),
        None => say!("  no anchor is about an entry of this file: nothing signed says that it was so"),
    }
    if keys.is_empty() {
        for key in &header.public_keys {
            say!(
                "  by the file's own word the key is {key} ({}); give yours with --key",
                key.fingerprint().words()
            );
        }
    }
    print_findings(&report.findings)
}

fn print_findings(findings: &Findings) -> u64 {
    for finding in &findings.listed {
        say!("  {finding}");
    }
    if findings.more > 0 {
        say!("  and {} more", findings.more);
    }
    if findings.is_empty() {
        say!("  verified");
    }
    findings.listed.len() as u64 + findings.more
}
