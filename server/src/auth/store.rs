//! Rows of users as logins need them, of setup codes and of failed logins.

use super::secret::SecretHash;
use super::throttle::{Failures, Subject};
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{login_failures, setup_codes, users};
use diesel::prelude::*;
use scm_protocol::ids::UnixMillis;

/// A user as a login needs them.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct User {
    pub id: i64,
    pub organization_id: i64,
    pub username: String,
    pub password_hash: String,
    pub role: String,
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users)]
pub(super) struct NewUser {
    pub organization_id: i64,
    pub username: String,
    pub password_hash: String,
    pub role: String,
    pub created_ms: i64,
}

pub(super) fn has_users(conn: &mut Conn, organization_id: i64) -> Result<bool, Error> {
    let first: Option<i64> = users::table
        .filter(users::organization_id.eq(organization_id))
        .select(users::id)
        .first(conn)
        .optional()?;
    Ok(first.is_some())
}

pub(super) fn user_by_id(conn: &mut Conn, id: i64) -> Result<Option<User>, Error> {
    Ok(users::table
        .find(id)
        .select(User::as_select())
        .first(conn)
        .optional()?)
}

pub(super) fn user(conn: &mut Conn, username: &str) -> Result<Option<User>, Error> {
    Ok(users::table
        .filter(users::username.eq(username))
        .select(User::as_select())
        .first(conn)
        .optional()?)
}

/// Adds a user and reads them back.
pub(super) fn add_user(conn: &mut Conn, new: &NewUser) -> Result<User, Error> {
    diesel::insert_into(users::table).values(new).execute(conn)?;
    user(conn, &new.username)?.ok_or_else(|| Error::internal("a user that was just added is gone"))
}

/// Notes a login.
pub(super) fn logged_in(conn: &mut Conn, id: i64, now: UnixMillis) -> Result<(), Error> {
    diesel::update(users::table.find(id))
        .set(users::last_login_ms.eq(now.0))
        .execute(conn)?;
    Ok(())
}

/// Adds a setup code for an organization.
pub(super) fn add_setup_code(
    conn: &mut Conn,
    organization_id: i64,
    hash: &SecretHash,
    now: UnixMillis,
) -> Result<(), Error> {
    let row = (
        setup_codes::code_hash.eq(hash.as_bytes()),
        setup_codes::created_ms.eq(now.0),
        setup_codes::organization_id.eq(organization_id),
    );
    diesel::insert_into(setup_codes::table)
        .values(row)
        .execute(conn)?;
    Ok(())
}

/// Whose first owner a setup code makes; `first` for those made before there were several organizations.
pub(super) fn setup_organization(
    conn: &mut Conn,
    hash: &SecretHash,
    first: i64,
) -> Result<Option<i64>, Error> {
    let row = setup_codes::table.filter(setup_codes::code_hash.eq(hash.as_bytes()));
    let found: Option<Option<i64>> = row.select(setup_codes::organization_id).first(conn).optional()?;
    Ok(found.map(|organization| organization.unwrap_or(first)))
}

/// Takes back every setup code of an organization.
pub(super) fn end_setup(conn: &mut Conn, organization_id: i64, first: i64) -> Result<(), Error> {
    diesel::delete(setup_codes::table.filter(setup_codes::organization_id.eq(organization_id)))
        .execute(conn)?;
    if organization_id == first {
        diesel::delete(setup_codes::table.filter(setup_codes::organization_id.is_null())).execute(conn)?;
    }
    Ok(())
}

pub(super) fn failures(conn: &mut Conn, subject: &Subject) -> Result<Failures, Error> {
    let columns = (
        login_failures::failures,
        login_failures::last_ms,
        login_failures::blocked_until_ms,
    );
    let row: Option<(i64, i64, i64)> = login_failures::table
        .find(&subject.name)
        .select(columns)
        .first(conn)
        .optional()?;
    Ok(
        row.map_or_else(Failures::default, |(count, last, until)| Failures {
            count,
            last: UnixMillis(last),
            blocked_until: UnixMillis(until),
        }),
    )
}

pub(super) fn set_failures(conn: &mut Conn, subject: &Subject, failures: Failures) -> Result<(), Error> {
    let row = (
        login_failures::subject.eq(&subject.name),
        login_failures::failures.eq(failures.count),
        login_failures::last_ms.eq(failures.last.0),
        login_failures::blocked_until_ms.eq(failures.blocked_until.0),
    );
    let changed = (
        login_failures::failures.eq(failures.count),
        login_failures::last_ms.eq(failures.last.0),
        login_failures::blocked_until_ms.eq(failures.blocked_until.0),
    );
    per_backend!(conn, c => diesel::insert_into(login_failures::table)
        .values(&row)
        .on_conflict(login_failures::subject)
        .do_update()
        .set(changed)
        .execute(c))?;
    Ok(())
}

pub(super) fn forget_failures(conn: &mut Conn, subject: &Subject) -> Result<(), Error> {
    diesel::delete(login_failures::table.find(&subject.name)).execute(conn)?;
    Ok(())
}

/// Forgets accounts and addresses without a failure since `before`.
pub(super) fn sweep_failures(conn: &mut Conn, before: UnixMillis) -> Result<(), Error> {
    diesel::delete(login_failures::table.filter(login_failures::last_ms.lt(before.0))).execute(conn)?;
    Ok(())
}
