//! The fleet in numbers: one pass over it, with the same thresholds as lists.

use super::conflict_store;
use super::mirror::Mirror;
use super::observed::SystemFacts;
use super::view::Instants;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::events::{FleetCounts, OfflineSystem};
use scm_protocol::ids::UnixMillis;
use scm_protocol::systems::{Presence, SystemStatus};
use scm_rules::Needs;

/// What the dashboard shows of the fleet.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    /// How many are in which state.
    pub counts: FleetCounts,
    /// First contact of the Pending system that waits longest.
    pub oldest_pending: Option<UnixMillis>,
    /// Some silent systems, longest silent first.
    pub offline: Vec<OfflineSystem>,
}

const SHOWN_OFFLINE: usize = 5;

/// Counts the fleet, as far behind as lists are.
pub(super) fn fleet(
    conn: &mut Conn,
    mirror: &Mirror,
    organization_id: i64,
    instants: Instants,
) -> Result<Fleet, Error> {
    let mut fleet = Fleet::default();
    mirror.scan(conn, organization_id, Needs::default(), |system| {
        fleet.count(system, instants)
    })?;
    fleet.counts.cloned = conflict_store::count_contested(conn, organization_id)?;
    Ok(fleet)
}

impl Fleet {
    fn count(&mut self, system: &SystemFacts, instants: Instants) -> Result<(), Error> {
        let counts = &mut self.counts;
        counts.total += 1;
        match system.status()? {
            SystemStatus::Pending => {
                counts.pending += 1;
                let first = system.first_seen();
                self.oldest_pending = Some(self.oldest_pending.map_or(first, |oldest| oldest.min(first)));
            }
            SystemStatus::Revoked => counts.revoked += 1,
            SystemStatus::Denied => counts.denied += 1,
            SystemStatus::Active => match system.presence(instants) {
                Presence::NeverSeen => counts.never_seen += 1,
                Presence::Online => counts.online += 1,
                Presence::Late => counts.late += 1,
                Presence::Offline => {
                    counts.offline += 1;
                    self.silent(system);
                }
            },
        }
        Ok(())
    }

    /// Takes a silent system among those that are shown, where it was silent for longer than one of them.
    fn silent(&mut self, system: &SystemFacts) {
        let seen = system.last_seen();
        let place = self.offline.partition_point(|shown| shown.last_seen_ms <= seen);
        if place < SHOWN_OFFLINE {
            self.offline.truncate(SHOWN_OFFLINE - 1);
            self.offline.insert(
                place,
                OfflineSystem {
                    id: system.id(),
                    hostname: system.hostname().to_owned(),
                    last_seen_ms: seen,
                },
            );
        }
    }
}
