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
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use tokio::time::Instant;

/// How long telemetry is gathered before it is told: consoles gather for as long.
const GATHER: Duration = Duration::from_millis(500);
/// How long anything else is gathered: one change makes several notices.
const SOON: Duration = Duration::from_millis(10);
/// Messages that may wait for a slow database.
const BACKLOG: usize = 64;

/// Tells and hears, until the server stops.
pub async fn keep_in_touch(app: Arc<App>) {
    let url = app.storage.readers.url().clone();
    if matches!(url, DatabaseUrl::Sqlite(_)) {
        return;
    }
    let (sender, outgoing) = mpsc::sync_channel(BACKLOG);
    let (heard, mut incoming) = tokio::sync::mpsc::unbounded_channel();
    let started = std::thread::Builder::new()
        .name("replicas".to_owned())
        .spawn(move || wire::run(&url, &outgoing, &heard));
    if let Err(error) = started {
        tracing::error!(%error, "other servers are not told what happens here: no thread can be started");
        return;
    }
    let hearing = Arc::clone(&app);
    tokio::spawn(async move {
        while let Some(notice) = incoming.recv().await {
            hear(&hearing, notice).await;
        }
    });
    tell(&app, &sender).await;
}

/// Passes on what happens here. The thread ends with the sender.
async fn tell(app: &App, sender: &mpsc::SyncSender<String>) {
    let mut stopping = app.stopping.clone();
    let mut happens = app.events.to_tell();
    let mut gathering = Gathering::default();
    let mut due: Option<Instant> = None;
    loop {
        let until = due.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            notice = happens.next() => {
                let Some(notice) = notice else { return };
                let wait = if matches!(notice, Notice::Updated(..)) { GATHER } else { SOON };
                let latest = Instant::now() + wait;
                due = Some(due.map_or(latest, |due| due.min(latest)));
                gathering.add(notice);
            }
            () = tokio::time::sleep_until(until) => {
                due = None;
                for message in message::pack(gathering.take()) {
                    if sender.try_send(message).is_err() {
                        gathering.add(Notice::Missed);
                        due = Some(Instant::now() + GATHER);
                    }
                }
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
