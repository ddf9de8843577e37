//! Follows what other replicas changed. The table holds only what differs from the defaults, so all of it is read.

use crate::app::App;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How often to look.
const PERIOD: Duration = Duration::from_secs(3);

/// Looks until the server stops.
pub async fn follow_changes(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        for id in read_again(&app).await {
            app.events.settings(id);
        }
    }
}

/// Reads the settings of all organizations again; those that have others now. Where the database fails they stay as they
/// were.
pub async fn read_again(app: &App) -> BTreeSet<i64> {
    match app.organization_settings.refresh(&app.storage).await {
        Ok(changed) => changed,
        Err(error) => {
            tracing::warn!(error = %error, "the settings could not be read, they stay as they were");
            BTreeSet::new()
        }
    }
}
