//! Makes a backup every so many hours, once over all replicas.

use super::{Place, service, store};
use crate::app::App;
use crate::audit::Actor;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;
/// When to look first: one may have been due while no server ran.
const FIRST: Duration = Duration::from_secs(2);
/// How often to look whether one is due.
const PERIOD: Duration = Duration::from_secs(30);
/// How long to wait after one that failed.
const RETRY: Duration = Duration::from_secs(900);

fn period_ms(place: &Place) -> i64 {
    i64::from(place.every_hours) * HOUR_MS
}

/// When the one after that of `last` is due; none when none are scheduled.
pub(super) fn next(place: &Place, last: UnixMillis) -> Option<UnixMillis> {
    Some(period_ms(place))
        .filter(|ms| *ms > 0)
        .map(|ms| last.plus(ms))
}

/// Makes backups until the server stops.
pub async fn keep_backed_up(app: Arc<App>) {
    let every_ms = period_ms(&app.settings.backup);
    if every_ms == 0 {
        return;
    }
    let mut stopping = app.stopping.clone();
    let mut pause = FIRST;
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match make_if_due(&app, every_ms).await {
            // Another replica makes it.
            Ok(())
            | Err(Error::Conflict {
                code: "backup_running",
                ..
            }) => PERIOD,
            Err(error) => {
                tracing::error!(error = %error, "the scheduled backup was not made, it is tried again later");
                RETRY
            }
        };
    }
}

async fn make_if_due(app: &Arc<App>, every_ms: i64) -> Result<(), Error> {
    let now = app.clock.now();
    let due = move |conn: &mut Conn| store::is_due(conn, now, every_ms);
    if app.storage.writer.run(due).await? {
        let made = service::create(app, Actor::server(), "backups.scheduled", Some(every_ms)).await?;
        tracing::info!(backup.name = %made.name, backup.bytes = made.size_bytes, "a backup was made");
    }
    Ok(())
}
