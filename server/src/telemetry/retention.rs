//! Deletes samples beyond their age, a few systems at a time, so that check-ins hardly wait for it.

use super::store;
use crate::app::App;
use crate::error::Error;
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

const DAY_MS: i64 = 86_400_000;
const PAUSE: Duration = Duration::from_secs(1800);
/// Systems whose samples are deleted in one transaction.
const STRIDE: i64 = 200;

/// Prunes every half hour until the server stops. May run on several replicas: deleting twice is harmless.
pub async fn keep_clean(app: Arc<App>, retention_days: u32) {
    let mut stopping = app.stopping.clone();
    loop {
        if let Err(error) = sweep(&app, i64::from(retention_days)).await {
            tracing::warn!(error = %error, "old telemetry could not be deleted, it is tried again later");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn sweep(app: &App, retention_days: i64) -> Result<(), Error> {
    let before: UnixMillis = app.clock.now().plus(-retention_days * DAY_MS);
    let highest = app.storage.readers.run(store::highest_id).await?;
    let mut deleted = 0;
    for start in (0..=highest).step_by(usize::try_from(STRIDE).unwrap_or(1)) {
        deleted += app
            .storage
            .writer
            .run(move |conn| store::prune(conn, before, start..start + STRIDE))
            .await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if deleted > 0 {
        tracing::info!(telemetry.deleted = deleted, "old telemetry was deleted");
    }
    Ok(())
}
