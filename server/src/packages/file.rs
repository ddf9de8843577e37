//! A program of the agent in a file, with its signature: read and verified, and only then something to store.

use super::recorded::{hold_all, record};
use super::service;
use crate::config::Config;
use crate::error::Error;
use crate::storage::Conn;
use anyhow::{Context, bail};
use scm_protocol::ids::UnixMillis;
use scm_protocol::upgrades::release::{ReleaseKey, Released};
use scm_protocol::upgrades::{MAX_PACKAGE_BYTES, MAX_SIGNATURE_BYTES};
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The ending of a signature's name, which is otherwise that of the program.
pub(super) const SIGNATURE: &str = ".minisig";

/// A program that a release key signed.
pub(super) struct Program {
    released: Released,
    signature: String,
    bytes: Vec<u8>,
}

impl Program {
    /// Reads and verifies it; its signature lies beside it unless it is named.
    ///
    /// # Errors
    /// Why it is not a released program of an agent.
    pub(super) fn read(keys: &[ReleaseKey], file: &Path, signature: Option<&Path>) -> anyhow::Result<Self> {
        let beside = beside(file);
        let signature = read_signature(signature.unwrap_or(&beside))?;
        // What is verified is what is stored, whatever becomes of the file meanwhile.
        let bytes = read_program(file)?;
        let released = Released::verify(keys, &signature, bytes.as_slice())?;
        Ok(Program {
            released,
            signature,
            bytes,
        })
    }

    /// What was signed.
    pub(super) fn released(&self) -> &Released {
        &self.released
    }

    /// Stores it and records that, by someone's name; within a transaction.
    ///
    /// # Errors
    /// [`Error::Conflict`] `package_exists`, and when the database fails.
    pub(super) fn add(&self, conn: &mut Conn, (by, now): (&str, UnixMillis)) -> Result<(), Error> {
        let statement = self.released.statement();
        let target = format!("package:{}/{}", statement.platform, statement.version);
        let detail = json!({ "sha256": statement.sha256, "size_bytes": self.released.size_bytes() });
        hold_all(conn)?;
        service::add(conn, &self.released, &self.signature, &self.bytes, (by, now))?;
        record(conn, ("packages.add", &target), &detail, (by, now))
    }
}

/// The keys that releases are signed with: those of packages, and that of the server's own program.
///
/// # Errors
/// When there is none.
pub(super) fn release_keys(config: &Config) -> anyhow::Result<Vec<ReleaseKey>> {
    let keys = config.release_keys().map(ReleaseKey::parse);
    let keys: Vec<ReleaseKey> = keys.collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    if keys.is_empty() {
        bail!(
            "no release key is configured, so no package can be verified: set release_keys in [packages] to the public key of \
             whoever signs your releases (docs/upgrades.md)"
        );
    }
    Ok(keys)
}

fn beside(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(SIGNATURE);
    path.into()
}

/// At most a byte more than a package may have: enough to refuse it.
fn read_program(path: &Path) -> anyhow::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_PACKAGE_BYTES).unwrap_or(u64::MAX) + 1;
    let mut program = Vec::new();
    let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    file.take(limit)
        .read_to_end(&mut program)
        .with_context(|| format!("reading {}", path.display()))?;
    Ok(program)
}

fn read_signature(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(MAX_SIGNATURE_BYTES).unwrap_or(u64::MAX) + 1;
    let opened = File::open(path).with_context(|| {
        format!(
            "its signature {} cannot be read; --signature names it elsewhere",
            path.display()
        )
    })?;
    opened
        .take(limit)
        .read_to_string(&mut text)
        .with_context(|| format!("{} is no signature of minisign", path.display()))?;
    Ok(text)
}
