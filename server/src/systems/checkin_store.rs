//! Reading and writing the rows of a whole batch of check-ins: a handful of statements whatever its size.

use super::decide::{Accepted, Known};
use super::replay::ReplayWindow;
use super::state_store::{self, StateRow};
use crate::certificates::Issued;
use crate::error::Error;
use crate::storage::schema::{system_states, systems, telemetry_samples};
use crate::storage::{Conn, one_of};
use diesel::prelude::*;
use scm_protocol::agent::HostFacts;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use scm_protocol::telemetry::Telemetry;
use std::collections::HashMap;

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = systems)]
struct SystemPart {
    id: i64,
    organization_id: i64,
    public_key: Vec<u8>,
    status: String,
    agent_version: String,
    certificate_serial: Option<String>,
    certificate_previous: Option<String>,
    certificate_not_after_ms: Option<i64>,
    hostname: String,
    os: String,
    os_family: String,
    arch: String,
    key_rotation_asked_ms: Option<i64>,
    actions_digest: String,
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = system_states)]
struct StatePart {
    replay_high: i64,
    replay_window: i64,
    replay_mark: Option<i64>,
    boot_id: String,
    boots: String,
    address: String,
    last_seen_ms: Option<i64>,
    rebooted_ms: Option<i64>,
    uptime_secs: Option<i64>,
    heartbeat_audited_ms: Option<i64>,
}

/// A system of the batch with the organization that it belongs to.
#[derive(Debug)]
pub(super) struct BatchSystem {
    pub organization_id: i64,
    /// When a heartbeat of it was last recorded in the audit.
    pub heartbeat_audited: Option<UnixMillis>,
    pub known: Known,
    pub host: Host,
    /// Where it was last heard from.
    pub address: String,
}

/// What the rules may ask of a host beside its telemetry, as last reported.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub hostname: String,
    pub os: String,
    pub os_family: String,
    pub arch: String,
}

/// Reads the systems of a batch, locked until the commit (on PostgreSQL in the order of their ids, so that two replicas
/// never wait for each other in a circle; on SQLite the writer holds the only lock already).
pub(super) fn load(conn: &mut Conn, ids: &[i64]) -> Result<HashMap<SystemId, BatchSystem>, Error> {
    let rows: Vec<(SystemPart, StatePart)> = match conn {
        Conn::Sqlite(c) => systems::table
            .inner_join(system_states::table)
            .filter(one_of(systems::id, ids))
            .select((SystemPart::as_select(), StatePart::as_select()))
            .load(c)?,
        Conn::Postgres(c) => systems::table
            .inner_join(system_states::table)
            .filter(systems::id.eq_any(ids))
            .order(systems::id)
            .select((SystemPart::as_select(), StatePart::as_select()))
            .for_update()
            .load(c)?,
    };
    rows.into_iter()
        .map(|(system, state)| Ok((SystemId(system.id), batch_system(system, state)?)))
        .collect()
}

fn batch_system(system: SystemPart, state: StatePart) -> Result<BatchSystem, Error> {
    let damaged = || Error::internal(format!("the row of system {} is damaged", system.id));
    let known = Known {
        id: SystemId(system.id),
        public_key: system.public_key.as_slice().try_into().map_err(|_| damaged())?,
        status: SystemStatus::parse(&system.status).ok_or_else(damaged)?,
        replay: ReplayWindow::from_columns(state.replay_high, state.replay_window),
        replay_mark: state.replay_mark,
        boot_id: state.boot_id,
        boots: state.boots,
        address: state.address,
        actions: system.actions_digest,
        last_seen: state.last_seen_ms.map(UnixMillis),
        rebooted: state.rebooted_ms.map(UnixMillis),
        telemetry: Telemetry {
            uptime_secs: state.uptime_secs,
            ..Telemetry::default()
        },
        agent_version: system.agent_version,
        certificates: Issued {
            newest: system.certificate_serial,
            previous: system.certificate_previous,
            not_after: system.certificate_not_after_ms.map(UnixMillis),
        },
        key_rotation_asked: system.key_rotation_asked_ms.is_some(),
    };
    Ok(BatchSystem {
        organization_id: system.organization_id,
        heartbeat_audited: state.heartbeat_audited_ms.map(UnixMillis),
        known,
        host: Host {
            hostname: system.hostname,
            os: system.os,
            os_family: system.os_family,
            arch: system.arch,
        },
        address: String::new(),
    })
}

#[derive(Debug, Insertable)]
#[diesel(table_name = telemetry_samples)]
#[diesel(treat_none_as_default_value = false)]
struct SampleRow {
    system_id: i64,
    at_ms: i64,
    cpu_percent: Option<f64>,
    mem_used_bytes: Option<i64>,
    disk_used_bytes: Option<i64>,
}

/// An accepted check-in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written<'a> {
    pub accepted: &'a Accepted,
    /// The address that it came from.
    pub address: &'a str,
    /// When a heartbeat of the system was last recorded in the audit, this one included.
    pub heartbeat_audited: Option<UnixMillis>,
}

