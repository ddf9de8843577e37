//! Rows of `ssh_keys`.

use super::line::PublicKey;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{ssh_keys, users};
use diesel::prelude::*;
use scm_protocol::ids::{SshKeyId, UnixMillis, UserId};

/// A key without its bytes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = ssh_keys)]
pub(super) struct KeyRow {
    pub id: i64,
    pub user_id: i64,
    pub name: String,
    pub algorithm: String,
    pub fingerprint: String,
    pub created_ms: i64,
    pub last_used_ms: Option<i64>,
}

pub(super) fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<KeyRow>, Error> {
    Ok(ssh_keys::table
        .filter(ssh_keys::user_id.eq(user.0))
        .order(ssh_keys::id)
        .select(KeyRow::as_select())
        .load(conn)?)
}

/// Id and bytes of a user's keys.
pub(super) fn bytes_of_user(conn: &mut Conn, user_id: i64) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    Ok(ssh_keys::table
        .filter(ssh_keys::user_id.eq(user_id))
        .select((ssh_keys::id, ssh_keys::public_key))
        .load(conn)?)
}

/// A key with the name of its user, and whether they have a password.
pub(super) fn find(
    conn: &mut Conn,
    organization_id: i64,
    id: SshKeyId,
) -> Result<Option<(KeyRow, String, bool)>, Error> {
    let found: Option<(KeyRow, String, String)> = ssh_keys::table
        .inner_join(users::table)
        .filter(users::organization_id.eq(organization_id))
        .filter(ssh_keys::id.eq(id.0))
        .select((KeyRow::as_select(), users::username, users::password_hash))
        .first(conn)
        .optional()?;
    Ok(found.map(|(row, username, password)| (row, username, !password.is_empty())))
}

/// The name of a user of an organization.
pub(super) fn username(conn: &mut Conn, organization_id: i64, user: UserId) -> Result<Option<String>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(user.0))
        .select(users::username)
        .first(conn)
        .optional()?)
}

/// Adds a key; none when the user has it already.
pub(super) fn add(
    conn: &mut Conn,
    user: UserId,
    key: &PublicKey,
    now: UnixMillis,
) -> Result<Option<i64>, Error> {
    let row = (
        ssh_keys::user_id.eq(user.0),
        ssh_keys::name.eq(&key.name),
        ssh_keys::algorithm.eq(&key.algorithm),
        ssh_keys::fingerprint.eq(&key.fingerprint),
        ssh_keys::public_key.eq(&key.bytes),
        ssh_keys::created_ms.eq(now.0),
    );
    Ok(per_backend!(conn, c => diesel::insert_into(ssh_keys::table)
        .values(&row)
        .on_conflict_do_nothing()
        .returning(ssh_keys::id)
        .get_result(c)
        .optional())?)
}

/// Notes that a key logged its user in; false when it is not there any more.
pub(super) fn used(conn: &mut Conn, id: SshKeyId, now: UnixMillis) -> Result<bool, Error> {
    let noted = diesel::update(ssh_keys::table.find(id.0))
        .set(ssh_keys::last_used_ms.eq(now.0))
        .execute(conn)?;
    Ok(noted == 1)
}

pub(super) fn delete(conn: &mut Conn, id: SshKeyId) -> Result<(), Error> {
    diesel::delete(ssh_keys::table.find(id.0)).execute(conn)?;
    Ok(())
}
