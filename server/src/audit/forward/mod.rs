//! Sends the audit to the targets of the configuration as it grows: in order, each entry at least once.
//!
//! Invariants: the audit itself is the buffer, and a cursor per target and organization says how far it is; the cursor moves
//! only after the target has confirmed, so that whatever breaks in between is sent again; one replica at a time sends
//! ([`LEASE_MS`]); a target that is down is asked ever more rarely, and holds nobody up but itself.

mod connect;
mod syslog;
mod webhook;

use super::export::exported;
use super::forward_store::{self, Cursor, Place};
use super::{anchor_store, store, watch};
use crate::app::App;
use crate::clock::random;
use crate::config::{Forward, ForwardKind};
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::audit::{AuditAnchor, AuditForwardTarget, AuditForwarding, ExportEntry};
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

/// Most entries of one sending.
const BATCH: i64 = 200;
/// How often to look for new entries.
const PERIOD: Duration = Duration::from_secs(1);
/// First pause after a failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Longest time that one sending may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a replica has the right to send, in milliseconds: longer than one sending takes.
const LEASE_MS: i64 = 25_000;
/// Longest stored reason.
const MAX_REASON: usize = 500;

/// Why a sending failed, in words for the administrator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Failure(String);

impl Failure {
    fn new(what: &str, error: impl std::fmt::Display) -> Self {
        Failure(format!("{what}: {error}"))
    }
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    /// The target does not take it.
    #[error("{0}")]
    Target(String),
    /// Our own database does not give it.
    #[error(transparent)]
    Own(#[from] Error),
}

/// What is sent at once: entries in order, and the anchors that came since.
#[derive(Clone, Debug)]
struct Batch {
    organization: Arc<SigningOrganization>,
    entries: Vec<ExportEntry>,
    anchors: Vec<AuditAnchor>,
    /// The cursor after it.
    upto: (i64, i64),
}

/// Sends to every target until the server stops.
///
/// # Errors
/// When a target's authorities cannot be read, or there is no randomness: the server does not start then.
pub fn start_forwarding(app: &Arc<App>) -> Result<(), Error> {
    let replica: String = super::chain::hex(&random::<8>()?);
    for target in &app.settings.audit_forward {
        let tls = connect::client_config(target)
            .map_err(|failure| Error::internal(format!("audit.forward `{}`: {failure}", target.name)))?;
        let sender = Sender {
            app: Arc::clone(app),
            target: target.clone(),
            tls,
            replica: replica.clone(),
        };
        tokio::spawn(sender.run());
    }
    Ok(())
}

/// Names of the targets that an organization's audit goes to.
pub(super) fn names_for(app: &App, organization: &SigningOrganization) -> Vec<String> {
    let targets = app.settings.audit_forward.iter();
    let wanted = targets.filter(|target| takes(target, organization));
    wanted.map(|target| target.name.clone()).collect()
}

fn takes(target: &Forward, organization: &SigningOrganization) -> bool {
    target
        .organization
        .as_ref()
        .is_none_or(|only| *only == organization.name)
}

/// The last entry that every one of these targets has; none without targets.
pub(super) fn sent_to_all(
    conn: &mut Conn,
    organization_id: i64,
    targets: &[String],
) -> Result<Option<i64>, Error> {
    let mut least = None;
    for target in targets {
        let place = Place {
            target: target.clone(),
            organization_id,
        };
        let sent = forward_store::cursor(conn, &place)?.last_id;
        least = Some(least.map_or(sent, |least: i64| least.min(sent)));
    }
    Ok(least)
}

/// How far the targets are.
///
/// # Errors
/// When the database fails.
pub(super) async fn state(app: &App, organization_id: i64) -> Result<AuditForwarding, Error> {
    let all = app.organizations.all();
    let organization = all.into_iter().find(|one| one.id == organization_id);
    let targets: Vec<Forward> = app
        .settings
        .audit_forward
        .iter()
        .filter(|target| organization.as_ref().is_some_and(|one| takes(target, one)))
        .cloned()
        .collect();
    let read = move |conn: &mut Conn| {
        let head = store::head(conn, organization_id)?.id;
        let states = targets.into_iter().map(|target| {
            let place = Place {
                target: target.name.clone(),
                organization_id,
            };
            Ok(shown(&target, forward_store::cursor(conn, &place)?, head))
        });
        states.collect::<Result<Vec<_>, Error>>()
    };
    Ok(AuditForwarding {
        targets: app.storage.readers.run(read).await?,
    })
}

fn shown(target: &Forward, cursor: Cursor, head: i64) -> AuditForwardTarget {
    AuditForwardTarget {
        name: target.name.clone(),
        kind: target.kind.to_string(),
        address: target.address.clone(),
        last_id: cursor.last_id,
        behind: (head - cursor.last_id).max(0),
        last_sent_ms: cursor.last_sent_ms.map(UnixMillis),
        last_error: cursor.last_error,
        last_error_ms: cursor.last_error_ms.map(UnixMillis),
    }
}

/// One target's loop.
struct Sender {
    app: Arc<App>,
    target: Forward,
    tls: Arc<rustls::ClientConfig>,
    replica: String,
}

/// How a look ended.
enum Look {
    /// There may be more.
    Sent,
    /// Nothing to send, or not by this replica.
    Idle,
}

impl Sender {
    async fn run(self) {
        let mut stopping = self.app.stopping.clone();
        let mut failures = 0;
        loop {
            let pause = match self.look_everywhere().await {
                Ok(Look::Sent) => {
                    failures = 0;
                    Duration::ZERO
                }
                Ok(Look::Idle) => PERIOD,
                Err(error) => {
                    let pause = pause_after(failures);
                    failures += 1;
                    tracing::warn!(
                        error = %error,
                        audit.target = self.target.name,
                        audit.pause_secs = pause.as_secs(),
                        "the audit could not be forwarded, it is tried again later"
                    );
                    pause
                }
            };
            tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.release().await;
    }

    /// One sending for each organization; the first failure ends the round, because the target is the same.
    async fn look_everywhere(&self) -> Result<Look, Trouble> {
        let mut look = Look::Idle;
        for organization in self.app.organizations.all() {
            if takes(&self.target, &organization) && matches!(self.look(&organization).await?, Look::Sent) {
                look = Look::Sent;
            }
        }
        Ok(look)
    }

    async fn look(&self, organization: &Arc<SigningOrganization>) -> Result<Look, Trouble> {
        let place = Place {
            target: self.target.name.clone(),
            organization_id: organization.id,
        };
        if self.read(&place, organization).await?.is_none() {
            return Ok(Look::Idle);
        }
        let Some(cursor) = self.lease(&place).await? else {
            return Ok(Look::Idle);
        };
        // Read again under the lease: another replica may have sent it meanwhile.
        let organization = Arc::clone(organization);
        let read = move |conn: &mut Conn| batch(conn, &organization, &cursor);
        let Some(batch) = self.app.storage.readers.run(read).await? else {
            return Ok(Look::Idle);
        };
        let upto = batch.upto;
        match self.deliver(batch).await {
            Ok(()) => {
                self.arrived(place, upto).await?;
                Ok(Look::Sent)
            }
            Err(failure) => Err(self.failed(place, &failure).await),
        }
    }

    async fn read(
        &self,
        place: &Place,
        organization: &Arc<SigningOrganization>,
    ) -> Result<Option<Batch>, Error> {
        let (place, organization) = (place.clone(), Arc::clone(organization));
        let read = move |conn: &mut Conn| {
            let cursor = forward_store::cursor(conn, &place)?;
            batch(conn, &organization, &cursor)
        };
        self.app.storage.readers.run(read).await
    }

    async fn lease(&self, place: &Place) -> Result<Option<Cursor>, Error> {
        let (place, replica, now) = (place.clone(), self.replica.clone(), self.app.clock.now());
        let lease =
            move |conn: &mut Conn| forward_store::lease(conn, &place, &replica, now, now.plus(LEASE_MS));
        self.app.storage.writer.run(lease).await
    }

    async fn deliver(&self, batch: Batch) -> Result<(), Failure> {
        let now = self.app.clock.now();
        let sending = async {
            match self.target.kind {
                ForwardKind::Syslog => syslog::deliver(&self.target.address, &self.tls, &batch).await,
                ForwardKind::Webhook => webhook::deliver(&self.target.address, &self.tls, &batch, now).await,
            }
        };
        tokio::time::timeout(PATIENCE, sending)
            .await
            .map_err(|_| Failure(format!("no confirmation within {} s", PATIENCE.as_secs())))?
    }

    async fn arrived(&self, place: Place, upto: (i64, i64)) -> Result<(), Error> {
        let (replica, now) = (self.replica.clone(), self.app.clock.now());
        let advance = move |conn: &mut Conn| forward_store::advance(conn, &place, &replica, upto, now);
        self.app.storage.writer.run(advance).await
    }

    /// Records a failure, and gives it as the round's end.
    async fn failed(&self, place: Place, failure: &Failure) -> Trouble {
        let reason: String = failure.to_string().chars().take(MAX_REASON).collect();
        let (replica, now, stored) = (self.replica.clone(), self.app.clock.now(), reason.clone());
        let fail = move |conn: &mut Conn| forward_store::fail(conn, &place, &replica, &stored, now);
        match self.app.storage.writer.run(fail).await {
            Ok(()) => Trouble::Target(reason),
            Err(error) => error.into(),
        }
    }

    async fn release(&self) {
        for organization in self.app.organizations.all() {
            let place = Place {
                target: self.target.name.clone(),
                organization_id: organization.id,
            };
            let replica = self.replica.clone();
            let release = move |conn: &mut Conn| forward_store::release(conn, &place, &replica);
            // Where this fails the lease ends by itself.
            let _ = self.app.storage.writer.run(release).await;
        }
    }
}

/// How long to wait after so many failures in a row.
fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << failures.min(16))
        .min(LONGEST_PAUSE)
}