/// Writes everything that a batch changes: states, samples, and the rare changes of versions and facts. Where a system
/// checked in twice, the later one comes later in `accepted`.
pub(super) fn save(conn: &mut Conn, accepted: &[Written<'_>], now: UnixMillis) -> Result<(), Error> {
    let latest: HashMap<SystemId, Written<'_>> = accepted
        .iter()
        .map(|written| (written.accepted.after.id, *written))
        .collect();
    let states = latest
        .values()
        .map(|written| state_row(*written))
        .collect::<Vec<_>>();
    state_store::save(conn, &states)?;
    let samples = accepted
        .iter()
        .filter(|written| written.accepted.sample)
        .map(|written| sample_row(written.accepted, now));
    save_samples(conn, &samples.collect::<Vec<_>>())?;
    for accepted in accepted.iter().map(|written| written.accepted) {
        if let Some(facts) = &accepted.facts {
            save_facts(conn, accepted.after.id, facts, &accepted.after.agent_version)?;
        }
    }
    Ok(())
}

/// Adds rows of telemetry. On SQLite one statement that stays prepared takes each of them: writing them all out in one is
/// dearer than what it does.
fn save_samples(conn: &mut Conn, samples: &[SampleRow]) -> Result<(), Error> {
    match conn {
        Conn::Sqlite(c) => {
            for sample in samples {
                diesel::insert_into(telemetry_samples::table)
                    .values(sample)
                    .on_conflict_do_nothing()
                    .execute(c)?;
            }
        }
        Conn::Postgres(c) => {
            diesel::insert_into(telemetry_samples::table)
                .values(samples)
                .on_conflict_do_nothing()
                .execute(c)?;
        }
    }
    Ok(())
}

/// Writes which sequence numbers of a system were used.
pub(super) fn save_window(conn: &mut Conn, id: SystemId, window: ReplayWindow) -> Result<(), Error> {
    let (high, seen) = window.columns();
    diesel::update(system_states::table.find(id.0))
        .set((
            system_states::replay_high.eq(high),
            system_states::replay_window.eq(seen),
        ))
        .execute(conn)?;
    Ok(())
}

/// Writes which actions a system offers, by their digest.
pub(super) fn save_actions_digest(conn: &mut Conn, id: SystemId, digest: &str) -> Result<(), Error> {
    diesel::update(systems::table.find(id.0))
        .set(systems::actions_digest.eq(digest))
        .execute(conn)?;
    Ok(())
}

fn state_row(written: Written<'_>) -> StateRow {
    let accepted = written.accepted;
    let after = &accepted.after;
    let telemetry = &after.telemetry;
    let (replay_high, replay_window) = after.replay.columns();
    StateRow {
        system_id: after.id.0,
        replay_high,
        replay_window,
        replay_mark: after.replay_mark,
        boot_id: after.boot_id.clone(),
        boots: after.boots.clone(),
        address: written.address.to_owned(),
        interval_secs: i64::from(accepted.reply.next_checkin_secs),
        last_seen_ms: after.last_seen.map(|at| at.0),
        clock_skew_ms: Some(accepted.clock_skew_ms),
        rebooted_ms: after.rebooted.map(|at| at.0),
        cpu_percent: telemetry.cpu_percent.map(f64::from),
        mem_used_bytes: telemetry.mem_used_bytes,
        mem_total_bytes: telemetry.mem_total_bytes,
        disk_used_bytes: telemetry.disk_used_bytes,
        disk_total_bytes: telemetry.disk_total_bytes,
        uptime_secs: telemetry.uptime_secs,
        containers: telemetry
            .containers
            .as_ref()
            .and_then(|list| serde_json::to_string(list).ok()),
        heartbeat_audited_ms: written.heartbeat_audited.map(|at| at.0),
    }
}

fn sample_row(accepted: &Accepted, now: UnixMillis) -> SampleRow {
    let telemetry = &accepted.after.telemetry;
    SampleRow {
        system_id: accepted.after.id.0,
        at_ms: now.0,
        cpu_percent: telemetry.cpu_percent.map(f64::from),
        mem_used_bytes: telemetry.mem_used_bytes,
        disk_used_bytes: telemetry.disk_used_bytes,
    }
}

fn save_facts(conn: &mut Conn, id: SystemId, facts: &HostFacts, agent_version: &str) -> Result<(), Error> {
    diesel::update(systems::table.find(id.0))
        .set((
            systems::hostname.eq(&facts.hostname),
            systems::claimed_addresses.eq(serde_json::json!(facts.addresses).to_string()),
            systems::os.eq(&facts.os),
            systems::os_family.eq(&facts.os_family),
            systems::arch.eq(&facts.arch),
            systems::kernel.eq(&facts.kernel),
            systems::machine_id_hash.eq(&facts.machine_id_hash),
            systems::agent_version.eq(agent_version),
        ))
        .execute(conn)?;
    Ok(())
}
