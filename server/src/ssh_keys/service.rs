//! What users do with their SSH keys, and owners with everybody's.

use super::line::{self, PublicKey};
use super::store::{self, KeyRow};
use crate::app::App;
use crate::call::Caller;
use crate::error::Error;
use crate::storage::{Conn, hold_organization};
use scm_protocol::auth::Role;
use scm_protocol::ids::{SshKeyId, UnixMillis, UserId};
use scm_protocol::ssh_keys::{AddSshKey, MAX_SSH_KEYS, SshKey, SshKeyList};
use serde_json::json;

/// A key that may log its user in.
#[derive(Clone, Debug)]
pub struct RegisteredKey {
    /// Its id.
    pub id: SshKeyId,
    /// In the encoding of RFC 4253.
    pub public_key: Vec<u8>,
}

/// The keys of a user.
///
/// # Errors
/// When the database fails.
pub fn registered(conn: &mut Conn, user_id: i64) -> Result<Vec<RegisteredKey>, Error> {
    let rows = store::bytes_of_user(conn, user_id)?;
    let key = |(id, public_key)| RegisteredKey {
        id: SshKeyId(id),
        public_key,
    };
    Ok(rows.into_iter().map(key).collect())
}

/// Notes that a key logged its user in; false when it is not there any more.
///
/// # Errors
/// When the database fails.
pub fn used(conn: &mut Conn, id: SshKeyId, now: UnixMillis) -> Result<bool, Error> {
    store::used(conn, id, now)
}

/// Adds a key to a user.
///
/// # Errors
/// [`Error::Conflict`] `key_taken` or `too_many`.
pub fn add_key(conn: &mut Conn, user: UserId, key: &PublicKey, now: UnixMillis) -> Result<i64, Error> {
    let conflict = |code, detail: String| Error::Conflict { code, detail };
    if store::of_user(conn, user)?.len() as i64 >= MAX_SSH_KEYS {
        let detail = format!("a user has at most {MAX_SSH_KEYS} SSH keys; remove one that is not needed");
        return Err(conflict("too_many", detail));
    }
    let added = store::add(conn, user, key, now)?;
    added.ok_or_else(|| {
        let detail = format!("the user has the key {} already", key.fingerprint);
        conflict("key_taken", detail)
    })
}

/// Whose keys a caller means: their own, or those of a user whom only an owner may name.
fn whose(caller: &Caller, named: Option<UserId>) -> Result<UserId, Error> {
    match named {
        Some(named) if caller.principal.role == Role::Owner || Some(named) == caller.principal.user_id => {
            Ok(named)
        }
        Some(named) => Err(unknown(named)),
        None => caller.principal.user_id.ok_or_else(|| {
            let reason = "is needed: the local administrator has no keys";
            Error::invalid("user_id", reason)
        }),
    }
}

fn unknown(user: UserId) -> Error {
    Error::NotFound(format!("there is no user {user}"))
}

/// The keys of the caller, or of a user.
///
/// # Errors
/// [`Error::NotFound`] for a user whom the caller may not see.
pub(super) async fn list(app: &App, caller: Caller, named: Option<UserId>) -> Result<SshKeyList, Error> {
    let (user, organization_id) = (whose(&caller, named)?, caller.organization_id());
    let read = app.storage.readers.run(move |conn| {
        store::username(conn, organization_id, user)?.ok_or_else(|| unknown(user))?;
        store::of_user(conn, user)
    });
    Ok(SshKeyList {
        items: read.await?.into_iter().map(view).collect(),
        server_time_ms: app.clock.now(),
    })
}

fn view(row: KeyRow) -> SshKey {
    SshKey {
        id: SshKeyId(row.id),
        user_id: UserId(row.user_id),
        name: row.name,
        algorithm: row.algorithm,
        fingerprint: row.fingerprint,
        created_ms: UnixMillis(row.created_ms),
        last_used_ms: row.last_used_ms.map(UnixMillis),
    }
}

/// Adds a key to the caller, or to a user.
///
/// # Errors
/// [`Error::Invalid`] for `public_key`; [`Error::Conflict`]; [`Error::NotFound`]; [`Error::Forbidden`] for a caller who adds
/// one to themselves with an API token.
pub(super) async fn add(app: &App, caller: Caller, add: AddSshKey) -> Result<SshKey, Error> {
    let key = line::read(&add.public_key).map_err(|reason| Error::invalid("public_key", reason))?;
    let user = whose(&caller, add.user_id)?;
    if Some(user) == caller.principal.user_id {
        caller.principal.account()?;
    }
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let added = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let username = store::username(conn, organization_id, user)?.ok_or_else(|| unknown(user))?;
        let id = SshKeyId(add_key(conn, user, &key, now)?);
        let detail = json!({ "user": username, "fingerprint": key.fingerprint, "name": key.name });
        caller.record(conn, now, &format!("ssh_key:{id}"), detail)?;
        let row = store::find(conn, organization_id, id)?;
        row.ok_or_else(|| Error::internal("an SSH key that was just added is gone"))
    });
    let (row, ..) = added.await?;
    app.events.audited(organization_id);
    Ok(view(row))
}

/// Removes a key of the caller, or as an owner of anybody.
///
/// # Errors
/// [`Error::NotFound`] also for one that the caller may not see; [`Error::Conflict`] `last_credential`.
pub(super) async fn remove(app: &App, caller: Caller, id: SshKeyId) -> Result<(), Error> {
    let (now, organization_id) = (app.clock.now(), caller.organization_id());
    let removed = app.storage.writer.run(move |conn| {
        hold_organization(conn, organization_id)?;
        let owner = caller.principal.role == Role::Owner;
        let found = store::find(conn, organization_id, id)?;
        let found = found.filter(|(row, ..)| owner || caller.principal.user_id == Some(UserId(row.user_id)));
        let (row, username, has_password) =
            found.ok_or_else(|| Error::NotFound(format!("there is no SSH key {id}")))?;
        if !has_password && store::of_user(conn, UserId(row.user_id))?.len() < 2 {
            return Err(Error::Conflict {
                code: "last_credential",
                detail: "this user has no password: without this key nothing would log them in".to_owned(),
            });
        }
        store::delete(conn, id)?;
        let detail = json!({ "user": username, "fingerprint": row.fingerprint, "name": row.name });
        caller.record(conn, now, &format!("ssh_key:{id}"), detail)
    });
    removed.await?;
    app.events.audited(organization_id);
    Ok(())
}
