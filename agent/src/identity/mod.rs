//! Who this agent is to one server: key pair, id, the pinned server key and the sequence of its requests.
//!
//! Files in the state folder, named after the server (eight hexadecimal digits of the SHA-256 of its URL):
//! `client_<8>.key` (PKCS#8 PEM), `client_<8>.pub`, `client_<8>.id`, `client_<8>.seq`, `client_<8>.crt`,
//! `client_<8>.boot`, `server_<8>.pub`; `client_<8>.key.next` while a key is being replaced, `server_<8>.chain` once the
//! server's was.
//!
//! Invariants: a private key file is made once and never written again; what cannot be read as what it should be is set
//! aside, never deleted or overwritten (but for the client certificate, which the server issues anew); a file that merely cannot be read now is an error and changes nothing; memory
//! follows the disk, so that what is not durable is not believed.

mod boot;
mod certificate;
mod folder;
mod key;
mod sequence;
mod tag;

pub use boot::Boot;
pub use certificate::Certificate;
pub use folder::{Error, StateFolder};
pub use sequence::{BLOCK, MAX_SEQUENCE, Sequence};
pub use tag::ServerTag;

use crate::wire::ClientIdentity;
use crate::wire::{Successor, leads_to};
use boot::BootFile;
use certificate::Holder;
use ed25519_dalek::SigningKey;
use scm_protocol::certificates::CertificateReply;
use scm_protocol::identity::{Fingerprint, PublicKey};
use scm_protocol::ids::{Organization, SystemId, UnixMillis};
use std::sync::Arc;

/// An agent's identity with one server.
#[derive(Debug)]
pub struct Identity {
    folder: Arc<StateFolder>,
    tag: ServerTag,
    organization: Organization,
    key: SigningKey,
    next_key: Option<SigningKey>,
    id: Option<SystemId>,
    server_key: Option<PublicKey>,
    certificate: Option<(Certificate, Arc<ClientIdentity>)>,
    /// The numbers of its requests.
    pub sequence: Sequence,
    boot: BootFile,
}

impl Identity {
    /// Reads the identity for `tag`, or makes a new one. Files that are corrupt, or belong to another key or organization,
    /// are set aside.
    ///
    /// # Errors
    /// [`Error`] when the folder cannot be read or written, or there is no randomness; then nothing was lost.
    pub fn open(
        folder: Arc<StateFolder>,
        tag: ServerTag,
        organization: Organization,
        now: UnixMillis,
    ) -> Result<Self, Error> {
        let key = key::open(&folder, &tag, now)?;
        let next_key = key::open_next(&folder, &tag, now)?;
        let id = open_id(&folder, &tag, &organization, now)?;
        let server_key = open_server_key(&folder, &tag, now)?;
        let sequence = Sequence::open(folder.clone(), tag.file("client", "seq"), now)?;
        let boot = BootFile::new(folder.clone(), tag.file("client", "boot"));
        let mut identity = Identity {
            boot,
            folder,
            tag,
            organization,
            key,
            next_key,
            id,
            server_key,
            certificate: None,
            sequence,
        };
        identity.read_certificate()?;
        Ok(identity)
    }

