//! Signs where the chains stand: every few minutes while entries come, at the end of the server, and before retention.
//!
//! May run on several replicas: an entry is anchored once, whoever comes first.

use super::anchor::{Anchor, Kind};
use super::{anchor_store, store};
use crate::app::App;
use crate::error::Error;
use crate::signing::SigningOrganization;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

/// How often to look.
const PERIOD: Duration = Duration::from_secs(60);
/// Longest time that a new entry waits for an anchor, in milliseconds, give or take a look.
const EVERY_MS: i64 = 600_000;
/// Most entries that wait for an anchor, as far as they do not come all between two looks.
const EVERY_ENTRIES: i64 = 1000;

/// Anchors until the server stops.
pub async fn keep_anchored(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        anchor_all(&app, When::Due).await;
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// Anchors whatever is not yet; for the end of the server.
pub async fn anchor_now(app: &App) {
    anchor_all(app, When::Now).await;
}

async fn anchor_all(app: &App, when: When) {
    for organization in app.organizations.all() {
        if let Err(error) = anchor_one(app, &organization, when).await {
            tracing::warn!(error = %error, organization.name = %organization.name, "the audit could not be anchored, it is tried again later");
        }
    }
}

async fn anchor_one(app: &App, organization: &Arc<SigningOrganization>, when: When) -> Result<(), Error> {
    let now = app.clock.now();
    let id = organization.id;
    let due = move |conn: &mut Conn| is_due(conn, id, when, now);
    // Looking costs no write: mostly there is nothing to do.
    if app.storage.readers.run(due).await? {
        let organization = Arc::clone(organization);
        let write = move |conn: &mut Conn| anchor(conn, &organization, when, now);
        app.storage.writer.run(write).await?;
    }
    Ok(())
}

/// Signs the head, if it is time for it.
pub(super) fn anchor(
    conn: &mut Conn,
    organization: &SigningOrganization,
    when: When,
    now: UnixMillis,
) -> Result<(), Error> {
    if !is_due(conn, organization.id, when, now)? {
        return Ok(());
    }
    let head = store::head(conn, organization.id)?;
    let at = (head.id, head.hash);
    anchor_store::add(
        conn,
        &Anchor::sign(&organization.key, organization.id, at, Kind::Head, now),
    )
}

fn is_due(conn: &mut Conn, organization_id: i64, when: When, now: UnixMillis) -> Result<bool, Error> {
    let head = store::head(conn, organization_id)?.id;
    let newest = anchor_store::newest(conn, organization_id)?;
    Ok(when.is_due(head, newest, now))
}

/// When to anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// When enough entries or time have passed.
    Due,
    /// When there is any entry that is not anchored.
    Now,
}

impl When {
    fn is_due(self, head: i64, newest: Option<(i64, UnixMillis)>, now: UnixMillis) -> bool {
        let (anchored, at) = newest.unwrap_or((0, UnixMillis(0)));
        // A clock that was set back must not end the anchoring.
        let waited = now.since(at);
        head > anchored
            && (self == When::Now || head - anchored >= EVERY_ENTRIES || !(0..EVERY_MS).contains(&waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_due_by_entries_or_time_and_only_when_there_is_something_new() {
        let now = UnixMillis(10_000_000);
        let ago = |ms: i64| UnixMillis(now.0 - ms);
        assert!(When::Due.is_due(1, None, now));
        assert!(!When::Due.is_due(0, None, now) && !When::Now.is_due(0, None, now));
        assert!(!When::Due.is_due(5, Some((5, ago(EVERY_MS * 9))), now));
        assert!(!When::Due.is_due(6, Some((5, ago(EVERY_MS - 1))), now));
        assert!(When::Due.is_due(6, Some((5, ago(EVERY_MS))), now));
        assert!(
            When::Due.is_due(6, Some((5, ago(-1))), now),
            "the clock was set back"
        );
        assert!(When::Due.is_due(1005, Some((5, ago(1))), now));
        assert!(When::Now.is_due(6, Some((5, ago(1))), now));
        assert!(!When::Now.is_due(5, Some((5, ago(1))), now));
    }
}
