//! Works on jobs in the background, a transaction at a time, in turn where there are several.
//!
//! Between two transactions of a job the writer takes what waits, so that check-ins hardly feel it. What fails for a
//! reason that passes (no database, another server at the same row) is tried again; a system that makes the server fail
//! is found by going on one by one, and given up.

use super::act;
use super::chunk::{self, Step, Turn};
use super::store;
use crate::app::App;
use crate::auth::new_secret;
use crate::error::Error;
use crate::storage::Conn;
use scm_protocol::ids::JobId;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Systems of one transaction.
const AT_ONCE: i64 = 250;
/// Between two transactions: check-ins that arrived meanwhile have theirs first.
const BREATH: Duration = Duration::from_millis(5);
/// How often to look for jobs that another server created, or left behind.
const PERIOD: Duration = Duration::from_secs(2);
/// Before something that failed is tried again.
const RETRY: Duration = Duration::from_millis(500);

/// Works until the server stops.
pub async fn work(app: Arc<App>) {
    let owner = match new_secret("") {
        Ok(owner) => owner,
        Err(error) => {
            tracing::error!(error = %error, "bulk jobs are not worked on");
            return;
        }
    };
    let mut worker = Worker {
        app,
        owner,
        careful: HashSet::new(),
    };
    let mut stopping = worker.app.stopping.clone();
    loop {
        let pause = worker.round().await;
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = worker.app.jobs.notified(), if pause == PERIOD => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

struct Worker {
    app: Arc<App>,
    /// This run of this server, among all that share the database.
    owner: String,
    /// Jobs that made the server fail: they go on one system at a time.
    careful: HashSet<JobId>,
}

impl Worker {
    /// One transaction of every job that waits; how long to pause afterwards.
    async fn round(&mut self) -> Duration {
        let (owner, now) = (self.owner.clone(), self.app.clock.now());
        let read = move |conn: &mut Conn| store::open(conn, &owner, now);
        let open = match self.app.storage.readers.run(read).await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(error = %error, "bulk jobs cannot be read, it is tried again later");
                return PERIOD;
            }
        };
        if open.is_empty() {
            return PERIOD;
        }
        // A job that waits for its systems is looked at again when one of them speaks, or after a while.
        let mut pause = PERIOD;
        for job in open {
            if *self.app.stopping.borrow() {
                break;
            }
            match self.step(job).await {
                Ok(true) => pause = pause.min(BREATH),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(error = %error, job.id = %job, "a bulk job cannot go on, it is tried again");
                    pause = pause.min(RETRY);
                }
            }
        }
        pause
    }

    /// Whether there may be more to do at once.
    async fn step(&mut self, job: JobId) -> Result<bool, Error> {
        let careful = self.careful.contains(&job);
        match self.turn(job, careful, chunk::carry_out).await {
            Err(Error::Internal(inside)) if careful => {
                tracing::error!(error.inside = %inside, job.id = %job, "a system of a bulk job is given up");
                self.careful.remove(&job);
                self.turn(job, true, chunk::give_up).await
            }
            Err(Error::Internal(inside)) => {
                tracing::warn!(error.inside = %inside, job.id = %job, "a bulk job goes on one by one");
                self.careful.insert(job);
                Ok(true)
            }
            other => other,
        }
    }

    async fn turn(
        &self,
        job: JobId,
        careful: bool,
        act: fn(&mut Conn, &Turn) -> Result<Option<Step>, Error>,
    ) -> Result<bool, Error> {
        let turn = Turn {
            job,
            owner: self.owner.clone(),
            most: if careful { 1 } else { AT_ONCE },
            now: self.app.clock.now(),
            rules: self.app.rules.clone(),
        };
        let step = self.app.storage.writer.run(move |conn| act(conn, &turn)).await?;
        let Some(step) = step.filter(|step| !step.idle) else {
            return Ok(false);
        };
        self.tell(job, &step);
        Ok(true)
    }

    fn tell(&self, job: JobId, step: &Step) {
        act::tell(&self.app, step);
        self.app.events.jobs(step.organization_id);
        if step.over {
            tracing::info!(job.id = %job, job.kind = step.kind.as_str(), "a bulk job is done");
        }
    }
}
