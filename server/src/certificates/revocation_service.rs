//! The list of revoked certificates: made from the database when that has changed or the list grows old, and kept as a
//! file for a proxy on this machine.

use super::service::Reason;
use super::store::{self, Revision, Row};
use crate::app::App;
use crate::error::Error;
use crate::pki::{RevocationList, Revoked, Why};
use scm_protocol::ids::UnixMillis;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// A list this old is made anew although nothing changed, in milliseconds: far below the time for which it may be used.
const RENEWED_MS: i64 = 12 * 3_600_000;
/// An expired certificate stays on the list for so long, in milliseconds (RFC 5280 §3.3: on one more list).
const LINGERS_MS: i64 = 24 * 3_600_000;
/// How often other replicas' revocations are looked for.
const PERIOD: Duration = Duration::from_secs(60);

/// The list as it was last made, and a bell to ring when it is out of date.
#[derive(Debug, Default)]
pub struct Revocations {
    made: Mutex<Option<(Revision, Arc<RevocationList>)>>,
    changed: Notify,
}

impl Revocations {
    /// A certificate was revoked.
    pub fn changed(&self) {
        self.changed.notify_one();
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Option<(Revision, Arc<RevocationList>)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The list as it is now.
///
/// # Errors
/// When the database fails.
pub(super) async fn current(app: &App) -> Result<RevocationList, Error> {
    let now = app.clock.now();
    let since = now.plus(-LINGERS_MS);
    let revision = app
        .storage
        .readers
        .run(move |conn| store::revision(conn, since))
        .await?;
    if let Some((of, list)) = &*app.revocations.made()
        && *of == revision
        && now.since(list.number) < RENEWED_MS
    {
        return Ok(RevocationList::clone(list));
    }
    let rows = app
        .storage
        .readers
        .run(move |conn| store::revoked(conn, since))
        .await?;
    let revoked: Vec<Revoked> = rows.into_iter().map(revoked).collect();
    let mut made = app.revocations.made();
    let before = made.as_ref().map_or(UnixMillis(0), |(_, list)| list.number);
    let latest = UnixMillis(revision.2.unwrap_or(0));
    let number = now.max(before.plus(1)).max(latest);
    let list = app
        .pki
        .revocation_list(&revoked, number)
        .map_err(|error| Error::internal(error.to_string()))?;
    *made = Some((revision, Arc::new(list.clone())));
    Ok(list)
}

fn revoked(row: Row) -> Revoked {
    let reason = row.reason.unwrap_or_default();
    let is = |one: Reason| reason == one.as_str();
    Revoked {
        serial: row.serial,
        at: UnixMillis(row.revoked_ms.unwrap_or(row.issued_ms)),
        why: if is(Reason::Deleted) {
            Why::Ceased
        } else if is(Reason::KeyReplaced) {
            Why::Superseded
        } else {
            Why::Withdrawn
        },
    }
}

/// Keeps the list beside the authority's certificate, until the server stops.
pub async fn keep_file(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut written = None;
    loop {
        if let Err(error) = write(&app, &mut written).await {
            tracing::warn!(%error, "the list of revoked certificates cannot be written, it is tried again");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = app.revocations.changed.notified() => {}
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

async fn write(app: &App, written: &mut Option<UnixMillis>) -> Result<(), Error> {
    let list = current(app).await?;
    if *written != Some(list.number) {
        app.pki
            .write_revocation_list(&list)
            .map_err(|error| Error::internal(error.to_string()))?;
        *written = Some(list.number);
    }
    Ok(())
}
