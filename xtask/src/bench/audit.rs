//! `cargo xtask bench --audit-entries N`: exports an audit of N entries, and says how long it took and how much memory the
//! server had at most.
//!
//! The entries are copies put into the database directly: they do not verify, and nothing but the export is measured.

use crate::process::run;
use crate::site::Site;
use anyhow::{Context, Result};
use std::fs;
use std::process::Command;
use std::time::Instant;

const INSERT: &str = r#"
import sqlite3, sys
database, count = sqlite3.connect(sys.argv[1], timeout=60), int(sys.argv[2])
rows = ((1, 1000 + i, 1790000000000 + i, "user:jdoe", "198.51.100.7", "bench", f"system:{i}", "ok",
         '{"before":"pending","after":"active","hostname":"web-%08d"}' % i, bytes(32), bytes(32)) for i in range(count))
with database:
    database.executemany("INSERT INTO audit_entries (organization_id, id, at_ms, actor, address, action, target, outcome, "
                         "detail, previous_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.execute("UPDATE organizations SET audit_head = ?, audit_head_hash = zeroblob(32)", (1000 + count,))
"#;

/// Fills the audit and exports it.
pub(crate) fn export(site: &Site, entries: u32) -> Result<()> {
    let database = site.folder().join("server/openscm.db");
    let mut insert = Command::new("python3");
    insert
        .args(["-c", INSERT])
        .arg(&database)
        .arg(entries.to_string());
    run(insert)?;
    // In a file: a command line can be read by everybody on the machine.
    let header = site.folder().join("authorization");
    let token = fs::read_to_string(site.token_file())?;
    fs::write(&header, format!("authorization: Bearer {}\n", token.trim()))?;
    let file = site.folder().join("audit.jsonl");
    let before = peak_kib(site)?;
    let begun = Instant::now();
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail", "--cacert"])
        .arg(site.ca_file());
    curl.arg("--header").arg(format!("@{}", header.display()));
    curl.arg("--output").arg(&file);
    curl.arg(format!("{}/api/v1/audit/export?action=bench", site.url()));
    run(curl)?;
    let secs = begun.elapsed().as_secs_f64();
    let bytes = fs::metadata(&file)?.len();
    println!(
        "exported {entries} audit entries, {} MiB, in {secs:.1} s: {:.0} entries/s; peak memory of the server {} MiB before, {} MiB after",
        bytes / (1024 * 1024),
        f64::from(entries) / secs,
        before / 1024,
        peak_kib(site)? / 1024
    );
    Ok(())
}

/// The most memory that the server ever had, in KiB.
fn peak_kib(site: &Site) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", site.server_id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    kib.and_then(|kib| kib.parse().ok())
        .context("VmHWM of the server")
}
