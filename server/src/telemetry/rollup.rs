//! What becomes of samples with age: rolled up to 5 minutes, then to an hour, then deleted.
//!
//! Invariants: what is rolled up leaves its table in the transaction that adds it to the other, so that it is counted once
//! whatever ends in between; a late sample joins the row that its time has already. A few systems at a time, and of a backlog a
//! few hours at a time, so that check-ins hardly wait for it. One server of several does it.

use super::rollup_store as store;
use crate::app::App;
use crate::config;
use crate::error::Error;
use crate::storage::{Storage, Writer};
use scm_protocol::ids::UnixMillis;
use std::sync::Arc;
use std::time::Duration;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How often everything is looked through.
const PERIOD_MS: i64 = 30 * MINUTE_MS;
/// How often to look whether it is due.
const LOOK: Duration = Duration::from_secs(60);
/// Systems in one transaction.
const AT_ONCE: i64 = 20;
/// Of a backlog, so much in one transaction.
const SLICE_MS: i64 = 2 * HOUR_MS;
/// Between two transactions.
const PAUSE: Duration = Duration::from_millis(20);

/// How long what is kept, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    raw_ms: i64,
    minutes_ms: i64,
    all_ms: i64,
}

impl Ages {
    /// By the configuration.
    pub fn of(settings: &config::Telemetry) -> Self {
        Ages {
            raw_ms: i64::from(settings.raw_hours) * HOUR_MS,
            minutes_ms: i64::from(settings.five_minute_days) * DAY_MS,
            all_ms: i64::from(settings.retention_days) * DAY_MS,
        }
    }

    /// What is to go at a time.
    fn limits(self, now: UnixMillis) -> Limits {
        let aligned = |age: i64, step: i64| (now.0 - age).div_euclid(step) * step;
        Limits {
            forget: now.0 - self.all_ms,
            raw: aligned(self.raw_ms, 5 * MINUTE_MS),
            minutes: aligned(self.minutes_ms, HOUR_MS),
        }
    }
}

/// Older than these, in unix milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Whatever it is, it is deleted.
    pub forget: i64,
    /// Samples become rows of five minutes.
    pub raw: i64,
    /// Those become rows of an hour.
    pub minutes: i64,
}

impl Limits {
    /// The same in steps, each of which moves little: `oldest` is the oldest sample that there is.
    fn steps(self, oldest: Option<i64>) -> Vec<Limits> {
        let mut steps = Vec::new();
        let mut until = oldest
            .unwrap_or(self.raw)
            .max(self.forget)
            .saturating_add(SLICE_MS);
        while until < self.raw {
            steps.push(Limits {
                raw: until.div_euclid(5 * MINUTE_MS) * 5 * MINUTE_MS,
                ..self
            });
            until += SLICE_MS;
        }
        steps.push(self);
        steps
    }
}

/// Rolls up whenever it is due, until the server stops.
pub async fn keep_rolled_up(app: Arc<App>, ages: Ages) {
    let mut stopping = app.stopping.clone();
    loop {
        if let Err(error) = sweep_if_due(&app.storage, ages, app.clock.now()).await {
            tracing::warn!(error = %error, "old telemetry could not be rolled up, it is tried again later");
        }
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Rolls everything up if it is due and no other server does it.
pub(super) async fn sweep_if_due(storage: &Storage, ages: Ages, now: UnixMillis) -> Result<(), Error> {
    let due = move |conn: &mut crate::storage::Conn| store::take_turn(conn, now, PERIOD_MS);
    if storage.writer.run(due).await? {
        let moved = sweep(storage, ages.limits(now)).await?;
        tracing::debug!(telemetry.moved = moved, "old telemetry was rolled up");
    }
    Ok(())
}

async fn sweep(storage: &Storage, limits: Limits) -> Result<usize, Error> {
    let (mut after, mut moved) = (0, 0);
    loop {
        let systems = storage
            .readers
            .run(move |conn| store::next_systems(conn, after, AT_ONCE))
            .await?;
        let Some(last) = systems.last() else {
            return Ok(moved);
        };
        after = *last;
        let systems = Arc::new(systems);
        let asked = Arc::clone(&systems);
        let oldest = storage
            .readers
            .run(move |conn| store::oldest(conn, &asked))
            .await?;
        if oldest.is_within(limits) {
            continue;
        }
        for step in limits.steps(oldest.sample) {
            moved += roll_up(&storage.writer, Arc::clone(&systems), step).await?;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

async fn roll_up(writer: &Writer, systems: Arc<Vec<i64>>, limits: Limits) -> Result<usize, Error> {
    writer
        .run(move |conn| {
            store::forget(conn, &systems, limits.forget)?;
            let hours = store::to_hours(conn, &systems, limits.minutes)?;
            Ok(hours + store::to_five_minutes(conn, &systems, limits.raw)?)
        })
        .await
}

/// The oldest rows of some systems, in unix milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Oldest {
    pub sample: Option<i64>,
    pub minutes: Option<i64>,
    pub hour: Option<i64>,
}

impl Oldest {
    /// Whether nothing is to go.
    fn is_within(self, limits: Limits) -> bool {
        self.sample.is_none_or(|at| at >= limits.raw)
            && self
                .minutes
                .is_none_or(|at| at >= limits.minutes.max(limits.forget))
            && self.hour.is_none_or(|at| at >= limits.forget)
    }
}
