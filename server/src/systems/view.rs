//! From rows to what the console is told.

use super::boots;
use super::conflict_service;
use super::conflict_store::ConflictRow;
use super::presence::presence;
use super::store::{Record, StateRecord, SystemRecord};
use crate::app::App;
use crate::error::Error;
use scm_protocol::identity::PublicKey;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::{Duplicate, SystemDetail, SystemStatus, SystemSummary};
use scm_protocol::telemetry::Container;

/// A clock this far off is worth a word, in milliseconds.
const NOTABLE_SKEW_MS: i64 = 10_000;
/// How long a reboot is news, in milliseconds.
pub(super) const REBOOT_NEWS_MS: i64 = 600_000;
/// How long a system is new, in milliseconds.
pub(super) const NEW_MS: i64 = 86_400_000;

/// The instants that presence is measured by.
#[derive(Clone, Copy, Debug)]
pub struct Instants {
    /// When this server process started.
    pub started: UnixMillis,
    /// The time of the question.
    pub now: UnixMillis,
}

impl Instants {
    /// Now.
    pub fn of(app: &App) -> Self {
        Instants {
            started: app.started,
            now: app.clock.now(),
        }
    }
}

fn damaged(system: &SystemRecord) -> Error {
    Error::internal(format!("the row of system {} is damaged", system.id))
}

/// A row of the list.
pub(super) fn summary(
    (system, state): &Record,
    tags: Vec<String>,
    instants: Instants,
) -> Result<SystemSummary, Error> {
    let status = SystemStatus::parse(&system.status).ok_or_else(|| damaged(system))?;
    let Instants { started, now } = instants;
    let last_seen = state.last_seen_ms.map(UnixMillis);
    Ok(SystemSummary {
        id: SystemId(system.id),
        hostname: system.hostname.clone(),
        status,
        presence: presence(last_seen, state.interval_secs, started, now),
        rebooted: state
            .rebooted_ms
            .is_some_and(|at| now.since(UnixMillis(at)) < REBOOT_NEWS_MS),
        cloned: boots::is_contested(&state.boots),
        clock_skew_ms: state.clock_skew_ms.filter(|skew| skew.abs() > NOTABLE_SKEW_MS),
        first_seen_ms: UnixMillis(system.first_seen_ms),
        last_seen_ms: last_seen,
        agent_version: system.agent_version.clone(),
        os: system.os.clone(),
        os_family: system.os_family.clone(),
        arch: system.arch.clone(),
        address: state.address.clone(),
        cpu_percent: state.cpu_percent.map(percent),
        mem_used_bytes: state.mem_used_bytes,
        mem_total_bytes: state.mem_total_bytes,
        disk_used_bytes: state.disk_used_bytes,
        disk_total_bytes: state.disk_total_bytes,
        uptime_secs: state.uptime_secs,
        container_count: containers(state).map(|list| i32::try_from(list.len()).unwrap_or(i32::MAX)),
        tags,
    })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a percentage was stored from an f32"
)]
fn percent(value: f64) -> f32 {
    value as f32
}

fn containers(state: &StateRecord) -> Option<Vec<Container>> {
    state
        .containers
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
}

/// The public key of a row.
pub(super) fn public_key(system: &SystemRecord) -> Result<PublicKey, Error> {
    let bytes: [u8; 32] = system
        .public_key
        .as_slice()
        .try_into()
        .map_err(|_| damaged(system))?;
    PublicKey::from_bytes(&bytes).map_err(|_| damaged(system))
}

/// Everything about one system; `similar` are the systems that share something with it.
pub(super) fn detail(
    (record, similar): (&Record, &[Record]),
    conflicts: Vec<ConflictRow>,
    (tags, note): (Vec<String>, Option<String>),
    instants: Instants,
) -> Result<SystemDetail, Error> {
    let (system, state) = record;
    let public_key = public_key(system)?;
    let fingerprint = public_key.fingerprint();
    let duplicates = similar
        .iter()
        .map(|other| duplicate(record, other))
        .collect::<Result<_, _>>()?;
    Ok(SystemDetail {
        summary: summary(record, tags, instants)?,
        public_key,
        fingerprint,
        fingerprint_words: fingerprint.words(),
        key_since_ms: system.key_since_ms.map(UnixMillis),
        key_rotation_asked_ms: system.key_rotation_asked_ms.map(UnixMillis),
        claimed_addresses: serde_json::from_str(&system.claimed_addresses).unwrap_or_default(),
        kernel: system.kernel.clone(),
        machine_id_hash: system.machine_id_hash.clone(),
        boot_id: state.boot_id.clone(),
        containers: containers(state).unwrap_or_default(),
        checkin_interval_secs: u32::try_from(state.interval_secs).unwrap_or(u32::MAX),
        status_changed_ms: UnixMillis(system.status_changed_ms),
        status_changed_by: system.status_changed_by.clone(),
        duplicates,
        certificate: None,
        conflicts: conflicts.into_iter().map(conflict_service::view).collect(),
        note,
    })
}

fn duplicate((system, state): &Record, (other, other_state): &Record) -> Result<Duplicate, Error> {
    let machine = system.machine_id_hash.is_some() && system.machine_id_hash == other.machine_id_hash;
    let shares = [
        ("hostname", system.hostname == other.hostname),
        ("machine_id", machine),
        ("address", state.address == other_state.address),
    ];
    Ok(Duplicate {
        id: SystemId(other.id),
        hostname: other.hostname.clone(),
        status: SystemStatus::parse(&other.status).ok_or_else(|| damaged(other))?,
        shares: shares
            .iter()
            .filter(|(_, same)| *same)
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    })
}
