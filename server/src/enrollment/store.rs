//! Rows that a registration reads and adds.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{registration_nonces, system_states, systems};
use diesel::prelude::*;
use scm_protocol::agent::HostFacts;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;

/// A system that has this key already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Existing {
    pub id: SystemId,
    pub status: SystemStatus,
}

/// A system to add as Pending.
#[derive(Debug)]
pub(super) struct NewSystem<'a> {
    pub organization_id: i64,
    pub key: &'a PublicKey,
    pub facts: &'a HostFacts,
    pub agent_version: &'a str,
    pub boot_id: &'a str,
    pub address: String,
    pub interval_secs: u32,
    pub now: UnixMillis,
}

/// Remembers a nonce; false when it was there already.
pub(super) fn remember_nonce(conn: &mut Conn, digest: &[u8], expires: UnixMillis) -> Result<bool, Error> {
    let row = (
        registration_nonces::digest.eq(digest),
        registration_nonces::expires_ms.eq(expires.0),
    );
    let added = per_backend!(conn, c => diesel::insert_into(registration_nonces::table)
        .values(row)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(added == 1)
}

/// Forgets nonces that expired.
pub(super) fn forget_nonces(conn: &mut Conn, now: UnixMillis) -> Result<(), Error> {
    diesel::delete(registration_nonces::table.filter(registration_nonces::expires_ms.lt(now.0)))
        .execute(conn)?;
    Ok(())
}

/// The system that registered with this key.
pub(super) fn by_key(
    conn: &mut Conn,
    organization_id: i64,
    key: &PublicKey,
) -> Result<Option<Existing>, Error> {
    let row: Option<(i64, String)> = systems::table
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::public_key.eq(key.as_bytes().as_slice()))
        .select((systems::id, systems::status))
        .first(conn)
        .optional()?;
    row.map(|(id, status)| {
        let status = SystemStatus::parse(&status)
            .ok_or_else(|| Error::internal(format!("the row of system {id} is damaged")))?;
        Ok(Existing {
            id: SystemId(id),
            status,
        })
    })
    .transpose()
}

/// How many systems wait for approval.
pub(super) fn pending(conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
    let waiting = systems::table
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::status.eq(SystemStatus::Pending.as_str()));
    Ok(waiting.count().get_result(conn)?)
}

/// Adds both rows of a Pending system and returns its new id.
pub(super) fn add(conn: &mut Conn, new: &NewSystem<'_>) -> Result<SystemId, Error> {
    let facts = new.facts;
    let row = (
        systems::organization_id.eq(new.organization_id),
        systems::public_key.eq(new.key.as_bytes().as_slice()),
        systems::status.eq(SystemStatus::Pending.as_str()),
        systems::status_changed_ms.eq(new.now.0),
        systems::status_changed_by.eq("agent"),
        systems::hostname.eq(&facts.hostname),
        systems::claimed_addresses.eq(serde_json::json!(facts.addresses).to_string()),
        systems::os.eq(&facts.os),
        systems::os_family.eq(&facts.os_family),
        systems::arch.eq(&facts.arch),
        systems::kernel.eq(&facts.kernel),
        systems::machine_id_hash.eq(&facts.machine_id_hash),
        systems::agent_version.eq(new.agent_version),
        systems::first_seen_ms.eq(new.now.0),
    );
    let id: i64 = per_backend!(conn, c => diesel::insert_into(systems::table)
        .values(&row)
        .returning(systems::id)
        .get_result(c))?;
    let state = (
        system_states::system_id.eq(id),
        system_states::replay_high.eq(0),
        system_states::replay_window.eq(0),
        system_states::boot_id.eq(new.boot_id),
        system_states::address.eq(&new.address),
        system_states::interval_secs.eq(i64::from(new.interval_secs)),
    );
    diesel::insert_into(system_states::table)
        .values(state)
        .execute(conn)?;
    Ok(SystemId(id))
}

/// Locks a system's row until the commit; false when it is not Pending any more.
pub(super) fn hold_pending(conn: &mut Conn, id: SystemId) -> Result<bool, Error> {
    let pending = SystemStatus::Pending.as_str();
    let row = systems::table.find(id.0).filter(systems::status.eq(pending));
    let held = diesel::update(row)
        .set(systems::status.eq(pending))
        .execute(conn)?;
    Ok(held == 1)
}

/// Makes a Pending system Active.
pub(super) fn activate(conn: &mut Conn, id: SystemId, by: &str, now: UnixMillis) -> Result<(), Error> {
    diesel::update(systems::table.find(id.0))
        .set((
            systems::status.eq(SystemStatus::Active.as_str()),
            systems::status_changed_ms.eq(now.0),
            systems::status_changed_by.eq(by),
        ))
        .execute(conn)?;
    Ok(())
}
