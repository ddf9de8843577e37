//! The organizations and the Ed25519 keys that sign every reply to their agents.
//!
//! Invariant: a signing key leaves this process only sealed under the master key; a copy of the database alone signs
//! nothing.

mod former;
mod master;
mod rotation;
mod rotation_store;
pub mod routes;
mod signer;
mod store;

pub use former::FormerKeys;
pub use master::MasterKey;
pub use rotation::keep_keys;
pub use signer::ReplySigner;

use crate::clock::random;
use crate::error::Error;
use crate::storage::{Conn, Storage};
use ed25519_dalek::SigningKey;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{Organization, UnixMillis};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

/// An organization with its key in usable form.
pub struct SigningOrganization {
    /// Its id in the database.
    pub id: i64,
    /// Its name.
    pub name: Organization,
    /// Signs what is kept: commands, anchors of the audit.
    pub key: SigningKey,
    /// The same, for replies.
    pub replies: ReplySigner,
    /// What agents pin.
    pub public_key: PublicKey,
    /// What they pinned before.
    pub former: FormerKeys,
}

impl SigningOrganization {
    /// An organization that signs with `key`.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn new(id: i64, name: Organization, key: SigningKey, former: FormerKeys) -> Result<Self, Error> {
        Ok(SigningOrganization {
            id,
            name,
            replies: ReplySigner::new(&key)?,
            public_key: key.verifying_key().into(),
            key,
            former,
        })
    }
}

impl std::fmt::Debug for SigningOrganization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "SigningOrganization({} {} {:?})",
            self.id, self.name, self.public_key
        )
    }
}

/// Every organization, by name. Ones that another replica made are read when they are first asked for.
#[derive(Clone, Debug)]
pub struct Organizations {
    by_name: Arc<RwLock<HashMap<Organization, Arc<SigningOrganization>>>>,
    first_id: i64,
}

impl Organizations {
    /// Reads the organizations, making `default` and its key when there is none of that name.
    ///
    /// # Errors
    /// When the database fails, or a key cannot be unsealed with this master key.
    pub async fn load(
        storage: &Storage,
        master: &MasterKey,
        default: &Organization,
        now: UnixMillis,
    ) -> Result<Self, Error> {
        let new = new_organization(master, default, now)?;
        let rows = storage
            .writer
            .run(move |conn| {
                store::add_if_missing(conn, &new)?;
                let rows = store::all(conn)?;
                rows.into_iter()
                    .map(|row| with_former(conn, row))
                    .collect::<Result<Vec<_>, Error>>()
            })
            .await?;
        let opened = rows.into_iter().map(|row| {
            let organization = open(&row.0, &row.1, master)?;
            Ok((organization.name.clone(), Arc::new(organization)))
        });
        let by_name: HashMap<Organization, Arc<SigningOrganization>> =
            opened.collect::<Result<_, Error>>()?;
        let first = by_name
            .get(default)
            .ok_or_else(|| Error::internal("the first organization is missing"))?;
        Ok(Organizations {
            first_id: first.id,
            by_name: Arc::new(RwLock::new(by_name)),
        })
    }

    /// Id of the organization that the configuration names.
    pub fn first_id(&self) -> i64 {
        self.first_id
    }

    /// All that this process knows of.
    pub fn all(&self) -> Vec<Arc<SigningOrganization>> {
        self.read().values().cloned().collect()
    }

    /// The organization of that name, which another replica may have made.
    ///
    /// # Errors
    /// When the database fails, or the key cannot be unsealed with this master key.
    pub async fn find(
        &self,
        storage: &Storage,
        master: &MasterKey,
        name: &Organization,
    ) -> Result<Option<Arc<SigningOrganization>>, Error> {
        let known = self.read().get(name).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let wanted = name.to_string();
        let row = storage.readers.run(move |conn| {
            let row = store::by_name(conn, &wanted)?;
            row.map(|row| with_former(conn, row)).transpose()
        });
        row.await?.map(|row| self.keep(&row, master)).transpose()
    }

    /// Makes sure that the organization with that id, which another replica may have made, is known.
    ///
    /// # Errors
    /// As [`Organizations::find`].
    pub async fn know(&self, storage: &Storage, master: &MasterKey, id: i64) -> Result<(), Error> {
        if self.name_of(id).is_none() {
            self.reopen(storage, master, id).await?;
        }
        Ok(())
    }

    /// Reads the keys of an organization again.
    ///
    /// # Errors
    /// As [`Organizations::find`]; what was read before stays.
    pub(super) async fn reopen(&self, storage: &Storage, master: &MasterKey, id: i64) -> Result<(), Error> {
        let row = storage.readers.run(move |conn| {
            let row = store::by_id(conn, id)?;
            row.map(|row| with_former(conn, row)).transpose()
        });
        row.await?.map(|row| self.keep(&row, master)).transpose()?;
        Ok(())
    }