/// What is to be sent next.
fn batch(
    conn: &mut Conn,
    organization: &Arc<SigningOrganization>,
    cursor: &Cursor,
) -> Result<Option<Batch>, Error> {
    let id = organization.id;
    let rows = store::following(conn, id, cursor.last_id, i64::MAX, BATCH)?;
    let last = rows.last().map_or(cursor.last_id, |row| row.id);
    let anchors: Vec<_> = anchor_store::between(conn, id, cursor.last_anchor_id, last)?
        .into_iter()
        .filter_map(|stored| stored.anchor)
        .collect();
    let last_anchor = anchors
        .last()
        .map_or(cursor.last_anchor_id, |anchor| anchor.entry_id);
    if rows.is_empty() && anchors.is_empty() {
        return Ok(None);
    }
    Ok(Some(Batch {
        organization: Arc::clone(organization),
        entries: rows.into_iter().map(exported).collect(),
        anchors: anchors.iter().map(watch::shown).collect::<Result<_, _>>()?,
        upto: (last, last_anchor),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{DatabaseUrl, Storage};
    use diesel::connection::SimpleConnection;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let pauses = [0, 1, 2, 8, 9, 31, u32::MAX].map(|failures| pause_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 256, 300, 300, 300]);
    }

    #[test]
    fn one_replica_at_a_time_sends_and_only_its_word_moves_the_cursor() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        drop(Storage::open(&url).unwrap());
        let mut conn = url.connect().unwrap();
        conn.batch_execute(
            "INSERT INTO organizations (id, name, sealed_signing_key, public_key, created_ms) VALUES (1, 'x', x'', x'', 0)",
        )
        .unwrap();
        let place = Place {
            target: "siem".to_owned(),
            organization_id: 1,
        };
        let mut lease = |replica: &str, now: i64| {
            forward_store::lease(&mut conn, &place, replica, UnixMillis(now), UnixMillis(now + 10)).unwrap()
        };
        assert_eq!(lease("a", 0).unwrap().last_id, 0);
        assert_eq!(lease("b", 9), None);
        assert!(lease("a", 9).is_some(), "it may go on");
        assert!(lease("b", 19).is_some(), "the first one went silent");
        forward_store::advance(&mut conn, &place, "a", (7, 7), UnixMillis(20)).unwrap();
        assert_eq!(sent_to_all(&mut conn, 1, &["siem".to_owned()]).unwrap(), Some(0));
        forward_store::advance(&mut conn, &place, "b", (5, 0), UnixMillis(20)).unwrap();
        let targets = ["siem".to_owned(), "other".to_owned()];
        assert_eq!(sent_to_all(&mut conn, 1, &targets[..1]).unwrap(), Some(5));
        assert_eq!(sent_to_all(&mut conn, 1, &targets).unwrap(), Some(0));
        assert_eq!(sent_to_all(&mut conn, 1, &[]).unwrap(), None);
        forward_store::release(&mut conn, &place, "b").unwrap();
        assert!(
            forward_store::lease(&mut conn, &place, "a", UnixMillis(21), UnixMillis(31))
                .unwrap()
                .is_some()
        );
    }
}
