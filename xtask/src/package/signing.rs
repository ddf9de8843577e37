//! Checksums and signatures of what is handed out.

use super::Release;
use crate::build::target;
use crate::process::{output, run, run_with_input};
use anyhow::{Context, Result};
use std::fmt::Write;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the secret key of a minisign file begins that a password protects.
const PROTECTED: &str = "RWRTY";
/// The public half of a throw-away key, as it lies beside what it signed.
const THROW_AWAY: &str = "throw-away.pub";

/// A secret key of minisign.
pub(super) struct Key {
    secret: PathBuf,
    /// The public half, where the key is a throw-away one.
    throw_away: Option<PathBuf>,
    /// Asked for once.
    password: Option<String>,
}

impl Key {
    /// The release key in a file.
    pub(super) fn of_release(secret: &Path) -> Result<Self> {
        let text = fs::read_to_string(secret).with_context(|| secret.display().to_string())?;
        let protected = text
            .lines()
            .nth(1)
            .is_some_and(|line| line.starts_with(PROTECTED));
        Ok(Key {
            secret: secret.to_owned(),
            throw_away: None,
            password: if protected { Some(password()?) } else { None },
        })
    }

    /// One that proves nothing.
    pub(super) fn throw_away() -> Result<Self> {
        let secret = Self::throw_away_file()?;
        println!("signing with a throw-away key: its signatures prove nothing; --key FILE signs with yours");
        Ok(Key {
            throw_away: Some(secret.with_file_name(THROW_AWAY)),
            secret,
            password: None,
        })
    }

    /// The secret half of the one in the target folder, made once: so that a second run gives the same signatures.
    pub(super) fn throw_away_file() -> Result<PathBuf> {
        let folder = target()?.join("throw-away-key");
        let (secret, public) = (folder.join("key"), folder.join(THROW_AWAY));
        if !(secret.is_file() && public.is_file()) {
            super::stage::empty(&folder)?;
            let mut make = Command::new("minisign");
            make.args(["-G", "-W", "-p"]).arg(&public).arg("-s").arg(&secret);
            run(make)?;
        }
        Ok(secret)
    }

    /// Signs a file, which gives the signature beside it.
    pub(super) fn sign(&self, file: &Path, trusted: &str) -> Result<PathBuf> {
        let mut sign = Command::new("minisign");
        sign.args(["-S", "-s"]).arg(&self.secret);
        sign.arg("-m").arg(file).args(["-t", trusted]);
        match &self.password {
            Some(password) => run_with_input(sign, &format!("{password}\n"))?,
            None => run(sign)?,
        }
        let mut signature = file.as_os_str().to_owned();
        signature.push(".minisig");
        Ok(signature.into())
    }
}

/// Asks for it, without showing it.
fn password() -> Result<String> {
    let hidden = |setting: &str| {
        let mut terminal = Command::new("stty");
        terminal.arg(setting);
        // Where there is no terminal, there is nothing to hide from.
        let _ = terminal.status();
    };
    eprintln!("password of the release key: ");
    hidden("-echo");
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    hidden("echo");
    read.context("the password of the release key")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Writes `SHA256SUMS`, and signs it and everything that is not signed yet.
pub(super) fn sign(release: &Release, key: &Key, out: &Path) -> Result<()> {
    let names: Vec<String> = names(out)?
        .into_iter()
        .filter(|name| !name.ends_with(".minisig"))
        .collect();
    let mut sums = String::new();
    for name in &names {
        writeln!(sums, "{}  {name}", sha256(&out.join(name))?)?;
    }
    fs::write(out.join("SHA256SUMS"), &sums).context("SHA256SUMS")?;
    for name in names.iter().map(String::as_str).chain(["SHA256SUMS"]) {
        if out.join(format!("{name}.minisig")).exists() {
            continue;
        }
        // Otherwise an old or another file with a good signature could be passed off as this one.
        let hash = sha256(&out.join(name))?;
        key.sign(
            &out.join(name),
            &format!("openscm {} {name} {hash}", release.version),
        )?;
    }
    if let Some(public) = &key.throw_away {
        fs::copy(public, out.join(THROW_AWAY)).context(THROW_AWAY)?;
    }
    Ok(())
}

/// The files of a folder, in order.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The SHA-256 of a file.
pub(super) fn sha256(file: &Path) -> Result<String> {
    let mut sum = Command::new("sha256sum");
    sum.arg(file);
    let line = output(sum).with_context(|| format!("sha256sum {}", file.display()))?;
    let digits = line.split_whitespace().next().context("sha256sum")?;
    Ok(digits.trim_start_matches('\\').to_owned())
}
