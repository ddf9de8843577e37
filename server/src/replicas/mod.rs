//! What happens on one replica is told to the others, through the database that they share (`LISTEN`, `NOTIFY`).
//!
//! Invariants: something is told after it was committed; what is told says where to look and never what is true, so that
//! nothing hangs on it: what is lost is found when a held check-in ends, or with the next look at the database. Nobody is
//! ever held up: what is too much to be told in full is told as "anything may have changed". An SQLite database has one
//! server, which needs none of this.

mod gathering;
mod message;
mod wire;

use crate::app::App;
use crate::events::Notice;
use crate::organization_settings;
use crate::storage::DatabaseUrl;
use gathering::Gathering;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use wire::Wire;

/// How long telemetry is gathered before it is told: consoles gather for as long.
const GATHER: Duration = Duration::from_millis(500);
/// How long anything else is gathered: one change makes several notices.
const SOON: Duration = Duration::from_millis(10);
/// How often to look whether the thread with the connection is stuck.
const LOOK: Duration = Duration::from_secs(5);

/// Tells and hears, until the server stops.
pub async fn keep_in_touch(app: Arc<App>) {
    let url = app.storage.readers.url().clone();
    if matches!(url, DatabaseUrl::Sqlite(_)) {
        return;
    }
    let (heard, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let hearing = Arc::clone(&app);
    tokio::spawn(async move {
        while let Some(notice) = incoming.recv().await {
            hear(&hearing, notice).await;
        }
    });
    let start = |lost| Wire::start(&url, &heard, lost);
    if let Err(error) = tell(&app, start).await {
        tracing::error!(%error, "other servers are not told what happens here: no thread can be started");
    }
}

/// Passes on what happens here. The thread ends with its wire.
async fn tell(app: &App, start: impl Fn(bool) -> io::Result<Wire>) -> io::Result<()> {
    let mut stopping = app.stopping.clone();
    let mut happens = app.events.to_tell();
    let mut gathering = Gathering::default();
    let mut due: Option<Instant> = None;
    let mut wire = start(false)?;
    let mut look = tokio::time::interval(LOOK);
    loop {
        let until = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return Ok(()),
            notice = happens.next() => {
                let Some(notice) = notice else { return Ok(()) };
                let wait = if matches!(notice, Notice::Updated(..)) { GATHER } else { SOON };
                let latest = Instant::now() + wait;
                due = Some(due.map_or(latest, |due| due.min(latest)));
                gathering.add(notice);
            }
            () = tokio::time::sleep_until(until) => {
                due = None;
                for message in message::pack(gathering.take()) {
                    if !wire.tell(message) {
                        gathering.add(Notice::Missed);
                        due = Some(Instant::now() + GATHER);
                    }
                }
            }
            _ = look.tick() => if wire.is_stuck() {
                tracing::warn!("the database does not answer: another connection to other servers is tried");
                wire = start(true)?;
            }
        }
    }
}

/// Does what another replica's notice asks of this one, and tells the consoles here.
async fn hear(app: &App, notice: Notice) {
    match &notice {
        Notice::Wake(systems) => systems.iter().for_each(|id| app.holds.wake(*id)),
        Notice::WakeAll(organization_id) => {
            let opened = app
                .organizations
                .reopen(&app.storage, &app.master, *organization_id);
            if let Err(error) = opened.await {
                tracing::warn!(%error, "a signing key could not be read, it is tried again");
            }
            app.holds.wake_all_of(*organization_id);
        }
        Notice::Settings(_) => drop(organization_settings::read_again(app).await),
        Notice::Missed => {
            organization_settings::read_again(app).await;
            app.holds.wake_all();
        }
        _ => {}
    }
    app.events.heard(notice);
}
