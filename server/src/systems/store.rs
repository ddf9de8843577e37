//! Rows of `systems` and `system_states` as the console reads and changes them.

use super::decide::HeldStanding;
use crate::error::Error;
use crate::storage::Conn;
use crate::storage::schema::{system_states, systems};
use crate::{of_organization, per_backend};
use diesel::prelude::*;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;

/// What rarely changes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = systems)]
pub(super) struct SystemRecord {
    pub id: i64,
    pub public_key: Vec<u8>,
    pub status: String,
    pub status_changed_ms: i64,
    pub status_changed_by: String,
    pub hostname: String,
    pub claimed_addresses: String,
    pub os: String,
    pub os_family: String,
    pub arch: String,
    pub kernel: Option<String>,
    pub machine_id_hash: Option<String>,
    pub agent_version: String,
    pub first_seen_ms: i64,
    pub key_since_ms: Option<i64>,
    pub key_rotation_asked_ms: Option<i64>,
}

/// What every check-in writes.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = system_states)]
pub(super) struct StateRecord {
    pub boot_id: String,
    pub boots: String,
    pub address: String,
    pub interval_secs: i64,
    pub last_seen_ms: Option<i64>,
    pub clock_skew_ms: Option<i64>,
    pub rebooted_ms: Option<i64>,
    pub cpu_percent: Option<f64>,
    pub mem_used_bytes: Option<i64>,
    pub mem_total_bytes: Option<i64>,
    pub disk_used_bytes: Option<i64>,
    pub disk_total_bytes: Option<i64>,
    pub uptime_secs: Option<i64>,
    pub containers: Option<String>,
}

/// Both halves of a system.
pub(super) type Record = (SystemRecord, StateRecord);

/// One system.
pub(super) fn find(conn: &mut Conn, organization_id: i64, id: SystemId) -> Result<Option<Record>, Error> {
    Ok(systems::table
        .inner_join(system_states::table)
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::id.eq(id.0))
        .select((SystemRecord::as_select(), StateRecord::as_select()))
        .first(conn)
        .optional()?)
}

/// These systems of an organization.
pub(super) fn these(conn: &mut Conn, organization_id: i64, ids: &[i64]) -> Result<Vec<Record>, Error> {
    Ok(per_backend!(conn, c => systems::table
        .inner_join(system_states::table)
        .filter(of_organization!(organization_id))
        .filter(systems::id.eq_any(ids))
        .select((SystemRecord::as_select(), StateRecord::as_select()))
        .load(c)?))
}

/// The registered key of a system, with its organization.
pub(super) fn key_of(conn: &mut Conn, id: SystemId) -> Result<Option<(i64, Vec<u8>)>, Error> {
    let row = systems::table
        .find(id.0)
        .select((systems::organization_id, systems::public_key));
    Ok(row.first(conn).optional()?)
}

/// What a system whose check-in is held is to be told; none when it is gone.
pub(super) fn standing_of(conn: &mut Conn, id: SystemId) -> Result<Option<HeldStanding>, Error> {
    let found: Option<(String, Vec<u8>, Option<i64>)> = systems::table
        .find(id.0)
        .select((
            systems::status,
            systems::public_key,
            systems::key_rotation_asked_ms,
        ))
        .first(conn)
        .optional()?;
    let damaged = || Error::internal(format!("the row of system {id} is damaged"));
    let standing = |(status, key, asked): (String, Vec<u8>, Option<i64>)| {
        let key: [u8; 32] = key.try_into().map_err(|_| damaged())?;
        Ok(HeldStanding {
            status: SystemStatus::parse(&status).ok_or_else(damaged)?,
            public_key: PublicKey::from_bytes(&key).map_err(|_| damaged())?,
            key_rotation_asked: asked.is_some(),
        })
    };
    found.map(standing).transpose()
}

/// Systems that share host name, machine id or observed address with one.
pub(super) fn similar(
    conn: &mut Conn,
    organization_id: i64,
    (system, state): &Record,
) -> Result<Vec<Record>, Error> {
    let machine = system.machine_id_hash.clone().unwrap_or_default();
    let shares = systems::hostname
        .eq(system.hostname.clone())
        .or(systems::machine_id_hash
            .is_not_null()
            .and(systems::machine_id_hash.eq(machine)))
        .or(system_states::address.eq(state.address.clone()));
    Ok(per_backend!(conn, c => systems::table
        .inner_join(system_states::table)
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::id.ne(system.id))
        .filter(shares)
        .order(systems::id.desc())
        .limit(20)
        .select((SystemRecord::as_select(), StateRecord::as_select()))
        .load(c)?))
}

/// What rarely changes of those systems that the organization has.
pub(super) fn find_all(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
) -> Result<Vec<SystemRecord>, Error> {
    Ok(per_backend!(conn, c => systems::table
        .filter(of_organization!(organization_id))
        .filter(systems::id.eq_any(ids))
        .select(SystemRecord::as_select())
        .load(c)?))
}

/// Ids and host names of those systems that the organization has.
pub(super) fn names(conn: &mut Conn, organization_id: i64, ids: &[i64]) -> Result<Vec<(i64, String)>, Error> {
    Ok(per_backend!(conn, c => systems::table
        .filter(of_organization!(organization_id))
        .filter(systems::id.eq_any(ids))
        .select((systems::id, systems::hostname))
        .load(c)?))
}

/// As [`names`], by id, of systems that nobody deletes before the commit.
pub(super) fn held_names(
    conn: &mut Conn,
    organization_id: i64,
    ids: &[i64],
) -> Result<Vec<(i64, String)>, Error> {
    match conn {
        // SQLite has one writer at a time, and this is it.
        Conn::Sqlite(_) => names(conn, organization_id, ids),
        Conn::Postgres(c) => Ok(systems::table
            .filter(systems::organization_id.eq(organization_id))
            .filter(systems::id.eq_any(ids))
            .order(systems::id)
            .select((systems::id, systems::hostname))
            .for_key_share()
            .load(c)?),
    }
}

/// Sets the status of those that have the status `before`; how many they are.
pub(super) fn set_status(
    conn: &mut Conn,
    ids: &[i64],
    before: &str,
    status: SystemStatus,
    (by, now): (&str, UnixMillis),
) -> Result<usize, Error> {
    let change = (
        systems::status.eq(status.as_str()),
        systems::status_changed_ms.eq(now.0),
        systems::status_changed_by.eq(by),
    );
    Ok(per_backend!(conn, c => diesel::update(systems::table)
        .filter(systems::id.eq_any(ids))
        .filter(systems::status.eq(before))
        .set(change)
        .execute(c))?)
}

/// Deletes those that have the status `before`, with their history; how many they are.
pub(super) fn delete(conn: &mut Conn, ids: &[i64], before: &str) -> Result<usize, Error> {
    Ok(per_backend!(conn, c => diesel::delete(systems::table)
        .filter(systems::id.eq_any(ids))
        .filter(systems::status.eq(before))
        .execute(c))?)
}