    /// The private key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        self.key.verifying_key().into()
    }

    /// The private key that is to take its place, while the server was not heard to accept it.
    pub fn next_key(&self) -> Option<&SigningKey> {
        self.next_key.as_ref()
    }

    /// Makes the key that is to take the place of the present one. The wish for it, where one was left, is fulfilled.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; the identity is as before.
    pub fn begin_rotation(&mut self) -> Result<(), Error> {
        if self.next_key.is_none() {
            self.next_key = Some(key::create_next(&self.folder, &self.tag)?);
        }
        self.folder.remove(&self.rotation_wish())
    }

    /// The next key is the one that the server accepts: it takes the place of the present one.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; it is tried again.
    pub fn promote_key(&mut self, now: UnixMillis) -> Result<(), Error> {
        if let Some(next) = &self.next_key {
            key::promote(&self.folder, &self.tag, next, now)?;
            self.key = next.clone();
            self.next_key = None;
            // It certifies the former key.
            self.drop_certificate()?;
        }
        Ok(())
    }

    /// The next key is given up: the server does not want it.
    ///
    /// # Errors
    /// [`Error`] when its file cannot be set aside.
    pub fn drop_next_key(&mut self, now: UnixMillis) -> Result<(), Error> {
        key::drop_next(&self.folder, &self.tag, now)?;
        self.next_key = None;
        Ok(())
    }

    /// Whether `scmclient rotate` left the wish for another key.
    ///
    /// # Errors
    /// [`Error`] when it cannot be told.
    pub fn wants_rotation(&self) -> Result<bool, Error> {
        Ok(self.next_key.is_none() && self.folder.read(&self.rotation_wish())?.is_some())
    }

    fn rotation_wish(&self) -> String {
        self.tag.file("client", "rotate")
    }

    /// The id that the server gave, where there is one.
    pub fn id(&self) -> Option<SystemId> {
        self.id
    }

    /// The server's key, once it was delivered and pinned.
    pub fn server_key(&self) -> Option<PublicKey> {
        self.server_key
    }

    /// The organization that this identity belongs to.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The client certificate for this id and key, where there is one, with what the TLS client needs of it.
    pub fn certificate(&self) -> Option<&(Certificate, Arc<ClientIdentity>)> {
        self.certificate.as_ref()
    }

    /// Keeps the certificate that the server issued.
    ///
    /// # Errors
    /// [`Error`] when it cannot be used or made durable; the identity is as before.
    pub fn set_certificate(&mut self, reply: &CertificateReply) -> Result<(), Error> {
        let Some(holder) = self.holder() else {
            return Ok(());
        };
        let certificate = Certificate::delivered(reply, holder);
        let usable = certificate
            .with_key(key::der(&self.key).as_slice())
            .ok_or(Error::UnusableCertificate)?;
        self.folder
            .write(&self.certificate_file(), certificate.encode().as_bytes())?;
        self.certificate = Some((certificate, usable));
        Ok(())
    }

    /// Drops the certificate, for good: the server issues another.
    ///
    /// # Errors
    /// [`Error`] when its file cannot be removed; the identity is as before.
    pub fn drop_certificate(&mut self) -> Result<(), Error> {
        self.folder.remove(&self.certificate_file())?;
        self.certificate = None;
        Ok(())
    }

    fn certificate_file(&self) -> String {
        self.tag.file("client", "crt")
    }

    fn holder(&self) -> Option<Holder> {
        Some(Holder {
            organization: self.organization.clone(),
            id: self.id?,
            key: self.public_key(),
        })
    }

    /// One that cannot be read, or is for another id or key, is no use: it is dropped, and another asked for.
    fn read_certificate(&mut self) -> Result<(), Error> {
        let name = self.certificate_file();
        let Some(bytes) = self.folder.read(&name)? else {
            return Ok(());
        };
        let holder = self.holder();
        let read =
            Certificate::decode(&bytes).filter(|read| holder.is_some_and(|holder| read.is_for(&holder)));
        let usable = read.and_then(|read| {
            let usable = read.with_key(key::der(&self.key).as_slice())?;
            Some((read, usable))
        });
        if usable.is_none() {
            tracing::warn!(file.name = %name, "the client certificate is corrupt or not for this id and key, it is dropped");
            self.folder.remove(&name)?;
        }
        self.certificate = usable;
        Ok(())
    }

    /// This run of the agent as this server knows it; `fresh` is its name unless the server gave it another.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; then it must not be used.
    pub fn boot(&mut self, fresh: &str) -> Result<Boot, Error> {
        self.boot.get(fresh)
    }

    /// Takes the name that the server gave to this run.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; the identity is as before.
    pub fn rename_boot(&mut self, id: String) -> Result<(), Error> {
        self.boot.rename(id)
    }

    /// Sets key and id aside and makes a new key: another machine keeps this identity. The pinned server key stays.
    ///
    /// # Errors
    /// [`Error`] when something cannot be made durable; the next start goes on from there.
    pub fn start_anew(&mut self, now: UnixMillis) -> Result<(), Error> {
        self.folder
            .set_aside(&self.tag.file("client", "key"), "split", now)?;
        *self = Identity::open(
            self.folder.clone(),
            self.tag.clone(),
            self.organization.clone(),
            now,
        )?;
        Ok(())
    }

    /// Keeps the id that the server gave.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; the identity is as before.
    pub fn set_id(&mut self, id: SystemId) -> Result<(), Error> {
        let text = format!("{}/{id}\n", self.organization);
        self.folder
            .write(&self.tag.file("client", "id"), text.as_bytes())?;
        if self.id.replace(id) != Some(id) {
            self.drop_certificate()?;
        }
        Ok(())
    }

    /// Gives up the id; its file is set aside. Key and pinned server key stay.
    ///
    /// # Errors
    /// [`Error`] when the file cannot be set aside; the identity is as before.
    pub fn forget_id(&mut self, now: UnixMillis) -> Result<(), Error> {
        self.folder
            .set_aside(&self.tag.file("client", "id"), "former", now)?;
        self.id = None;
        self.drop_certificate()?;
        // Which of the two the server last accepted does not matter any more.
        self.drop_next_key(now)
    }

    /// Pins the key that took the place of the known one; before one is pinned, only the statements are kept.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; the identity is as before.
    pub fn follow(&mut self, successor: &Successor) -> Result<(), Error> {
        // The statements first: the configured pin may be a former key's.
        self.folder.write(
            &self.tag.file("server", "chain"),
            format!("{}\n", successor.chain).as_bytes(),
        )?;
        if self.server_key.is_some() {
            self.pin(successor.key)?;
        }
        Ok(())
    }

    /// Whether the pinned key took the place of the one with that fingerprint, by the statements that were kept.
    pub fn follows_from(&self, former: &Fingerprint) -> bool {
        let read = self.folder.read(&self.tag.file("server", "chain"));
        let text = read
            .ok()
            .flatten()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let is = |key: &PublicKey| key.fingerprint() == *former;
        match (text, &self.server_key) {
            (Some(text), Some(pinned)) => leads_to(&text, &self.organization, is, pinned),
            _ => false,
        }
    }

    /// Pins the server's key.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made durable; the identity is as before.
    pub fn pin(&mut self, server_key: PublicKey) -> Result<(), Error> {
        let text = format!("{server_key}\n");
        self.folder
            .write(&self.tag.file("server", "pub"), text.as_bytes())?;
        self.server_key = Some(server_key);
        Ok(())
    }
}

