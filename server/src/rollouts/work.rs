//! Works on rollouts in the background, a transaction at a time: with every server, and each rollout by one.

use super::step::{Stepped, step};
use super::store;
use crate::app::App;
use crate::auth::new_secret;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::RolloutId;
use std::sync::Arc;
use std::time::Duration;

/// How often to look.
const PERIOD: Duration = Duration::from_secs(1);
/// Between two transactions: check-ins that arrived meanwhile have theirs first.
const BREATH: Duration = Duration::from_millis(5);

/// How long a rollout is kept after its end, in milliseconds: 90 days, as its upgrades.
const KEPT_MS: i64 = 90 * 86_400_000;

/// Works until the server stops.
pub async fn work(app: Arc<App>) {
    let owner = match new_secret("") {
        Ok(owner) => owner,
        Err(error) => {
            tracing::error!(error = %error, "rollouts are not worked on");
            return;
        }
    };
    let mut stopping = app.stopping.clone();
    loop {
        let pause = match round(&app, &owner).await {
            Ok(true) => BREATH,
            Ok(false) => PERIOD,
            Err(error) => {
                tracing::warn!(error = %error, "rollouts cannot go on, it is tried again");
                PERIOD
            }
        };
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Forgets rollouts that were over long ago; they stand in the audit.
///
/// # Errors
/// When the database fails.
pub async fn sweep(app: &App) -> Result<(), Error> {
    let before = app.clock.now().plus(-KEPT_MS);
    let forget = move |conn: &mut Conn| store::forget(conn, before);
    let forgotten = app.storage.writer.run(forget).await?;
    if forgotten > 0 {
        tracing::info!(
            rollouts.count = forgotten,
            "rollouts that were over for 90 days were forgotten"
        );
    }
    Ok(())
}

/// One step of every rollout that runs; whether more may follow at once.
async fn round(app: &App, owner: &str) -> Result<bool, Error> {
    let (mine, now) = (owner.to_owned(), app.clock.now());
    let read = move |conn: &mut Conn| store::running(conn, &mine, now);
    let mut more = false;
    for id in app.storage.readers.run(read).await? {
        if let Some(stepped) = one(app, owner, id).await? {
            more = true;
            app.wake(&stepped.queued);
            app.events.commands(stepped.organization_id);
            app.events.audited(stepped.organization_id);
        }
    }
    Ok(more)
}

async fn one(app: &App, owner: &str, id: RolloutId) -> Result<Option<Stepped>, Error> {
    let (owner, now) = (owner.to_owned(), app.clock.now());
    app.storage
        .writer
        .run(move |conn| step(conn, id, &owner, now))
        .await
}
