//! Decoded public keys of systems, so that a forgery is refused without touching the database.
//!
//! Ids are never used again, and whether a system still exists, may speak and has this very key is decided by its row, in
//! the batch. A key that was replaced through another server is read again when a signature does not hold, but not so often
//! that forgeries could keep the database busy.

use super::store;
use crate::error::Error;
use crate::storage::Storage;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// A system's key and the organization it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey {
    /// The organization's id.
    pub organization_id: i64,
    /// The registered key.
    pub key: PublicKey,
    /// When it was read.
    read: UnixMillis,
}

/// A key that was read less than this long ago is not read again, in milliseconds.
const READ_AGAIN_MS: i64 = 2_000;

/// The cache.
#[derive(Debug, Default)]
pub struct KeyCache {
    keys: RwLock<HashMap<SystemId, KnownKey>>,
}

impl KeyCache {
    /// The key of a system, read from the database when it is not cached.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn get(
        &self,
        storage: &Storage,
        id: SystemId,
        now: UnixMillis,
    ) -> Result<Option<KnownKey>, Error> {
        let cached = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .copied();
        if cached.is_some() {
            return Ok(cached);
        }
        self.read(storage, id, now).await
    }

    /// The key that took the place of one that was cached; none when it is the same still, or was read just now.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn newer(
        &self,
        storage: &Storage,
        id: SystemId,
        cached: &KnownKey,
        now: UnixMillis,
    ) -> Result<Option<PublicKey>, Error> {
        if now.since(cached.read) < READ_AGAIN_MS {
            return Ok(None);
        }
        let read = self.read(storage, id, now).await?;
        Ok(read.map(|known| known.key).filter(|key| *key != cached.key))
    }

    async fn read(
        &self,
        storage: &Storage,
        id: SystemId,
        now: UnixMillis,
    ) -> Result<Option<KnownKey>, Error> {
        let Some((organization_id, key)) = storage.readers.run(move |conn| store::key_of(conn, id)).await?
        else {
            return Ok(None);
        };
        let bytes: [u8; 32] = key.try_into().map_err(|_| damaged(id))?;
        let known = KnownKey {
            organization_id,
            key: PublicKey::from_bytes(&bytes).map_err(|_| damaged(id))?,
            read: now,
        };
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, known);
        Ok(Some(known))
    }

    /// Forgets a system that was deleted, or has another key.
    pub fn forget(&self, id: SystemId) {
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }
}

fn damaged(id: SystemId) -> Error {
    Error::internal(format!("the public key of system {id} is damaged"))
}
