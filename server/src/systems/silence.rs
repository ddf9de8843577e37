//! Tells the consoles when a system falls silent: nothing arrives then, so nothing else would tell them.
//!
//! Looks only while a console listens, and only for systems that crossed a threshold since the last look.

use super::silence_store::crossed;
use crate::app::App;
use std::sync::Arc;
use std::time::Duration;

/// How often to look.
const PERIOD: Duration = Duration::from_secs(5);

/// Looks until the server stops.
pub async fn watch_silence(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut before = app.clock.now();
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        if !app.events.has_listeners() {
            before = app.clock.now();
            continue;
        }
        let (now, started) = (app.clock.now(), app.started);
        match app
            .storage
            .readers
            .run(move |conn| crossed(conn, before, now, started))
            .await
        {
            Ok(crossed) => {
                before = now;
                for (organization_id, systems) in crossed {
                    app.events.updated(organization_id, &systems);
                }
            }
            Err(error) => tracing::warn!(error = %error, "silent systems could not be looked for"),
        }
    }
}
