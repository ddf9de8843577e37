//! Which systems fell silent between two looks.

use super::presence::{GRACE_MS, LATE_PER_SEC, OFFLINE_PER_SEC};
use crate::error::Error;
use crate::storage::Conn;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use scm_protocol::ids::{SystemId, UnixMillis};
use std::collections::HashMap;

#[derive(Debug, QueryableByName)]
struct Crossed {
    #[diesel(sql_type = BigInt)]
    organization_id: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
}

/// Systems that became late or offline after `before` and up to `now`, by organization. The thresholds are those of
/// `presence`; the statement is the same on both backends.
pub(super) fn crossed(
    conn: &mut Conn,
    before: UnixMillis,
    now: UnixMillis,
    started: UnixMillis,
) -> Result<HashMap<i64, Vec<SystemId>>, Error> {
    let statement = format!(
        "SELECT s.organization_id, s.id FROM systems s JOIN system_states t ON t.system_id = s.id \
         WHERE s.status = 'active' AND t.last_seen_ms IS NOT NULL AND ( \
           (t.last_seen_ms + t.interval_secs * {LATE_PER_SEC} + {GRACE_MS} > $1 \
            AND t.last_seen_ms + t.interval_secs * {LATE_PER_SEC} + {GRACE_MS} <= $2) \
           OR ((CASE WHEN t.last_seen_ms > $3 THEN t.last_seen_ms ELSE $4 END) \
               + t.interval_secs * {OFFLINE_PER_SEC} + {GRACE_MS} > $5 \
            AND (CASE WHEN t.last_seen_ms > $6 THEN t.last_seen_ms ELSE $7 END) \
               + t.interval_secs * {OFFLINE_PER_SEC} + {GRACE_MS} <= $8))"
    );
    let rows: Vec<Crossed> = diesel::sql_query(statement)
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(now.0)
        .bind::<BigInt, _>(started.0)
        .bind::<BigInt, _>(started.0)
        .bind::<BigInt, _>(before.0)
        .bind::<BigInt, _>(started.0)
        .bind::<BigInt, _>(started.0)
        .bind::<BigInt, _>(now.0)
        .load(conn)?;
    let mut by_organization: HashMap<i64, Vec<SystemId>> = HashMap::new();
    for row in rows {
        by_organization
            .entry(row.organization_id)
            .or_default()
            .push(SystemId(row.id));
    }
    Ok(by_organization)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    #[tokio::test]
    async fn each_threshold_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        let add = "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'x', x'', x'', 0); \
            INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, hostname, \
            claimed_addresses, os, os_family, arch, agent_version, first_seen_ms) \
            VALUES (7, 1, x'', 'active', 0, '', 'h', '[]', '', '', '', '', 0); \
            INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, address, interval_secs, last_seen_ms) \
            VALUES (7, 0, 0, '', '', 10, 1000000)";
        storage
            .writer
            .run(|conn| Ok(conn.batch_execute(add)?))
            .await
            .unwrap();
        // Late 25 s after the last contact, offline 40 s after it.
        let told = async |from: i64, to: i64, started: i64| {
            let read = move |conn: &mut Conn| {
                crossed(
                    conn,
                    UnixMillis(1_000_000 + from),
                    UnixMillis(1_000_000 + to),
                    UnixMillis(started),
                )
            };
            !storage.readers.run(read).await.unwrap().is_empty()
        };
        assert!(!told(20_000, 24_999, 0).await);
        assert!(told(24_999, 25_000, 0).await);
        assert!(!told(25_000, 30_000, 0).await);
        assert!(told(35_000, 40_000, 0).await);
        assert!(!told(40_000, 99_000, 0).await);
        // A server that started a minute later tells it a minute later.
        assert!(!told(35_000, 40_000, 1_060_000).await);
        assert!(told(95_000, 100_000, 1_060_000).await);
    }
}