/// The id's file holds `organization/id`. An id of another organization is not ours to use, and its server key signs
/// nothing for us: both are set aside.
fn open_id(
    folder: &StateFolder,
    tag: &ServerTag,
    organization: &Organization,
    now: UnixMillis,
) -> Result<Option<SystemId>, Error> {
    let name = tag.file("client", "id");
    let Some(text) = folder.read(&name)? else {
        return Ok(None);
    };
    let Some((found, id)) = parse_id(&text) else {
        tracing::error!(file.name = %name, "the id file is corrupt, it is set aside and the agent registers anew");
        folder.set_aside(&name, "corrupt", now)?;
        return Ok(None);
    };
    if found != *organization {
        tracing::warn!(
            file.name = %name, organization.before = %found, organization.now = %organization,
            "the organization was changed, the id and server key of the former one are set aside"
        );
        folder.set_aside(&tag.file("server", "pub"), "former", now)?;
        folder.set_aside(&name, "former", now)?;
        return Ok(None);
    }
    Ok(Some(id))
}

fn parse_id(bytes: &[u8]) -> Option<(Organization, SystemId)> {
    let (organization, id) = std::str::from_utf8(bytes).ok()?.trim().split_once('/')?;
    let id: i64 = id.parse().ok().filter(|id| *id > 0)?;
    Some((organization.parse().ok()?, SystemId(id)))
}

fn open_server_key(
    folder: &StateFolder,
    tag: &ServerTag,
    now: UnixMillis,
) -> Result<Option<PublicKey>, Error> {
    let name = tag.file("server", "pub");
    let Some(bytes) = folder.read(&name)? else {
        return Ok(None);
    };
    let key = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    if key.is_none() {
        tracing::error!(
            target: "security", event = "server_key_corrupt", file.name = %name,
            "the pinned server key is corrupt, it is set aside and asked for again"
        );
        folder.set_aside(&name, "corrupt", now)?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
