//! Checksums and signatures of what is handed out.

use super::Release;
use super::programs::{AGENT_PLATFORM, agent_name};
use crate::process::{output, run};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Writes `SHA256SUMS`, and signs it and every package.
pub(super) fn sign(release: &Release, out: &Path, key: Option<&Path>) -> Result<()> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(out).with_context(|| out.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    let mut sums = String::new();
    for name in &names {
        writeln!(sums, "{}  {name}", sha256(&out.join(name))?)?;
    }
    fs::write(out.join("SHA256SUMS"), &sums).context("SHA256SUMS")?;
    let throw_away = tempfile::tempdir().context("a folder for the key")?;
    let key = match key {
        Some(key) => key.to_owned(),
        None => {
            let secret = throw_away.path().join("key");
            let mut make = Command::new("minisign");
            make.args(["-G", "-W", "-p"])
                .arg(out.join("throw-away.pub"))
                .arg("-s")
                .arg(&secret);
            run(make)?;
            println!(
                "signing with a throw-away key: its signatures prove nothing; --key FILE signs with yours"
            );
            secret
        }
    };
    for name in names.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        let mut sign = Command::new("minisign");
        let hash = sha256(&out.join(name))?;
        // Otherwise an old or another file with a good signature could be passed off as this one.
        let trusted = if name == agent_name(release) {
            statement(&release.version, &hash)
        } else {
            format!("openscm {} {name} {hash}", release.version)
        };
        sign.args(["-S", "-s"])
            .arg(&key)
            .arg("-m")
            .arg(out.join(name))
            .args(["-t", &trusted]);
        run(sign)?;
    }
    Ok(())
}

/// What servers and agents want to read of a program that agents are upgraded to (docs/upgrades.md): `PackageStatement` in
/// `scm-protocol`, which developer commands do not wait for.
fn statement(version: &str, hash: &str) -> String {
    format!("openscm scmclient {version} {AGENT_PLATFORM} sha256:{hash}")
}

fn sha256(file: &Path) -> Result<String> {
    let mut sum = Command::new("sha256sum");
    sum.arg(file);
    let line = output(sum).with_context(|| format!("sha256sum {}", file.display()))?;
    let digits = line.split_whitespace().next().context("sha256sum")?;
    Ok(digits.trim_start_matches('\\').to_owned())
}
