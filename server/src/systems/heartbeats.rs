//! Heartbeats in the audit: one of each system per so many minutes, in the transaction of the batch that it came with.
//!
//! The time of the last one stands in the row that the batch reads and writes anyway, so that looking costs nothing and a
//! batch adds one statement, whatever number of its heartbeats is due.

use crate::audit::{self, Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{SystemId, UnixMillis};
use scm_protocol::systems::SystemStatus;
use serde_json::json;

const MINUTE_MS: i64 = 60_000;

/// A heartbeat to record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heartbeat<'a> {
    pub organization_id: i64,
    pub id: SystemId,
    pub status: SystemStatus,
    pub address: &'a str,
}

/// Whether a heartbeat is to be recorded, the last one having been recorded then. A clock that was set back does not end it.
pub(super) fn is_due(last: Option<UnixMillis>, every_minutes: Option<i64>, now: UnixMillis) -> bool {
    every_minutes
        .is_some_and(|minutes| last.is_none_or(|last| !(0..minutes * MINUTE_MS).contains(&now.since(last))))
}

/// Records them all at once.
///
/// # Errors
/// When the database fails.
pub(super) fn record(conn: &mut Conn, heartbeats: &[Heartbeat<'_>], now: UnixMillis) -> Result<(), Error> {
    if heartbeats.is_empty() {
        return Ok(());
    }
    let actors: Vec<Actor> = heartbeats
        .iter()
        .map(|heartbeat| Actor {
            name: format!("system:{}", heartbeat.id),
            address: heartbeat.address.to_owned(),
        })
        .collect();
    let entries: Vec<Entry<'_>> = heartbeats
        .iter()
        .zip(&actors)
        .map(|(heartbeat, actor)| Entry {
            organization_id: heartbeat.organization_id,
            at: now,
            actor,
            action: "systems.checkin",
            target: &actor.name,
            outcome: Outcome::Done,
            detail: json!({ "status": heartbeat.status.as_str() }),
        })
        .collect();
    audit::record_all(conn, &entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heartbeat_is_due_once_per_period() {
        let now = UnixMillis(100 * MINUTE_MS);
        let ago = |ms: i64| Some(UnixMillis(now.0 - ms));
        assert!(is_due(None, Some(5), now));
        assert!(!is_due(None, None, now) && !is_due(ago(i64::from(u32::MAX)), None, now));
        assert!(!is_due(ago(5 * MINUTE_MS - 1), Some(5), now) && !is_due(ago(0), Some(5), now));
        assert!(is_due(ago(5 * MINUTE_MS), Some(5), now));
        assert!(is_due(ago(-1), Some(5), now), "the clock was set back");
    }
}
