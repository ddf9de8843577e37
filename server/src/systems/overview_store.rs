//! The fleet in numbers: one pass over the rows, with the same thresholds as `presence`.

use super::boots::Boots;
use super::presence::presence;
use crate::error::Error;
use crate::per_backend;
use crate::storage::Conn;
use crate::storage::schema::{system_states, systems};
use diesel::prelude::*;
use scm_protocol::events::{FleetCounts, OfflineSystem};
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::Presence;

/// What the dashboard shows of the fleet.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How many are in which state.
    pub counts: FleetCounts,
    /// First contact of the Pending system that waits longest.
    pub oldest_pending: Option<UnixMillis>,
    /// Some silent systems, longest silent first.
    pub offline: Vec<OfflineSystem>,
}

const SHOWN_OFFLINE: usize = 5;

/// Status, interval, last seen, first seen, id, runs of the agent.
type Row = (String, i64, Option<i64>, i64, i64, String);

/// Counts the fleet.
pub(super) fn fleet(
    conn: &mut Conn,
    organization_id: i64,
    started: UnixMillis,
    now: UnixMillis,
) -> Result<Fleet, Error> {
    let rows: Vec<Row> = per_backend!(conn, c => systems::table
        .inner_join(system_states::table)
        .filter(systems::organization_id.eq(organization_id))
        .select((
            systems::status,
            system_states::interval_secs,
            system_states::last_seen_ms,
            systems::first_seen_ms,
            systems::id,
            system_states::boots,
        ))
        .load(c)?);
    let mut fleet = Fleet {
        counts: FleetCounts::default(),
        oldest_pending: None,
        offline: Vec::new(),
    };
    let mut silent = Vec::new();
    for row in &rows {
        count(&mut fleet, row, started, now, &mut silent);
    }
    silent.sort_unstable();
    silent.truncate(SHOWN_OFFLINE);
    fleet.offline = names(conn, &silent)?;
    Ok(fleet)
}

fn count(fleet: &mut Fleet, row: &Row, started: UnixMillis, now: UnixMillis, silent: &mut Vec<(i64, i64)>) {
    let (status, interval_secs, last_seen, first_seen, id, boots) = row;
    let counts = &mut fleet.counts;
    counts.total += 1;
    counts.cloned += i64::from(boots.parse::<Boots>().is_ok_and(|boots| boots.has_quarantined()));
    match (status.as_str(), last_seen) {
        ("pending", _) => {
            counts.pending += 1;
            let first = UnixMillis(*first_seen);
            fleet.oldest_pending = Some(fleet.oldest_pending.map_or(first, |oldest| oldest.min(first)));
        }
        ("revoked", _) => counts.revoked += 1,
        ("denied", _) => counts.denied += 1,
        (_, last_seen) => match presence(last_seen.map(UnixMillis), *interval_secs, started, now) {
            Presence::NeverSeen => counts.never_seen += 1,
            Presence::Online => counts.online += 1,
            Presence::Late => counts.late += 1,
            Presence::Offline => {
                counts.offline += 1;
                silent.extend(last_seen.map(|seen| (seen, *id)));
            }
        },
    }
}

fn names(conn: &mut Conn, silent: &[(i64, i64)]) -> Result<Vec<OfflineSystem>, Error> {
    silent
        .iter()
        .map(|(seen, id)| {
            let hostname = systems::table.find(*id).select(systems::hostname).first(conn)?;
            Ok(OfflineSystem {
                id: SystemId(*id),
                hostname,
                last_seen_ms: Some(UnixMillis(*seen)),
            })
        })
        .collect()
}
