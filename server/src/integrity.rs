//! What the server makes sure of about itself at the start (D7): that its program is the released one, where a release key
//! is configured, and that nobody looks into it. The first is fatal, the second never.

use crate::audit::{Actor, Entry, Outcome};
use crate::config::Integrity;
use crate::error::Error;
use crate::storage::Storage;
use anyhow::{Context, anyhow};
use minisign_verify::{PublicKey, Signature};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::release::ReleaseKey;
use serde_json::json;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The running program, whatever lies at its path by now.
const PROGRAM: &str = "/proc/self/exe";
/// Libraries that are loaded into every program.
const PRELOAD: &str = "/etc/ld.so.preload";

/// Verifies the detached signature of this program, where a release key is configured.
///
/// # Errors
/// When the signature is missing or does not fit; the server must not start then.
pub fn verify_program(integrity: &Integrity) -> anyhow::Result<()> {
    let Some(key) = &integrity.release_key else {
        tracing::debug!(
            "no release key is configured ([integrity] release_key): this program is not verified"
        );
        return Ok(());
    };
    let signature = match &integrity.signature {
        Some(path) => path.clone(),
        None => beside(&std::env::current_exe().context("finding this program")?),
    };
    verify_file(Path::new(PROGRAM), &signature, key)?;
    tracing::info!(signature = %signature.display(), "this program is signed with the release key");
    Ok(())
}

fn beside(program: &Path) -> PathBuf {
    let mut path = program.as_os_str().to_owned();
    path.push(".minisig");
    path.into()
}

/// Whether a configured release key is one.
///
/// # Errors
/// What is wrong with it.
pub fn check_key(key: &str) -> Result<(), String> {
    ReleaseKey::parse(key).map(|_| ())
}

fn verify_file(program: &Path, signature: &Path, key: &str) -> anyhow::Result<()> {
    let refused = || {
        format!(
            "this program is not verified to be the released one and does not start: put its signature at {}, or install the release again",
            signature.display()
        )
    };
    let key = PublicKey::from_base64(key).map_err(|error| anyhow!("the release key: {error}"))?;
    let text = fs::read_to_string(signature).with_context(refused)?;
    let signature = Signature::decode(&text)
        .map_err(|error| anyhow!("the signature cannot be read: {error}"))
        .with_context(refused)?;
    let mut verifier = key
        .verify_stream(&signature)
        .map_err(|error| anyhow!("the signature is of another key or of the old kind: {error}"))
        .with_context(refused)?;
    let mut file = File::open(program).context("reading this program")?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut piece).context("reading this program")?;
        if read == 0 {
            break;
        }
        verifier.update(&piece[..read]);
    }
    verifier
        .finalize()
        .map_err(|error| anyhow!("the signature does not fit: {error}"))
        .with_context(refused)
}

/// Who looks into this process, or was loaded into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oddity {
    /// `server.traced` or `server.preloaded`: the audit's action.
    action: &'static str,
    detail: String,
}

/// Looks for a debugger and for libraries that were injected.
pub fn oddities() -> Vec<Oddity> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let variable = std::env::var_os("LD_PRELOAD").map(|value| value.to_string_lossy().into_owned());
    let file = fs::read_to_string(PRELOAD).ok();
    let found = found(&status, variable.as_deref(), file.as_deref());
    for oddity in &found {
        tracing::warn!(target: "security", what = oddity.action, detail = %oddity.detail, "somebody can look into this process");
    }
    found
}

fn found(status: &str, variable: Option<&str>, file: Option<&str>) -> Vec<Oddity> {
    let mut found = Vec::new();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    if let Some(pid) = tracer.map(str::trim).filter(|pid| *pid != "0") {
        found.push(Oddity {
            action: "server.traced",
            detail: format!("process {pid} traces it"),
        });
    }
    let lists = [("LD_PRELOAD", variable), (PRELOAD, file)];
    for (place, list) in lists {
        if let Some(libraries) = list.map(str::trim).filter(|list| !list.is_empty()) {
            found.push(Oddity {
                action: "server.preloaded",
                detail: format!("{place} loads {libraries}"),
            });
        }
    }
    found
}

/// Records what was found, in the audit of the first organization.
///
/// # Errors
/// When the database fails.
pub async fn record(
    storage: &Storage,
    organization_id: i64,
    found: Vec<Oddity>,
    at: UnixMillis,
) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let write = storage.writer.run(move |conn| {
        let actor = Actor::server();
        found.iter().try_for_each(|oddity| {
            Entry {
                organization_id,
                at,
                actor: &actor,
                action: oddity.action,
                target: "server",
                outcome: Outcome::Done,
                detail: json!({ "found": oddity.detail }),
            }
            .write(conn)
        })
    });
    write.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debugger_and_injected_libraries_are_found() {
        let actions = |status, variable, file| -> Vec<&'static str> {
            found(status, variable, file)
                .iter()
                .map(|one| one.action)
                .collect()
        };
        assert!(actions("Name:\tx\nTracerPid:\t0\n", None, Some("\n")).is_empty());
        assert!(actions("", Some(""), None).is_empty());
        assert_eq!(
            actions("Name:\tx\nTracerPid:\t42\n", None, None),
            ["server.traced"]
        );
        assert_eq!(
            actions("TracerPid:\t0", Some("/x.so"), Some("/y.so\n")),
            ["server.preloaded", "server.preloaded"]
        );
    }

    #[test]
    fn a_key_that_is_none_is_refused() {
        assert!(check_key("RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3").is_ok());
        assert!(check_key("").is_err() && check_key("untrusted comment: x").is_err());
    }
}
