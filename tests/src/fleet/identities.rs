//! The identities of a fleet in a file, so that a later run goes on as the same agents.

use super::machine::Machine;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::SystemId;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[derive(Serialize, Deserialize)]
struct Identity {
    seed: String,
    system: Option<SystemId>,
    sequence: u64,
    server_key: Option<PublicKey>,
}

impl Identity {
    fn key(&self) -> Result<SigningKey> {
        let seed = URL_SAFE_NO_PAD.decode(&self.seed).ok();
        let seed: Option<[u8; 32]> = seed.and_then(|seed| seed.try_into().ok());
        Ok(SigningKey::from_bytes(&seed.context("a seed is 32 bytes")?))
    }
}

/// Gives `machines` the identities in the file, in order; a missing file or one with fewer leaves the rest as they are.
///
/// # Errors
/// When the file holds something else.
pub(super) fn load(path: &Path, machines: &mut [Machine]) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let identities: Vec<Identity> =
        serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
    for (machine, identity) in machines.iter_mut().zip(identities) {
        machine.key = identity.key()?;
        machine.system = identity.system;
        machine.sequence = identity.sequence;
        machine.server_key = identity.server_key;
    }
    Ok(())
}

/// The agents in a file: key, id and the last sequence number that was used.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub fn read(path: &Path) -> Result<Vec<(SigningKey, Option<SystemId>, u64)>> {
    let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let identities: Vec<Identity> =
        serde_json::from_slice(&text).with_context(|| format!("{}", path.display()))?;
    identities
        .into_iter()
        .map(|identity| Ok((identity.key()?, identity.system, identity.sequence)))
        .collect()
}

/// Writes the identities, at once or not at all.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn save(path: &Path, machines: &[Machine]) -> Result<()> {
    let identities: Vec<Identity> = machines
        .iter()
        .map(|machine| Identity {
            seed: URL_SAFE_NO_PAD.encode(machine.key.to_bytes()),
            system: machine.system,
            sequence: machine.sequence,
            server_key: machine.server_key,
        })
        .collect();
    let new = path.with_extension("new");
    let mut file = File::create(&new).with_context(|| format!("cannot write {}", new.display()))?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(&serde_json::to_vec(&identities)?)?;
    file.sync_all()?;
    fs::rename(&new, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_a_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fleet.json");
        let mut machines = vec![Machine::new("sim", 0).unwrap(), Machine::new("sim", 1).unwrap()];
        machines[1].system = Some(SystemId(9));
        machines[1].sequence = 77;
        save(&path, &machines).unwrap();
        let mut later = vec![Machine::new("sim", 0).unwrap(), Machine::new("sim", 1).unwrap()];
        load(&path, &mut later).unwrap();
        assert_eq!(later[0].key, machines[0].key);
        assert_eq!((later[1].system, later[1].sequence), (Some(SystemId(9)), 77));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
