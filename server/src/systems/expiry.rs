//! Removes Pending systems that were not heard of for `pending.expire_days`, oldest first, each with an audit entry.
//!
//! Invariants: time at which no server was up does not count, because nobody could have been heard of then; a system that
//! checks in while it is looked at stays; several servers may look at once, and a row is removed and recorded by one.
//! Whoever lives still is told `unknown_system` at its next contact and comes back as new.

use super::expiry_store::{self, Silent};
use crate::app::App;
use crate::audit::{Actor, Entry, Outcome};
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::{SystemId, UnixMillis};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How often a server says that it is up, and looks.
const PERIOD: Duration = Duration::from_secs(60);
/// From this silence of all servers on, it was an outage.
const OUTAGE_MS: i64 = 5 * 60_000;
/// Systems that are removed in one transaction.
const BATCH: i64 = 100;
const DAY_MS: i64 = 86_400_000;

/// Looks until the server stops, at once for the first time.
pub async fn expire_pending(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        if let Err(error) = look(&app).await {
            tracing::warn!(error = %error, "expired pending systems could not be removed, it is tried again later");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn look(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    app.storage
        .writer
        .run(move |conn| expiry_store::say_alive(conn, now, OUTAGE_MS))
        .await?;
    for organization in app.organizations.all() {
        let organization_id = organization.id;
        let settings = app.organization_settings.of(organization_id);
        let Some(days) = settings.pending_expire_days() else {
            continue;
        };
        while remove_some(app, organization_id, days * DAY_MS).await? {}
    }
    Ok(())
}

/// Removes a batch; whether there may be more.
async fn remove_some(app: &App, organization_id: i64, limit_ms: i64) -> Result<bool, Error> {
    let now = app.clock.now();
    let removed = app
        .storage
        .writer
        .run(move |conn| remove(conn, organization_id, limit_ms, now))
        .await?;
    app.wake(&removed);
    for id in &removed {
        app.keys.forget(*id);
        app.events.listed(organization_id, *id);
        tracing::info!(system.id = %id, "a pending system that was not heard of any more was removed");
    }
    Ok(i64::try_from(removed.len()).unwrap_or(BATCH) == BATCH)
}

fn remove(
    conn: &mut Conn,
    organization_id: i64,
    limit_ms: i64,
    now: UnixMillis,
) -> Result<Vec<SystemId>, Error> {
    let outages = expiry_store::outages(conn)?;
    let silent = expiry_store::silent(conn, organization_id, now.plus(-limit_ms), BATCH)?;
    let mut removed = Vec::new();
    for system in silent {
        let silence_ms = unexcused_ms(system.contact, now, &outages);
        // Oldest first: none of those that follow was silent for longer.
        if silence_ms <= limit_ms {
            break;
        }
        expiry_store::remove(conn, system.id)?;
        record(conn, organization_id, &system, silence_ms, now)?;
        removed.push(system.id);
    }
    Ok(removed)
}

/// How long it was silent while a server was up to hear it.
fn unexcused_ms(contact: UnixMillis, now: UnixMillis, outages: &[(UnixMillis, UnixMillis)]) -> i64 {
    let excused = outages.iter().map(|(from, to)| {
        let (from, to) = ((*from).max(contact), (*to).min(now));
        to.since(from).max(0)
    });
    now.since(contact) - excused.sum::<i64>()
}

fn record(
    conn: &mut Conn,
    organization_id: i64,
    system: &Silent,
    silence_ms: i64,
    now: UnixMillis,
) -> Result<(), Error> {
    let actor = Actor {
        name: "server".to_owned(),
        address: String::new(),
    };
    Entry {
        organization_id,
        at: now,
        actor: &actor,
        action: "systems.expire",
        target: &format!("system:{}", system.id),
        outcome: Outcome::Done,
        detail: json!({
            "hostname": system.hostname,
            "before": "pending",
            "after": "gone",
            "last_contact_ms": system.contact,
            "silent_days": silence_ms / DAY_MS,
        }),
    }
    .write(conn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    const DAY: i64 = DAY_MS;

    #[test]
    fn an_outage_excuses_silence() {
        let at = |day: i64| UnixMillis(day * DAY);
        let outages = [(at(2), at(4)), (at(9), at(12))];
        for (contact, now, days) in [
            (0, 2, 2),
            (0, 10, 7),
            (3, 10, 5),
            (4, 9, 5),
            (10, 11, 0),
            (13, 20, 7),
        ] {
            assert_eq!(
                unexcused_ms(at(contact), at(now), &outages),
                days * DAY,
                "{contact} {now}"
            );
        }
    }

    async fn storage(folder: &tempfile::TempDir) -> Storage {
        let storage = Storage::open(&DatabaseUrl::Sqlite(folder.path().join("test.db"))).unwrap();
        // 1 and 2 were last heard of on days 1 and 5, 3 never after its registration on day 2; 4 is active.
        let mut rows = "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'x', x'', x'', 0);".to_owned();
        for (id, status, first, last) in [
            (1, "pending", 0, "86400000"),
            (2, "pending", 0, "432000000"),
            (3, "pending", 172_800_000, "NULL"),
            (4, "active", 0, "0"),
        ] {
            rows += &format!(
                "INSERT INTO systems (id, organization_id, public_key, status, status_changed_ms, status_changed_by, \
                 hostname, claimed_addresses, os, os_family, arch, agent_version, first_seen_ms) VALUES \
                 ({id}, 1, x'0{id}', '{status}', 0, '', 'h{id}', '[]', '', '', '', '', {first}); \
                 INSERT INTO system_states (system_id, replay_high, replay_window, boot_id, address, interval_secs, \
                 last_seen_ms) VALUES ({id}, 0, 0, '', '', 10, {last});"
            );
        }
        storage
            .writer
            .run(move |conn| Ok(conn.batch_execute(&rows)?))
            .await
            .unwrap();
        storage
    }

    #[tokio::test]
    async fn the_silent_go_oldest_first_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder).await;
        let gone = async |days: i64, now: i64| {
            let now = UnixMillis(now * DAY + 1);
            let removed = storage
                .writer
                .run(move |conn| remove(conn, 1, days * DAY, now))
                .await;
            removed.unwrap().into_iter().map(|id| id.0).collect::<Vec<i64>>()
        };
        assert_eq!(gone(30, 30).await, Vec::<i64>::new());
        assert_eq!(gone(30, 32).await, [1, 3]);
        assert_eq!(gone(30, 34).await, Vec::<i64>::new());
        assert_eq!(gone(30, 400).await, [2]);
        assert_eq!(gone(0, 400).await, Vec::<i64>::new());
    }

    #[tokio::test]
    async fn silence_of_all_servers_is_an_outage_once() {
        let folder = tempfile::tempdir().unwrap();
        let storage = storage(&folder).await;
        let say = async |minute: i64| {
            let now = UnixMillis(minute * 60_000);
            let said = storage
                .writer
                .run(move |conn| expiry_store::say_alive(conn, now, OUTAGE_MS));
            said.await.unwrap();
        };
        for minute in [1, 2, 6, 100, 100, 99, 103] {
            say(minute).await;
        }
        let outages = storage.readers.run(expiry_store::outages).await.unwrap();
        assert_eq!(outages, [(UnixMillis(360_000), UnixMillis(6_000_000))]);
        let now = UnixMillis(6_000_000);
        let removed = storage
            .writer
            .run(move |conn| remove(conn, 1, DAY, now))
            .await
            .unwrap();
        assert_eq!(removed, []);
    }
}
