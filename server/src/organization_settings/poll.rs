//! Follows what other replicas changed. The table holds only what differs from the defaults, so all of it is read.

use crate::app::App;
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
        match app.organization_settings.refresh(&app.storage).await {
            Ok(changed) => changed.into_iter().for_each(|id| app.events.settings(id)),
            Err(error) => {
                tracing::warn!(error = %error, "the settings could not be read, they stay as they were");
            }
        }
    }
}