    /// The organization with the keys that it has by now.
    pub fn present(&self, known: &Arc<SigningOrganization>) -> Arc<SigningOrganization> {
        self.read()
            .get(&known.name)
            .map_or_else(|| Arc::clone(known), Arc::clone)
    }

    fn keep(&self, (row, former): &Stored, master: &MasterKey) -> Result<Arc<SigningOrganization>, Error> {
        let opened = Arc::new(open(row, former, master)?);
        let mut by_name = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        by_name.insert(opened.name.clone(), Arc::clone(&opened));
        Ok(opened)
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<Organization, Arc<SigningOrganization>>> {
        self.by_name.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The public key of the organization with that id.
    pub fn key_of(&self, id: i64) -> Option<PublicKey> {
        self.read()
            .values()
            .find(|organization| organization.id == id)
            .map(|organization| organization.public_key)
    }

    /// The name of the organization with that id.
    pub fn name_of(&self, id: i64) -> Option<Organization> {
        self.read()
            .values()
            .find(|organization| organization.id == id)
            .map(|organization| organization.name.clone())
    }
}

/// A new organization with a key of its own, to be added.
fn new_organization(
    master: &MasterKey,
    name: &Organization,
    now: UnixMillis,
) -> Result<store::NewOrganization, Error> {
    let seed = zeroize::Zeroizing::new(random::<32>()?);
    let key = SigningKey::from_bytes(&seed);
    let public_key: PublicKey = key.verifying_key().into();
    Ok(store::NewOrganization {
        name: name.to_string(),
        sealed_signing_key: master.seal(seed.as_slice(), name.as_str())?,
        public_key: public_key.as_bytes().to_vec(),
        created_ms: now.0,
    })
}

/// An organization with a sealed key, ready to be added in a transaction.
#[derive(Clone, Debug)]
pub struct NewOrganization(store::NewOrganization);

impl NewOrganization {
    /// Makes its key.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn make(master: &MasterKey, name: &Organization, now: UnixMillis) -> Result<Self, Error> {
        new_organization(master, name, now).map(NewOrganization)
    }

    /// Adds it; none when the name is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add(&self, conn: &mut Conn) -> Result<Option<i64>, Error> {
        store::add(conn, &self.0)
    }
}

/// Every key that ever signed for an organization: what one of them signed is the organization's.
///
/// # Errors
/// When the database fails, or a stored key is none.
pub fn public_keys(conn: &mut Conn, organization_id: i64) -> Result<Vec<PublicKey>, Error> {
    let damaged = || {
        Error::internal(format!(
            "a public key of organization {organization_id} is damaged"
        ))
    };
    let keys = store::public_keys(conn, organization_id)?;
    let keys = keys.into_iter().map(|bytes| {
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| damaged())?;
        PublicKey::from_bytes(&bytes).map_err(|_| damaged())
    });
    keys.collect()
}

/// Names and ids of the organizations.
///
/// # Errors
/// When the database fails.
pub fn names(conn: &mut Conn) -> Result<Vec<(String, i64)>, Error> {
    store::names(conn)
}

/// An organization with the keys that it had before.
type Stored = (store::OrganizationRow, Vec<rotation_store::TransitionRow>);

fn with_former(conn: &mut Conn, row: store::OrganizationRow) -> Result<Stored, Error> {
    let former = rotation_store::of(conn, row.id)?;
    Ok((row, former))
}

/// Opens a sealed signing key.
fn signing_key(master: &MasterKey, sealed: &[u8], purpose: &str) -> Result<SigningKey, Error> {
    let seed = master.unseal(sealed, purpose)?;
    let seed: zeroize::Zeroizing<[u8; 32]> = zeroize::Zeroizing::new(
        seed.as_slice()
            .try_into()
            .map_err(|_| Error::internal("a signing key must be 32 bytes"))?,
    );
    Ok(SigningKey::from_bytes(&seed))
}

fn open(
    row: &store::OrganizationRow,
    former: &[rotation_store::TransitionRow],
    master: &MasterKey,
) -> Result<SigningOrganization, Error> {
    let key = signing_key(master, &row.sealed_signing_key, &row.name).map_err(|_| {
        Error::internal(format!(
            "the signing key of organization `{}` cannot be opened: this is not the master key that the database was made with",
            row.name
        ))
    })?;
    let name = row
        .name
        .parse()
        .map_err(|error| Error::internal(format!("{error}")))?;
    let former = FormerKeys::open(former, &row.name, master)?;
    SigningOrganization::new(row.id, name, key, former)
}
