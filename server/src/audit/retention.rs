//! Deletes what is older than the organization keeps, and leaves a signed anchor at the cut, so that the rest still verifies.
//!
//! Invariants: deleting, the anchor that says so and the entry that records it are one transaction; only the oldest entries
//! go, without a gap; nothing goes that a target has not been sent, for as long as [`WAIT_DAYS`] after its time.

use super::anchor::{Anchor, Kind};
use super::anchors::{self, When};
use super::chain::hex;
use super::store::Oldest;
use super::{Actor, Entry, Outcome, anchor_store, forward, store};
use crate::app::App;
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
/// How often to look.
const PERIOD: Duration = Duration::from_secs(600);
/// Entries deleted in one transaction, so that check-ins hardly wait for it.
const CHUNK: i64 = 2000;
/// Pause between two of them.
const PAUSE: Duration = Duration::from_millis(200);
/// So long an entry waits, beyond its time, for a target that is down, in days.
const WAIT_DAYS: i64 = 30;

/// Prunes until the server stops. May run on several replicas: each deletes what it finds.
pub async fn keep_pruned(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        for organization in app.organizations.all() {
            if let Err(error) = prune(&app, &organization).await {
                tracing::warn!(error = %error, organization.name = %organization.name, "old audit entries could not be deleted, it is tried again later");
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn prune(app: &App, organization: &Arc<SigningOrganization>) -> Result<(), Error> {
    let id = organization.id;
    let Some(days) = app.organization_settings.of(id).audit_retention_days() else {
        return Ok(());
    };
    let now = app.clock.now();
    let times = Times {
        keep_from: now.plus(-days * DAY_MS),
        wait_from: now.plus(-(days + WAIT_DAYS) * DAY_MS),
    };
    let targets = forward::names_for(app, organization);
    loop {
        let (organization, targets) = (Arc::clone(organization), targets.clone());
        let old = move |conn: &mut Conn| {
            let sent = forward::sent_to_all(conn, id, &targets)?;
            Ok((cut(&store::oldest(conn, id, CHUNK)?, times, sent), sent))
        };
        let (due, sent) = app.storage.readers.run(old).await?;
        if due.is_none() || *app.stopping.borrow() {
            return Ok(());
        }
        let sweep = move |conn: &mut Conn| sweep(conn, &organization, (times, sent), days, now);
        if app.storage.writer.run(sweep).await? == 0 {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What is old.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// Entries of before may go.
    keep_from: UnixMillis,
    /// Entries of before go even when they were not sent.
    wait_from: UnixMillis,
}

/// The last entry that may go, of the oldest ones: the row ends at the first that may not, whatever comes behind it.
fn cut(oldest: &[Oldest], times: Times, sent: Option<i64>) -> Option<Oldest> {
    let may_go = |entry: &&Oldest| {
        let was_sent = sent.is_none_or(|sent| entry.id <= sent);
        entry.at < times.keep_from && (was_sent || entry.at < times.wait_from)
    };
    oldest.iter().take_while(may_go).last().copied()
}

/// Deletes one chunk; how many entries went.
fn sweep(
    conn: &mut Conn,
    organization: &SigningOrganization,
    (times, sent): (Times, Option<i64>),
    days: i64,
    now: UnixMillis,
) -> Result<usize, Error> {
    // The lock: of two replicas the second one finds nothing left.
    store::locked_head(conn, organization.id)?;
    let oldest = store::oldest(conn, organization.id, CHUNK)?;
    let Some((first, last)) = oldest.first().zip(cut(&oldest, times, sent)) else {
        return Ok(0);
    };
    anchors::anchor(conn, organization, When::Now, now)?;
    let at = (last.id, last.hash);
    anchor_store::add(
        conn,
        &Anchor::sign(&organization.key, organization.id, at, Kind::Cut, now),
    )?;
    let deleted = store::delete_to(conn, organization.id, last.id)?;
    anchor_store::delete_before(conn, organization.id, last.id)?;
    let unsent = sent.map_or(0, |sent| (last.id - sent).max(0));
    if unsent > 0 {
        tracing::error!(organization.name = %organization.name, audit.unsent = unsent, "audit entries were deleted that a target was not sent in time");
    }
    Entry {
        organization_id: organization.id,
        at: now,
        actor: &Actor::server(),
        action: "audit.retention",
        target: "audit",
        outcome: Outcome::Done,
        detail: json!({
            "first": first.id,
            "last": last.id,
            "last_hash": hex(&last.hash),
            "deleted": deleted,
            "days": days,
            "unsent": unsent,
        }),
    }
    .write(conn)?;
    Ok(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::verify::verify;
    use crate::signing::FormerKeys;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;
    use ed25519_dalek::SigningKey;

    fn entries(times: &[i64]) -> Vec<Oldest> {
        let entry = |(id, at): (i64, &i64)| Oldest {
            id,
            at: UnixMillis(*at),
            hash: [0; 32],
        };
        (1..).zip(times).map(entry).collect()
    }

    #[test]
    fn only_the_oldest_go_and_only_once_they_were_sent_or_waited_for_long() {
        let times = Times {
            keep_from: UnixMillis(100),
            wait_from: UnixMillis(50),
        };
        let last = |at: &[i64], sent| cut(&entries(at), times, sent).map(|entry| entry.id);
        assert_eq!(last(&[1, 60, 99, 100, 101], None), Some(3));
        assert_eq!(last(&[100, 1, 2], None), None, "there would be a gap");
        assert_eq!(last(&[1, 60, 99], Some(0)), Some(1), "the second one waits");
        assert_eq!(last(&[60, 60, 99], Some(2)), Some(2));
        assert_eq!(last(&[60], Some(0)), None);
        assert_eq!(last(&[], None), None);
    }

    #[test]
    fn what_remains_verifies_and_the_sweep_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let mut conn = url.connect().unwrap();
        let key = SigningKey::from_bytes(&[3; 32]);
        let former = FormerKeys::default();
        let organization = SigningOrganization::new(1, "default".parse().unwrap(), key, former).unwrap();
        let public = hex(organization.public_key.as_bytes());
        conn.batch_execute(&format!(
            "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'x', x'', x'{public}', 0)"
        ))
        .unwrap();
        let actor = Actor::server();
        for at in 0..10 {
            let entry = Entry {
                organization_id: 1,
                at: UnixMillis(at),
                actor: &actor,
                action: "x",
                target: "",
                outcome: Outcome::Done,
                detail: json!({}),
            };
            entry.write(&mut conn).unwrap();
        }
        for (keep_from, deleted, first) in [(4, 4, 5), (4, 0, 5), (7, 3, 8)] {
            let times = Times {
                keep_from: UnixMillis(keep_from),
                wait_from: UnixMillis(0),
            };
            let gone = sweep(&mut conn, &organization, (times, None), 1, UnixMillis(1000)).unwrap();
            assert_eq!(gone, deleted);
            let report = verify(&mut conn, 1).unwrap();
            assert!(report.findings.is_empty(), "{:?}", report.findings);
            assert_eq!(report.first_id, first);
        }
        assert_eq!(store::head(&mut conn, 1).unwrap().id, 12);
        conn.batch_execute("DELETE FROM audit_entries WHERE id = 8")
            .unwrap();
        assert!(!verify(&mut conn, 1).unwrap().findings.is_empty());
    }
}
