//! Whether a package is the released program that was ordered.

use super::order::{Policy, mismatch};
use super::{Fetched, Trouble};
use scm_protocol::upgrades::order::UpgradeOrder;
use scm_protocol::upgrades::release::Released;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A package that the release key signed as exactly what was ordered.
#[derive(Debug)]
pub struct Verified {
    path: PathBuf,
}

impl Verified {
    /// Verifies the signature over what lies on the disk, and what it says.
    ///
    /// # Errors
    /// Why it is not the released program; the package is removed.
    pub fn of(fetched: Fetched, order: &UpgradeOrder, policy: &Policy) -> Result<Self, Trouble> {
        let path = fetched.into_path();
        verify_file(&path, order, policy).inspect_err(|_| {
            // It will not become another by lying there. What cannot be removed is removed with the next upgrade.
            let _ = std::fs::remove_file(&path);
        })?;
        Ok(Verified { path })
    }

    /// Where it lies. Nothing else can be made of it afterwards.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }
}

/// As [`Verified::of`], of any file.
pub(super) fn verify_file(path: &Path, order: &UpgradeOrder, policy: &Policy) -> Result<(), Trouble> {
    let file = File::open(path).map_err(|error| Trouble::io("open", path, &error))?;
    let released = Released::verify(&policy.keys, &order.signature, file)
        .map_err(|error| Trouble(format!("the package is no released program: {error}")))?;
    match mismatch(order, released.statement()) {
        None => Ok(()),
        Some(reason) => Err(Trouble(reason)),
    }
}

#[cfg(test)]
mod tests;
