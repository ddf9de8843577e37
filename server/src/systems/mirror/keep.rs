//! Work in the background: the fleet is read once at start, before anybody asks, and again now and then.

use super::{Fleet, Mirror, lock};
use crate::app::App;
use crate::error::Error;
use crate::storage::Conn;
use scm_rules::Needs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// How often what was heard is taken over, also when nobody looks: it would only gather.
const TICK: Duration = Duration::from_secs(1);
/// How often everything is read again: what a replica did that ended before it could tell is found by this.
const CHECK: Duration = Duration::from_secs(600);
/// How often at most everything is read again while other replicas hear from more systems than they can name.
const CATCH_UP: Duration = Duration::from_secs(5);
/// Between two parts of that.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the mirror warm until the server stops.
pub async fn keep_mirror(app: Arc<App>) {
    let mut stopping = app.stopping.clone();
    let mut read = Instant::now();
    for organization in app.organizations.all() {
        app.mirror.fleet(organization.id);
    }
    loop {
        match tick(&app, read.elapsed()).await {
            Ok(true) => read = Instant::now(),
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%error, "what lists see could not be brought up to date, it is tried again");
            }
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Brings up to date what somebody looks at; whether everything was read again.
async fn tick(app: &App, age: Duration) -> Result<bool, Error> {
    let fleets: Vec<(i64, Arc<Fleet>)> = {
        let fleets = lock(&app.mirror.fleets);
        fleets
            .iter()
            .map(|(id, fleet)| (*id, Arc::clone(fleet)))
            .collect()
    };
    let mut again = age >= CHECK;
    for (organization_id, fleet) in fleets {
        if fleet.too_large.load(Ordering::Relaxed) {
            continue;
        }
        let used = fleet.in_use.load(Ordering::Relaxed);
        fleet.in_use.store(used.saturating_sub(1), Ordering::Relaxed);
        refresh(app, organization_id, &fleet, used > 0).await?;
        let outdated = used > 0 && age >= CATCH_UP && fleet.outdated.load(Ordering::Relaxed);
        if age >= CHECK || outdated {
            fleet.outdated.store(false, Ordering::Relaxed);
            read_again(app, organization_id, &fleet).await?;
            again = true;
        }
    }
    Ok(again)
}

/// Reads what changed where somebody looks, and what was never read; takes over what check-ins said in any case.
async fn refresh(app: &App, organization_id: i64, fleet: &Arc<Fleet>, used: bool) -> Result<(), Error> {
    let (mirror, fleet) = (app.mirror.clone(), Arc::clone(fleet));
    let read = app.storage.readers.run(move |conn| {
        if used || !fleet.write().is_complete() {
            return mirror
                .bring_up_to_date(conn, organization_id, &fleet, Needs::default())
                .map(drop);
        }
        let mut rows = fleet.write();
        let heard = std::mem::take(&mut *lock(&fleet.heard));
        rows.take_over(heard);
        Ok(())
    });
    read.await
}

/// Reads everything again, a part at a time, so that lists hardly wait for it.
async fn read_again(app: &App, organization_id: i64, fleet: &Arc<Fleet>) -> Result<(), Error> {
    let mut after = Some(0);
    while let Some(start) = after {
        let (mirror, fleet) = (app.mirror.clone(), Arc::clone(fleet));
        let read = app
            .storage
            .readers
            .run(move |conn| mirror.read_part(conn, organization_id, &fleet, start));
        after = read.await?;
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

impl Mirror {
    /// Reads the systems behind `start` again; the id of the last one, or none where there was none.
    fn read_part(
        &self,
        conn: &mut Conn,
        organization_id: i64,
        fleet: &Fleet,
        start: i64,
    ) -> Result<Option<i64>, Error> {
        let mut rows = fleet.write();
        // What was heard before is older than what is read.
        let read = self
            .take_over(conn, organization_id, fleet, &mut rows)
            .and_then(|()| match rows.is_complete() {
                true => rows.read_chunk(conn, organization_id, start),
                false => Ok(None),
            });
        read.inspect_err(|_| self.marks.everything(organization_id))
    }
}
