//! Rows of `users` as those who manage them need them.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{api_tokens, recovery_codes, second_factors, sessions, ssh_keys, users};
use diesel::dsl::count_star;
use diesel::prelude::*;
use scm_protocol::auth::Role;
use scm_protocol::ids::{UnixMillis, UserId};
use scm_protocol::users::User;
use std::collections::HashMap;

/// A user.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = users)]
pub(super) struct UserRow {
    pub id: i64,
    pub username: String,
    pub password_hash: String,
    pub role: String,
    pub created_ms: i64,
    pub last_login_ms: Option<i64>,
}

/// A user to add.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = users)]
pub(super) struct NewUser {
    pub organization_id: i64,
    pub username: String,
    pub password_hash: String,
    pub role: String,
    pub created_ms: i64,
}

pub(super) fn find(conn: &mut Conn, organization_id: i64, id: UserId) -> Result<Option<UserRow>, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.eq(id.0))
        .select(UserRow::as_select())
        .first(conn)
        .optional()?)
}

/// Adds a user; none when the name is taken, in whichever organization.
pub(super) fn add(conn: &mut Conn, new: &NewUser) -> Result<Option<i64>, Error> {
    Ok(per_backend!(conn, c => diesel::insert_into(users::table)
        .values(new)
        .on_conflict_do_nothing()
        .returning(users::id)
        .get_result(c)
        .optional())?)
}

pub(super) fn owners(conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
    Ok(users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::role.eq(Role::Owner.as_str()))
        .count()
        .get_result(conn)?)
}

pub(super) fn set_role(conn: &mut Conn, id: UserId, role: Role) -> Result<(), Error> {
    diesel::update(users::table.find(id.0))
        .set(users::role.eq(role.as_str()))
        .execute(conn)?;
    Ok(())
}

/// An empty hash is no password.
pub(super) fn set_password(conn: &mut Conn, id: UserId, hash: &str) -> Result<(), Error> {
    diesel::update(users::table.find(id.0))
        .set(users::password_hash.eq(hash))
        .execute(conn)?;
    Ok(())
}

pub(super) fn delete(conn: &mut Conn, id: UserId) -> Result<(), Error> {
    diesel::delete(users::table.find(id.0)).execute(conn)?;
    Ok(())
}

pub(super) fn recovery_codes(conn: &mut Conn, id: UserId) -> Result<i64, Error> {
    Ok(recovery_codes::table
        .filter(recovery_codes::user_id.eq(id.0))
        .count()
        .get_result(conn)?)
}

/// Users whose ids lie in a range (both ends included), by id, with what hangs on them.
pub(super) fn with_counts(
    conn: &mut Conn,
    organization_id: i64,
    (first, last): (i64, i64),
    limit: i64,
    now: UnixMillis,
    used_after: UnixMillis,
) -> Result<Vec<User>, Error> {
    let rows: Vec<UserRow> = users::table
        .filter(users::organization_id.eq(organization_id))
        .filter(users::id.between(first, last))
        .order(users::id)
        .limit(limit)
        .select(UserRow::as_select())
        .load(conn)?;
    let last = rows.last().map_or(first, |row| row.id);
    let sessions = sessions::table
        .filter(sessions::user_id.between(first, last))
        .filter(sessions::expires_ms.gt(now.0))
        .filter(sessions::last_used_ms.gt(used_after.0))
        .group_by(sessions::user_id)
        .select((sessions::user_id, count_star()))
        .load(conn)?;
    let tokens = api_tokens::table
        .filter(api_tokens::user_id.between(first, last))
        .filter(api_tokens::expires_ms.gt(now.0))
        .group_by(api_tokens::user_id)
        .select((api_tokens::user_id, count_star()))
        .load(conn)?;
    let keys = ssh_keys::table
        .filter(ssh_keys::user_id.between(first, last))
        .group_by(ssh_keys::user_id)
        .select((ssh_keys::user_id, count_star()))
        .load(conn)?;
    let factors = second_factors::table
        .filter(second_factors::user_id.between(first, last))
        .filter(second_factors::confirmed_ms.is_not_null())
        .group_by(second_factors::user_id)
        .select((second_factors::user_id, count_star()))
        .load(conn)?;
    let counts = [sessions, tokens, keys, factors].map(|rows: Vec<(i64, i64)>| rows.into_iter().collect());
    rows.into_iter().map(|row| view(row, &counts)).collect()
}

fn view(row: UserRow, counts: &[HashMap<i64, i64>; 4]) -> Result<User, Error> {
    let [sessions, tokens, keys, factors] = counts.each_ref().map(|of| of.get(&row.id).copied().unwrap_or(0));
    let role = Role::parse(&row.role);
    Ok(User {
        id: UserId(row.id),
        username: row.username,
        role: role.ok_or_else(|| Error::internal("a user with an unknown role"))?,
        created_ms: UnixMillis(row.created_ms),
        last_login_ms: row.last_login_ms.map(UnixMillis),
        has_password: !row.password_hash.is_empty(),
        second_factor: factors > 0,
        ssh_keys: keys,
        sessions,
        api_tokens: tokens,
    })
}
