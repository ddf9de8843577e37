//! Rows that a registration reads and adds.

use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{registration_nonces as nonces, system_states, systems};
use diesel::prelude::*;
use scm_protocol::agent::HostFacts;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use std::collections::{HashMap, HashSet};

/// A system that has this key already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Existing {
    pub id: SystemId,
    pub status: SystemStatus,
}

/// A system to add.
#[derive(Debug)]
pub(super) struct NewSystem<'a> {
    pub organization_id: i64,
    pub key: &'a PublicKey,
    pub facts: &'a HostFacts,
    pub agent_version: &'a str,
    pub boot_id: &'a str,
    pub address: String,
    pub interval_secs: u32,
    /// Who approved it at once; it waits otherwise.
    pub approved_by: Option<String>,
    pub now: UnixMillis,
}

/// Remembers nonces until they expire; answers those that were not there already. One that is given twice was not.
pub(super) fn remember_nonces(
    conn: &mut Conn,
    given: &[(&[u8], UnixMillis)],
) -> Result<HashSet<Vec<u8>>, Error> {
    let digests: Vec<&[u8]> = given.iter().map(|(digest, _)| *digest).collect();
    let there: Vec<Vec<u8>> = nonces::table
        .filter(nonces::digest.eq_any(&digests))
        .select(nonces::digest)
        .load(conn)?;
    let there: HashSet<Vec<u8>> = there.into_iter().collect();
    let fresh: Vec<_> = given
        .iter()
        .filter(|(digest, _)| !there.contains(*digest))
        .map(|(digest, expires)| (nonces::digest.eq(*digest), nonces::expires_ms.eq(expires.0)))
        .collect();
    if fresh.is_empty() {
        return Ok(HashSet::new());
    }
    let added = per_backend!(conn, c => diesel::insert_into(nonces::table)
        .values(&fresh)
        .on_conflict_do_nothing()
        .execute(c))?;
    if added != fresh.len() {
        // Another server remembered one of them since we looked: the writer does it again, and sees it then.
        return Err(Error::Unavailable(
            "a nonce was remembered elsewhere meanwhile".to_owned(),
        ));
    }
    let fresh = digests.into_iter().filter(|digest| !there.contains(*digest));
    Ok(fresh.map(<[u8]>::to_vec).collect())
}

/// Forgets nonces that expired.
pub(super) fn forget_nonces(conn: &mut Conn, now: UnixMillis) -> Result<(), Error> {
    diesel::delete(nonces::table.filter(nonces::expires_ms.lt(now.0))).execute(conn)?;
    Ok(())
}

/// The systems that registered with these keys.
pub(super) fn by_keys(
    conn: &mut Conn,
    organization_id: i64,
    keys: &[&PublicKey],
) -> Result<HashMap<PublicKey, Existing>, Error> {
    let wanted = keys.iter().map(|key| key.as_bytes().as_slice());
    let rows: Vec<(i64, Vec<u8>, String)> = systems::table
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::public_key.eq_any(wanted.collect::<Vec<_>>()))
        .select((systems::id, systems::public_key, systems::status))
        .load(conn)?;
    let mut found: HashMap<Vec<u8>, Existing> = HashMap::with_capacity(rows.len());
    for (id, key, status) in rows {
        let status = SystemStatus::parse(&status)
            .ok_or_else(|| Error::internal(format!("the row of system {id} is damaged")))?;
        let id = SystemId(id);
        found.insert(key, Existing { id, status });
    }
    let keys = keys.iter().filter_map(|key| {
        let existing = found.get(key.as_bytes().as_slice())?;
        Some((**key, *existing))
    });
    Ok(keys.collect())
}

/// How many systems wait for approval.
pub(super) fn pending(conn: &mut Conn, organization_id: i64) -> Result<i64, Error> {
    let waiting = systems::table
        .filter(systems::organization_id.eq(organization_id))
        .filter(systems::status.eq(SystemStatus::Pending.as_str()));
    Ok(waiting.count().get_result(conn)?)
}

/// Adds both rows of systems with different keys; answers their ids.
pub(super) fn add(
    conn: &mut Conn,
    organization_id: i64,
    new: &[NewSystem<'_>],
) -> Result<HashMap<PublicKey, Existing>, Error> {
    if new.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<_> = new.iter().map(SystemRow::of).collect();
    per_backend!(conn, c => diesel::insert_into(systems::table).values(&rows).execute(c))?;
    let keys: Vec<&PublicKey> = new.iter().map(|new| new.key).collect();
    let added = by_keys(conn, organization_id, &keys)?;
    let states: Vec<_> = new
        .iter()
        .filter_map(|new| {
            let id = added.get(new.key)?.id;
            Some((
                system_states::system_id.eq(id.0),
                system_states::replay_high.eq(0),
                system_states::replay_window.eq(0),
                system_states::boot_id.eq(new.boot_id),
                system_states::address.eq(&new.address),
                system_states::interval_secs.eq(i64::from(new.interval_secs)),
            ))
        })
        .collect();
    per_backend!(conn, c => diesel::insert_into(system_states::table).values(&states).execute(c))?;
    Ok(added)
}

#[derive(Debug, Insertable)]
#[diesel(table_name = systems)]
#[diesel(treat_none_as_default_value = false)]
struct SystemRow<'a> {
    organization_id: i64,
    public_key: &'a [u8],
    status: &'static str,
    status_changed_ms: i64,
    status_changed_by: &'a str,
    hostname: &'a str,
    claimed_addresses: String,
    os: &'a str,
    os_family: &'a str,
    arch: &'a str,
    kernel: Option<&'a str>,
    machine_id_hash: Option<&'a str>,
    agent_version: &'a str,
    first_seen_ms: i64,
}

impl<'a> SystemRow<'a> {
    fn of(new: &'a NewSystem<'a>) -> Self {
        let facts = new.facts;
        let status = match new.approved_by {
            Some(_) => SystemStatus::Active,
            None => SystemStatus::Pending,
        };
        SystemRow {
            organization_id: new.organization_id,
            public_key: new.key.as_bytes(),
            status: status.as_str(),
            status_changed_ms: new.now.0,
            status_changed_by: new.approved_by.as_deref().unwrap_or("agent"),
            hostname: &facts.hostname,
            claimed_addresses: serde_json::json!(facts.addresses).to_string(),
            os: &facts.os,
            os_family: &facts.os_family,
            arch: &facts.arch,
            kernel: facts.kernel.as_deref(),
            machine_id_hash: facts.machine_id_hash.as_deref(),
            agent_version: new.agent_version,
            first_seen_ms: new.now.0,
        }
    }
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
