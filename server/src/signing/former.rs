//! Keys that an organization had before: what vouches for the present one, and signs for those who have not followed yet.

use super::master::MasterKey;
use super::rotation_store::TransitionRow;
use super::signing_key;
use crate::error::Error;
use ed25519_dalek::SigningKey;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::UnixMillis;
use scm_protocol::rotation::{KeyTransition, MAX_TRANSITIONS};

/// A key that was replaced.
struct Former {
    fingerprint: Fingerprint,
    /// Until its time is over.
    key: Option<SigningKey>,
    retire: UnixMillis,
}

/// All of them, with the statements that lead from each to the present key.
#[derive(Default)]
pub struct FormerKeys {
    keys: Vec<Former>,
    statements: Vec<String>,
}

impl std::fmt::Debug for FormerKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FormerKeys({})", self.keys.len())
    }
}

/// What a former key is sealed for.
pub(super) fn purpose(organization: &str, public: &PublicKey) -> String {
    format!("{organization} former {public}")
}

impl FormerKeys {
    /// From the rows, oldest first.
    ///
    /// # Errors
    /// When a row is damaged or was sealed under another master key.
    pub(super) fn open(
        rows: &[TransitionRow],
        organization: &str,
        master: &MasterKey,
    ) -> Result<Self, Error> {
        let mut former = FormerKeys::default();
        for row in rows {
            let damaged = |_| Error::internal(format!("a key transition of `{organization}` is damaged"));
            let transition: KeyTransition = row.statement.parse().map_err(damaged)?;
            let purpose = purpose(organization, &transition.old);
            let sealed = row.sealed_old_key.as_deref();
            former.keys.push(Former {
                fingerprint: transition.old.fingerprint(),
                key: sealed
                    .map(|sealed| signing_key(master, sealed, &purpose))
                    .transpose()?,
                retire: UnixMillis(row.retire_ms),
            });
            former.statements.push(row.statement.clone());
        }
        Ok(former)
    }

    /// The key of that fingerprint, while it may still sign.
    pub fn signer(&self, pinned: &Fingerprint, now: UnixMillis) -> Option<&SigningKey> {
        let found = self.keys.iter().find(|former| former.fingerprint == *pinned);
        found.filter(|former| now < former.retire)?.key.as_ref()
    }

    /// The statements that lead from the key of that fingerprint to the present one, as they are sent; none for a key
    /// that the organization never had.
    pub fn chain_from(&self, pinned: &Fingerprint) -> Option<String> {
        let at = self
            .keys
            .iter()
            .position(|former| former.fingerprint == *pinned)?;
        let statements = self.statements.get(at..)?;
        Some(statements.get(..MAX_TRANSITIONS.min(statements.len()))?.join(" "))
    }
}
