//! Decoded public keys of systems, so that a forgery is refused without touching the database.
//!
//! A system's key never changes under its id, and ids are never used again, so an entry cannot be stale; whether the system
//! still exists and may speak is decided by its row, in the batch.

use super::store;
use crate::error::Error;
use crate::storage::Storage;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::SystemId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// A system's key and the organization it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct KnownKey {
    /// The organization's id.
    pub organization_id: i64,
    /// The registered key.
    pub key: PublicKey,
}

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
    pub async fn get(&self, storage: &Storage, id: SystemId) -> Result<Option<KnownKey>, Error> {
        let cached = self
            .keys
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&id)
            .copied();
        if cached.is_some() {
            return Ok(cached);
        }
        let Some((organization_id, key)) = storage.readers.run(move |conn| store::key_of(conn, id)).await?
        else {
            return Ok(None);
        };
        let bytes: [u8; 32] = key.try_into().map_err(|_| damaged(id))?;
        let known = KnownKey {
            organization_id,
            key: PublicKey::from_bytes(&bytes).map_err(|_| damaged(id))?,
        };
        self.keys
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, known);
        Ok(Some(known))
    }

    /// Forgets a system that was deleted.
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
