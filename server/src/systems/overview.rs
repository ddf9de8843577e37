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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Events;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    const NOW: i64 = 1_000_000;

    /// Status, first contact, last sign of life; their ids are their places, from 1 on.
    const SYSTEMS: &[(&str, i64, Option<i64>)] = &[
        ("pending", 50, None),
        ("pending", 40, Some(NOW)),
        ("revoked", 1, Some(1)),
        ("denied", 1, None),
        ("active", 1, None),
        ("active", 1, Some(NOW - 1)),
        // An interval of a minute, and a half, and what a slow network may take.
        ("active", 1, Some(NOW - 99_999)),
        ("active", 1, Some(NOW - 100_000)),
        ("active", 1, Some(NOW - 189_999)),
        ("active", 1, Some(5000)),
        ("active", 1, Some(3000)),
        ("active", 1, Some(4000)),
        ("active", 1, Some(1000)),
        ("active", 1, Some(6000)),
        ("active", 1, Some(3000)),
        ("active", 1, Some(7000)),
    ];

    fn rows() -> String {
        let mut sql = "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) \
            VALUES (1, 'default', x'00', x'00', 0), (2, 'other', x'00', x'00', 0);"
            .to_owned();
        // One of another organization is nobody's business here.
        let systems = SYSTEMS.iter().map(|system| (1, system));
        let systems = systems.chain([(2, &("pending", 1, None))]);
        for ((organization, (status, first, last)), id) in systems.zip(1..) {
            let last = last.map_or("NULL".to_owned(), |last| last.to_string());
            sql += &format!(
                "INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, hostname, \
                 claimed_addresses, os, os_family, arch, agent_version, first_seen_ms) \
                 VALUES ({id}, {organization}, x'{id:02}', '{status}', 1, 't', 'h{id}', '[]', '', '', '', '1.0.0', {first});\
                 INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, address, interval_secs, last_seen_ms) \
                 VALUES ({id}, 0, 0, '', '', 60, {last});"
            );
        }
        sql
    }

    #[tokio::test]
    async fn every_system_is_counted_once_and_the_longest_silent_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let written = storage.writer.run(|conn| Ok(conn.batch_execute(&rows())?));
        written.await.unwrap();
        let mirror = Mirror::new(Events::default().marks());
        let instants = Instants {
            started: UnixMillis(0),
            now: UnixMillis(NOW),
        };
        let counted = storage.readers.run(move |conn| fleet(conn, &mirror, 1, instants));
        let Fleet {
            counts,
            oldest_pending,
            offline,
        } = counted.await.unwrap();
        let expected = FleetCounts {
            total: 16,
            pending: 2,
            revoked: 1,
            denied: 1,
            never_seen: 1,
            online: 2,
            late: 2,
            offline: 7,
            ..FleetCounts::default()
        };
        assert_eq!(counts, expected);
        assert_eq!(oldest_pending, Some(UnixMillis(40)));
        let named: Vec<&str> = offline.iter().map(|system| system.hostname.as_str()).collect();
        assert_eq!(named, ["h13", "h11", "h15", "h12", "h10"]);
        assert_eq!(offline[0].last_seen_ms, Some(UnixMillis(1000)));
    }
}
